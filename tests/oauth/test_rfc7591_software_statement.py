"""Software statements: whose count, what they may say, and that nothing else passes for one (RFC 7591 2.3)."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp import jose

from ..provider import CALLBACK, ISSUER, Provider, answered, b64url, refused, running

SPEC = pytest.mark.spec("RFC 7591", "2.3")
FOUNDRY = "https://foundry.example"
KEY, STRANGER = jose.generate("RS256"), jose.generate("RS256")


class _KeySet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"keys": [jose.public_jwk(KEY, "RS256")]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _KeySet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks"
    server.shutdown()
    server.server_close()


@pytest.fixture
def trusting(database: str, keys: str) -> Iterator[Provider]:
    issuers = f"{FOUNDRY}={keys}, https://other.example={keys}"
    with running(database, software_statement_issuers=issuers, fetch_private_networks=True) as made:
        yield made


def statement(key: Any = KEY, typ: str | None = "JWT", **claims: Any) -> str:
    said = {"iss": FOUNDRY, "software_id": "4NRB1", "client_name": "Signed name", **claims}
    said = {name: value for name, value in said.items() if value is not None}
    kid = jose.public_jwk(KEY, "RS256")["kid"]
    return jose.sign(said, jose.Signer(kid, "RS256", key), typ=typ or "JWT")


def register(provider: Provider, token: object, **metadata: Any) -> TestResponse:
    sent = {"redirect_uris": [CALLBACK], "software_statement": token, **metadata}
    return provider.http.post("/register", base_url=provider.base, json=sent)


@SPEC
def test_its_claims_come_before_what_the_client_says(trusting: Provider) -> None:
    token = statement(redirect_uris=["https://signed.example/cb"], iat=int(time.time()), jti="1", sub="x", aud=ISSUER)
    answer = register(trusting, token, client_name="Own name", client_uri="https://own.example")
    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["client_name"] == "Signed name"
    assert answer.json["redirect_uris"] == ["https://signed.example/cb"]
    assert answer.json["client_uri"] == "https://own.example"
    assert answer.json["software_id"] == "4NRB1"
    assert answer.json["software_statement"] == token, "unmodified (section 3.2.1)"
    assert not {"iss", "sub", "aud", "jti", "iat"} & set(answer.json)


@SPEC
@pytest.mark.spec("RFC 7591", "2.2")
def test_what_it_says_the_client_does_not_say_in_another_language(trusting: Provider) -> None:
    """People would read that name instead of the signed one."""
    token = statement(**{"client_name": "Signed name", "client_name#fr": "Nom"})
    answer = register(
        trusting, token, **{"client_name#en": "Evil", "client_name#fr": "Mal", "policy_uri#en": "https://own.example"}
    )
    assert answer.json
    names = {name: value for name, value in answer.json.items() if name.startswith(("client_name", "policy_uri"))}
    assert names == {"client_name": "Signed name", "client_name#fr": "Nom", "policy_uri#en": "https://own.example"}


@SPEC
def test_the_client_manages_itself_with_it(trusting: Provider) -> None:
    client = register(trusting, statement()).json
    assert client is not None
    uri, bearer = f"/register/{client['client_id']}", {"Authorization": f"Bearer {client['registration_access_token']}"}
    assert answered(trusting.http.get(uri, base_url=trusting.base, headers=bearer))["software_id"] == "4NRB1"
    sent = {"client_id": client["client_id"], "redirect_uris": [CALLBACK], "software_statement": statement(STRANGER)}
    refused(
        trusting.http.put(uri, base_url=trusting.base, json=sent, headers=bearer), 400, "invalid_software_statement"
    )
    sent["software_statement"] = statement(client_name="Newer", client_id="another", client_secret="x")
    changed = answered(trusting.http.put(uri, base_url=trusting.base, json=sent, headers=bearer))
    assert (changed["client_name"], changed["client_id"]) == ("Newer", client["client_id"])


WRONG: dict[str, Any] = {
    "signed by a stranger": lambda: statement(STRANGER),
    "over": lambda: statement(exp=int(time.time()) - 60),
    "not yet": lambda: statement(nbf=int(time.time()) + 600),
    "for another server": lambda: statement(aud="https://evil.example"),
    "for others": lambda: statement(aud=["https://evil.example", 7]),
    "for nobody": lambda: statement(aud=7),
    "an ID token, say": lambda: statement(software_id=None),
    "another kind of token": lambda: statement(typ="at+jwt"),
    "altered": lambda: statement()[:-6] + "AAAAAA",
    "a NUL": lambda: statement(client_name="a\0"),
    "alg none": lambda: ".".join((
        b64url(b'{"alg":"none"}'), b64url(json.dumps({"iss": FOUNDRY, "software_id": "x"}).encode()), "",
    )),
}  # fmt: skip


@SPEC
@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_what_is_no_statement_of_the_issuer(trusting: Provider, wrong: Any) -> None:
    with trusting.nothing_changes():
        refused(register(trusting, wrong()), 400, "invalid_software_statement")


@pytest.mark.spec("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    "token", [statement(iss="https://nobody.example"), statement(iss=None), "eyJ", "a.b.c", "." * 9000]
)
def test_whose_statements_do_not_count(trusting: Provider, provider: Provider, token: str) -> None:
    refused(register(trusting, token), 400, "unapproved_software_statement")
    refused(register(provider, statement()), 400, "unapproved_software_statement")
    refused(register(trusting, 7), 400, "invalid_software_statement")
    assert register(trusting, None).status_code == 201


@SPEC
def test_what_it_says_is_checked_like_any_registration(trusting: Provider) -> None:
    refused(register(trusting, statement(redirect_uris=["javascript:x"])), 400, "invalid_redirect_uri")
    refused(register(trusting, statement(grant_types=["password"])), 400, "invalid_client_metadata")
    granted = register(trusting, statement(trusted=True, pkce_required=False, registration_access_token="x")).json
    assert granted is not None
    client = trusting.services.clients.get(granted["client_id"])
    assert (client.trusted, client.pkce_required) == (False, None)


def test_an_operator_may_require_one(database: str, keys: str) -> None:
    settings = {"software_statement_issuers": f"{FOUNDRY}={keys}", "software_statement_required": True}
    with running(database, fetch_private_networks=True, **settings) as provider:
        refused(register(provider, None), 400, "unapproved_software_statement")
        assert register(provider, statement()).status_code == 201
