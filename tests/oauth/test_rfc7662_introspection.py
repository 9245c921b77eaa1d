"""Introspection answers from the session's state, and only those whose business it is (RFC 7662; security.md D)."""

from __future__ import annotations

from typing import Any

import pytest

from idp import jose
from idp.errors import Unavailable

from ..provider import ISSUER, App, Browser, Provider, answered, claims_of, refused

PHOTOS, MAIL = "https://photos-api.example", "https://mail-api.example"
INACTIVE = {"active": False}


@pytest.fixture(scope="module")
def scene(provider: Provider) -> dict[str, Any]:
    """An app with tokens for one API; the resource servers of that API and of another; a stranger."""
    servers = {
        name: provider.register(name, grant_types=[], redirect_uris=[], trusted=False) for name in ("photos", "mail")
    }
    provider.resource(PHOTOS, servers["photos"], photos_read="See your photos")
    provider.resource(MAIL, servers["mail"], mail_read="Read your mail")
    app = provider.register("App", trusted=True)
    ada = provider.sign_in()
    return {
        "app": app, **servers, "stranger": provider.register("Stranger"), "ada": ada,
        "tokens": provider.tokens(app, ada, scope="openid photos:read offline_access"),
    }  # fmt: skip


@pytest.mark.spec("RFC 7662", "2.2")
def test_what_is_told_of_an_access_token(provider: Provider, scene: dict[str, Any]) -> None:
    token = scene["tokens"]["access_token"]
    response = provider.introspect(scene["app"], token)
    claims = claims_of(token)
    assert answered(response) == {"active": True, "token_type": "Bearer", **claims}
    assert claims["aud"] == [ISSUER, PHOTOS]
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.spec("RFC 7662", "4")
@pytest.mark.parametrize(("caller", "knows"), [("app", True), ("photos", True), ("mail", False), ("stranger", False)])
def test_who_may_ask_about_an_access_token(provider: Provider, scene: dict[str, Any], caller: str, knows: bool) -> None:
    """CVE-2024-47077: everybody else hears ``active: false`` and nothing more."""
    found = answered(provider.introspect(scene[caller], scene["tokens"]["access_token"]))
    assert found["active"] is knows
    assert knows or found == INACTIVE


@pytest.mark.parametrize(("caller", "knows"), [("app", True), ("photos", False), ("stranger", False)])
def test_a_refresh_token_is_its_clients_alone(
    provider: Provider, scene: dict[str, Any], caller: str, knows: bool
) -> None:
    found = answered(provider.introspect(scene[caller], scene["tokens"]["refresh_token"]))
    assert found["active"] is knows
    assert knows or found == INACTIVE
    if knows:
        assert found["sid"] == claims_of(scene["tokens"]["access_token"])["sid"]
        assert found["scope"] == "openid photos:read offline_access"
        assert "token_type" not in found


def test_a_used_refresh_token_is_not_active(provider: Provider, scene: dict[str, Any]) -> None:
    app: App = scene["app"]
    tokens = provider.tokens(app, scene["ada"])
    newer = answered(provider.refresh(app, tokens["refresh_token"]))
    assert answered(provider.introspect(app, tokens["refresh_token"])) == INACTIVE
    assert provider.active(app, newer["refresh_token"])


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "x", "é"])
def test_the_hint_is_only_a_hint(provider: Provider, scene: dict[str, Any], hint: str) -> None:
    for name in ("access_token", "refresh_token"):
        response = provider.introspect(scene["app"], scene["tokens"][name], token_type_hint=hint)
        assert answered(response)["active"] is True


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 7662", "2.2")
@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "é", "rt_", "rt_" + "A" * 75, "eyJhbGciOiJub25lIn0.e30.", ".", "..", "x" * 8000, "{}", "null",
     "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AA"],
)  # fmt: skip
def test_junk_is_inactive(provider: Provider, scene: dict[str, Any], token: str) -> None:
    with provider.nothing_changes():
        assert answered(provider.introspect(scene["app"], token)) == INACTIVE


def test_codes_and_id_tokens_are_inactive(provider: Provider, scene: dict[str, Any]) -> None:
    app, ada = scene["app"], scene["ada"]
    assert answered(provider.introspect(app, provider.code(app, ada))) == INACTIVE
    assert answered(provider.introspect(app, scene["tokens"]["id_token"])) == INACTIVE
    everything = claims_of(scene["tokens"]["access_token"])
    for typ in ("JWT", "logout+jwt", "oauth-authz-req+jwt"):
        other = jose.sign(everything, provider.services.keys.signer(), typ=typ)
        assert answered(provider.introspect(app, other)) == INACTIVE, "we signed it, and for something else"


@pytest.mark.spec("RFC 7662", "2.1")
def test_the_caller_must_prove_itself(provider: Provider, scene: dict[str, Any]) -> None:
    token = scene["tokens"]["access_token"]
    public = provider.register("Public", token_endpoint_auth_method="none")
    own = provider.tokens(public, scene["ada"])["access_token"]
    refused(provider.post("/introspect", {"token": token}), 401, "invalid_client")
    refused(provider.introspect(public, own), 401, "invalid_client")
    bearer = {"Authorization": f"Bearer {token}"}
    refused(provider.post("/introspect", {"token": token}, headers=bearer), 401, "invalid_client")
    assert provider.get(f"/introspect?token={token}").status_code == 405
    refused(provider.post("/introspect", {"x": "y"}, scene["app"]), 400, "invalid_request")
    response = provider.http.post("/introspect", base_url=provider.base, json={"token": token})
    refused(response, 415, "invalid_request")


@pytest.mark.promise("P1")
def test_an_ended_session_is_inactive_for_everybody_at_once(provider: Provider, scene: dict[str, Any]) -> None:
    ada: Browser = provider.sign_in()
    tokens = provider.tokens(scene["app"], ada, scope="openid photos:read")
    assert provider.active(scene["photos"], tokens["access_token"])
    provider.revoke(scene["app"], tokens["refresh_token"])
    for caller in ("app", "photos"):
        for name in ("access_token", "refresh_token"):
            assert answered(provider.introspect(scene[caller], tokens[name])) == INACTIVE


def test_an_expired_token_is_inactive(provider: Provider, scene: dict[str, Any]) -> None:
    token = provider.tokens(scene["app"], scene["ada"])["access_token"]
    with provider.clock.later(899):
        assert provider.active(scene["app"], token)
    with provider.clock.later(901):
        assert answered(provider.introspect(scene["app"], token)) == INACTIVE


@pytest.mark.promise("P5")
def test_a_database_that_does_not_answer_is_never_active(
    provider: Provider, scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    for name in ("liveness", "liveness_with_user"):
        monkeypatch.setattr(type(provider.stores.client_sessions), name, away)
    monkeypatch.setattr(type(provider.stores.refresh_families), "get", away)
    for name in ("access_token", "refresh_token"):
        response = provider.introspect(scene["app"], scene["tokens"][name])
        refused(response, 503, "temporarily_unavailable")
        assert int(response.headers["Retry-After"]) > 0
    refused(provider.userinfo(scene["tokens"]["access_token"]), 503, "temporarily_unavailable")
