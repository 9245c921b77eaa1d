"""The protected API: whose notes, which scope, and what it answers when a token is not good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from idp.demo.api import create_app
from idp.demo.places import API_ID, Places
from tests.resource_server.fake_issuer import CREDENTIALS, FakeIssuer, eventually
from tests.resource_server.fake_log import honest

API = "http://127.0.0.2:8002"


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as fake:
        fake.credentials = (API_ID, CREDENTIALS[1])
        yield fake


@pytest.fixture
def api(issuer: FakeIssuer, tmp_path: Path) -> FlaskClient:
    places = Places(issuer=issuer.url, app="http://127.0.0.1:8001", api=API, data_dir=tmp_path)
    places.keep_secrets({API_ID: CREDENTIALS[1]})
    return create_app(places).test_client()


def bearer(issuer: FakeIssuer, **claims: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.token(**{'aud': API, **claims})}"}


def test_notes_are_by_person(api: FlaskClient, issuer: FakeIssuer) -> None:
    written = api.post("/notes", json={"text": "buy tea"}, headers=bearer(issuer))
    assert written.status_code == 201
    mine = api.get("/notes", headers=bearer(issuer)).get_json()
    assert (mine["notes"], mine["sub"], mine["sid"]) == (["buy tea"], "ada", "s1")
    assert api.get("/notes", headers=bearer(issuer, sub="eve")).get_json()["notes"] == []


def test_each_act_needs_its_scope(api: FlaskClient, issuer: FakeIssuer) -> None:
    reader = bearer(issuer, scope="notes.read")
    assert api.get("/notes", headers=reader).status_code == 200
    refused = api.post("/notes", json={"text": "x"}, headers=reader)
    assert (refused.status_code, 'scope="notes.write"' in refused.headers["WWW-Authenticate"]) == (403, True)


def test_the_metadata_say_where_to_sign_in(api: FlaskClient, issuer: FakeIssuer) -> None:
    metadata = api.get("/.well-known/oauth-protected-resource").get_json()
    assert (metadata["resource"], metadata["authorization_servers"]) == (API, [issuer.url])
    assert metadata["scopes_supported"] == ["notes.read", "notes.write"]


def test_an_ended_session_is_refused(api: FlaskClient, issuer: FakeIssuer) -> None:
    issuer.log.speaks = honest
    headers = bearer(issuer)
    assert api.get("/notes", headers=headers).status_code == 200
    issuer.ended.add("s1")
    issuer.log.revoke("sid", "s1")
    eventually(lambda: api.get("/notes", headers=headers).status_code == 401)
    refused = api.get("/notes", headers=headers)
    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_token")
    assert refused.headers["WWW-Authenticate"].startswith('Bearer realm="notes", error="invalid_token"')


@pytest.mark.parametrize("body", ["", "[]", "{", '{"text": ""}', '{"text": 7}', '{"text": "%s"}' % ("x" * 501)])
def test_what_is_no_note_is_refused(api: FlaskClient, issuer: FakeIssuer, body: str) -> None:
    answer = api.post("/notes", data=body, headers=bearer(issuer), content_type="application/json")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_note")


def test_the_oldest_note_goes(api: FlaskClient, issuer: FakeIssuer) -> None:
    headers = bearer(issuer)
    for number in range(25):
        api.post("/notes", json={"text": str(number)}, headers=headers)
    assert api.get("/notes", headers=headers).get_json()["notes"] == [str(number) for number in range(5, 25)]


def test_errors_are_json(api: FlaskClient) -> None:
    answer = api.get("/nowhere")
    assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    assert api.delete("/notes").status_code == 405
