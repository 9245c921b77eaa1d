"""Introspection, signed for the resource server that asks (RFC 9701)."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp import jose
from idp.errors import TokenRejected

from ..provider import ISSUER, App, Provider, answered, claims_of, header_of

JWT = "application/token-introspection+jwt"
API = "https://notes-api.example"


@pytest.fixture(scope="module")
def token(provider: Provider) -> str:
    app = provider.register(trusted=True)
    return str(provider.tokens(app, provider.sign_in(), scope="openid notes:read", resource=API)["access_token"])


@pytest.fixture(scope="module", autouse=True)
def _api(provider: Provider) -> None:
    provider.resource(API, server(provider), notes_read="Read your notes")


def server(provider: Provider, **metadata: Any) -> App:
    return provider.register("Notes", grant_types=[], redirect_uris=[], client_id="notes-api", **metadata)


def ask(provider: Provider, token: str, accept: str | None) -> TestResponse:
    with provider.stores.work():
        secret = provider.services.clients.rotate_secret("notes-api")
    app = App(provider.services.clients.get("notes-api"), secret, "")
    return provider.post("/introspect", {"token": token}, app, headers={"Accept": accept} if accept else {})


@pytest.mark.spec("RFC 9701", "4")
@pytest.mark.spec("RFC 9701", "5")
def test_the_answer_is_a_typed_jwt_for_the_caller_alone(provider: Provider, token: str) -> None:
    response = ask(provider, token, JWT)
    assert (response.status_code, response.mimetype) == (200, JWT)
    assert response.headers["Cache-Control"] == "no-store"
    assert header_of(response.text)["typ"] == "token-introspection+jwt"
    claims = claims_of(response.text)
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}, "no sub and no exp beside it"
    assert (claims["iss"], claims["aud"]) == (ISSUER, "notes-api")
    assert claims["token_introspection"] == answered(ask(provider, token, None))
    verified = jose.verify(
        response.text, provider.services.keys.find, typ=("token-introspection+jwt",), issuer=ISSUER,
        audience="notes-api", require=("iat", "token_introspection"),
    )  # fmt: skip
    assert verified["token_introspection"]["active"] is True


@pytest.mark.spec("RFC 9701", "5")
def test_what_is_not_to_be_told_is_inactive_here_too(provider: Provider) -> None:
    assert claims_of(ask(provider, "nonsense", JWT).text)["token_introspection"] == {"active": False}


@pytest.mark.spec("RFC 9701", "4")
@pytest.mark.parametrize("accept", [
    None, "*/*", "application/json", "application/jwt", f"{JWT};q=0", f"{JWT}; q=0.000", "application/*", "",
])  # fmt: skip
def test_json_unless_it_is_asked_for(provider: Provider, token: str, accept: str | None) -> None:
    response = ask(provider, token, accept)
    assert (response.status_code, response.mimetype) == (200, "application/json")


@pytest.mark.parametrize("accept", [f"application/json, {JWT}", f"{JWT};q=0.5", JWT.upper(), f"{JWT}, */*;q=0"])
def test_however_it_is_written(provider: Provider, token: str, accept: str) -> None:
    assert ask(provider, token, accept).mimetype == JWT


@pytest.mark.spec("RFC 9701", "6")
def test_the_algorithm_is_the_registered_one(provider: Provider, token: str) -> None:
    with provider.stores.work():
        provider.services.clients.update("notes-api", {"introspection_signed_response_alg": "ES256"})
    assert header_of(ask(provider, token, JWT).text)["alg"] == "ES256"


@pytest.mark.spec("RFC 9701", "8.1")
def test_it_passes_for_no_token_of_another_kind(provider: Provider, token: str) -> None:
    signed = ask(provider, token, JWT).text
    assert claims_of(ask(provider, signed, JWT).text)["token_introspection"] == {"active": False}
    with pytest.raises(TokenRejected):
        jose.verify(
            signed, provider.services.keys.find, typ=("JWT", "at+jwt"), issuer=ISSUER, audience=None, require=()
        )


@pytest.mark.spec("RFC 9701", "7")
def test_discovery_names_the_algorithms(provider: Provider) -> None:
    found = answered(provider.get("/.well-known/oauth-authorization-server"))
    assert found["introspection_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"]
