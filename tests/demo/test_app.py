"""The demo app as a receiver: OpenID Connect Back-Channel Logout 1.0 section 2.6, step by step."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from idp import jose
from idp.demo.app import LOGOUT_EVENT, create_app
from idp.demo.places import APP_ID, Places, places_on
from idp.demo.visits import Visit

BCL = "OpenID Connect Back-Channel Logout 1.0"
KEY, OTHER = jose.generate("RS256"), jose.generate("RS256")
JWK = jose.public_jwk(KEY, "RS256")
SIGNER = jose.Signer(JWK["kid"], "RS256", KEY)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = places_on(8000, 8001, 8002, tmp_path)
    made.keep_secrets({APP_ID: "secret"})
    return made


@pytest.fixture
def app(places: Places) -> Flask:
    """The app; of the provider it knows issuer and keys."""
    made = create_app(places)
    provider = SimpleNamespace(
        load_server_metadata=lambda: {"issuer": places.issuer}, fetch_jwk_set=lambda force: {"keys": [JWK]}
    )  # fmt: skip
    made.extensions["authlib.integrations.flask_client"]._clients["idp"] = provider
    return made


def claims(places: Places, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    right = {
        "iss": places.issuer, "aud": APP_ID, "iat": now, "exp": now + 120, "jti": "j", "sub": "ada", "sid": "s1",
        "events": {LOGOUT_EVENT: {}},
    }  # fmt: skip
    return {name: value for name, value in (right | changes).items() if value is not None}


def visits(app: Flask) -> dict[str, Visit]:
    """Two of Ada's, one of Bob's."""
    opened = {
        sid: Visit(claims={"sub": sub, "sid": sid}, token={}, form_key="f")
        for sub, sid in (("ada", "s1"), ("ada", "s2"), ("bob", "s3"))
    }  # fmt: skip
    for visit in opened.values():
        app.extensions["visits"].open(visit)
    return opened


def told(app: Flask, token: str) -> int:
    answer = app.test_client().post("/backchannel-logout", data={"logout_token": token})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code


@pytest.mark.spec(BCL, "2.7")
@pytest.mark.parametrize(
    ("changes", "over"), [({}, {"s1"}), ({"sub": None}, {"s1"}), ({"sid": None}, {"s1", "s2"}), ({"sid": "old"}, set())]
)
def test_what_is_named_ends(app: Flask, places: Places, changes: dict[str, Any], over: set[str]) -> None:
    opened = visits(app)
    token = jose.sign(claims(places, **changes), SIGNER, typ="logout+jwt")
    assert [told(app, token), told(app, token)] == [200, 200], "twice does no harm"
    assert {sid for sid, visit in opened.items() if visit.ended} == over


@pytest.mark.spec(BCL, "2.6")
@pytest.mark.parametrize(
    "changes",
    [{"iss": "https://evil.example"}, {"aud": "another"}, {"exp": 1}, {"exp": None}, {"iat": None}, {"jti": None},
     {"events": None}, {"events": {}}, {"nonce": "n"}, {"sub": None, "sid": None}],
)  # fmt: skip
def test_what_is_no_logout_token_is_refused(app: Flask, places: Places, changes: dict[str, Any]) -> None:
    opened = visits(app)
    assert told(app, jose.sign(claims(places, **changes), SIGNER, typ="logout+jwt")) == 400
    assert not any(visit.ended for visit in opened.values())


@pytest.mark.spec(BCL, "2.6")
@pytest.mark.parametrize("token", ["", "x.y.z", "not a token"])
def test_junk_and_forgeries_are_refused(app: Flask, places: Places, token: str) -> None:
    assert told(app, token) == 400
    forged = jose.sign(claims(places), jose.Signer(JWK["kid"], "RS256", OTHER), typ="logout+jwt")
    unknown = jose.sign(claims(places), jose.Signer("another", "RS256", OTHER), typ="logout+jwt")
    assert (told(app, forged), told(app, unknown)) == (400, 400)
