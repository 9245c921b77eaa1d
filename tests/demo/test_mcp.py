"""The MCP server: messages, tools and their scopes, and what it answers who brings no token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from idp.demo.api import create_app
from idp.demo.places import API_ID, Places
from tests.resource_server.fake_issuer import CREDENTIALS, FakeIssuer

API = "http://127.0.0.2:8002"
BOTH = "notes.read notes.write"


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


def post(api: FlaskClient, issuer: FakeIssuer, message: Any, scope: str = BOTH, **headers: str) -> TestResponse:
    token = issuer.token(aud=API, scope=scope)
    return api.post("/mcp", json=message, headers={"Authorization": f"Bearer {token}", **headers})


def ask(api: FlaskClient, issuer: FakeIssuer, method: str, **parameters: Any) -> dict[str, Any]:
    answer = post(api, issuer, {"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters})
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    assert (document["jsonrpc"], document["id"]) == ("2.0", 7)
    return document


@pytest.mark.spec("RFC 9728", "5.1")
def test_without_a_token_the_challenge_says_where_to_get_one(api: FlaskClient) -> None:
    answer = api.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert answer.status_code == 401
    assert f'resource_metadata="{API}/.well-known/oauth-protected-resource"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("wanted", "given"), [("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")])
def test_versions_are_agreed_upon(api: FlaskClient, issuer: FakeIssuer, wanted: str, given: str) -> None:
    result = ask(api, issuer, "initialize", protocolVersion=wanted, capabilities={})["result"]
    assert (result["protocolVersion"], "tools" in result["capabilities"]) == (given, True)


def test_a_notification_is_taken_note_of(api: FlaskClient, issuer: FakeIssuer) -> None:
    answer = post(api, issuer, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (answer.status_code, answer.data) == (202, b"")


def test_tools_read_and_write_the_notes_of_whom_the_token_speaks_for(api: FlaskClient, issuer: FakeIssuer) -> None:
    assert [tool["name"] for tool in ask(api, issuer, "tools/list")["result"]["tools"]] == ["read_notes", "write_note"]
    written = ask(api, issuer, "tools/call", name="write_note", arguments={"text": "buy tea"})["result"]
    assert written["isError"] is False
    read = ask(api, issuer, "tools/call", name="read_notes")["result"]
    assert read["content"] == [{"type": "text", "text": "buy tea"}]


@pytest.mark.spec("RFC 6750", "3.1")
def test_a_tool_whose_scope_is_missing_asks_for_it(api: FlaskClient, issuer: FakeIssuer) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "write_note"}}
    answer = post(api, issuer, call, scope="notes.read")
    assert (answer.status_code, 'scope="notes.write"' in answer.headers["WWW-Authenticate"]) == (403, True)


@pytest.mark.parametrize("arguments", [{}, {"text": ""}, {"text": 7}, {"text": "x" * 501}])
def test_wrong_arguments_are_told_to_the_agent(api: FlaskClient, issuer: FakeIssuer, arguments: object) -> None:
    result = ask(api, issuer, "tools/call", name="write_note", arguments=arguments)["result"]
    assert (result["isError"], "characters" in result["content"][0]["text"]) == (True, True)


@pytest.mark.parametrize(
    ("method", "parameters", "code"),
    [
        ("server/discover", {}, -32601),
        ("tools/call", {"name": "rm"}, -32602),
        ("tools/call", {"name": "read_notes", "arguments": [1]}, -32602),
    ],
)
def test_what_there_is_not_is_an_error(
    api: FlaskClient, issuer: FakeIssuer, method: str, parameters: dict[str, Any], code: int
) -> None:
    assert ask(api, issuer, method, **parameters)["error"]["code"] == code


@pytest.mark.parametrize("message", [[], "x", None, 1])
def test_what_is_no_message_is_400(api: FlaskClient, issuer: FakeIssuer, message: object) -> None:
    assert post(api, issuer, message).status_code == 400


@pytest.mark.parametrize("message", [{"id": 1}, {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}])
def test_what_is_no_request_is_an_error(api: FlaskClient, issuer: FakeIssuer, message: object) -> None:
    assert post(api, issuer, message).get_json()["error"]["code"] == -32600


def test_a_browser_does_not_call(api: FlaskClient, issuer: FakeIssuer) -> None:
    assert post(api, issuer, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, Origin="https://evil").status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_neither_stream_nor_session(api: FlaskClient, method: str) -> None:
    assert api.open("/mcp", method=method).status_code == 405
