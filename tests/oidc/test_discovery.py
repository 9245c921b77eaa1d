"""Discovery, the key set, and who may read them (OpenID Connect Discovery, RFC 8414, RFC 7517; security.md E)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from authlib.oauth2 import rfc9101, rfc9207
from authlib.oidc import discovery, rpinitiated

from ..provider import ISSUER, Provider, answered, running

WELL_KNOWN = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"


def document(provider: Provider, path: str = WELL_KNOWN) -> dict[str, Any]:
    return answered(provider.get(path))


@pytest.mark.spec("OpenID Connect Discovery 1.0", "3")
def test_a_validator_that_is_not_ours_finds_nothing_wrong(provider: Provider) -> None:
    discovery.OpenIDProviderMetadata(document(provider)).validate(
        metadata_classes=[
            rpinitiated.OpenIDProviderMetadata, rfc9101.AuthorizationServerMetadata,
            rfc9207.AuthorizationServerMetadata,
        ]
    )  # fmt: skip


@pytest.mark.spec("RFC 8414", "3.3")
def test_the_issuer_is_exact_and_every_address_is_beneath_it(provider: Provider) -> None:
    found = document(provider)
    assert found["issuer"] == ISSUER
    addresses = {name: value for name, value in found.items() if name.endswith(("_endpoint", "_uri"))}
    assert all(value.startswith(ISSUER + "/") for value in addresses.values())
    assert len(addresses) >= 10


@pytest.mark.spec("ASVS", "10.4.4")
def test_only_what_works_is_listed(provider: Provider) -> None:
    """interop.md 4: clients act on what is advertised."""
    found = document(provider)
    assert found["response_types_supported"] == ["code"]
    assert found["response_modes_supported"][:3] == ["query", "fragment", "form_post"]
    assert found["grant_types_supported"][:3] == ["authorization_code", "refresh_token", "client_credentials"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["id_token_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["claims_parameter_supported"] is True
    assert found["request_parameter_supported"] is True
    assert found["request_uri_parameter_supported"] is True
    assert found["require_request_uri_registration"] is True
    assert "none" not in found["request_object_signing_alg_values_supported"]
    assert "none" not in found["introspection_endpoint_auth_methods_supported"]
    text = json.dumps(found)
    for absent in ("implicit", "password", "HS256", "plain"):
        assert absent not in text


def test_every_listed_address_answers(provider: Provider) -> None:
    found = document(provider)
    for name in (name for name in found if name.endswith(("_endpoint", "_uri"))):
        path = found[name].removeprefix(ISSUER)
        assert provider.get(path).status_code not in (404, 500), name


@pytest.mark.spec("RFC 8414", "3")
def test_both_documents_are_one(provider: Provider) -> None:
    assert document(provider) == document(provider, OAUTH)


def test_the_operators_scopes_are_listed(alone: Provider) -> None:
    alone.resource(photos_read="See your photos")
    assert "photos:read" in document(alone)["scopes_supported"]


@pytest.mark.spec("RFC 8414", "3.1")
def test_an_issuer_with_a_path(database: str) -> None:
    issuer = "https://id.example/tenant"
    with running(database, issuer=issuer) as provider:
        for path in ("/tenant" + WELL_KNOWN, "/tenant" + OAUTH, OAUTH + "/tenant"):
            found = document(provider, path)
            assert found["issuer"] == issuer
            assert found["token_endpoint"] == issuer + "/token"
        assert provider.get("/tenant" + JWKS).status_code == 200
        for path in (WELL_KNOWN, JWKS, "/token"):
            assert provider.get(path).status_code == 404


@pytest.mark.parametrize("path", [WELL_KNOWN, OAUTH, JWKS])
def test_ready_bytes_with_an_etag(provider: Provider, path: str) -> None:
    first = provider.get(path)
    assert first.headers["Cache-Control"].startswith("public, max-age=")
    assert "Set-Cookie" not in first.headers
    assert "Cookie" not in first.headers.get("Vary", "")
    again = provider.get(path, If_None_Match=first.headers["ETag"])
    assert again.status_code == 304
    assert again.get_data() == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert provider.get(path, If_None_Match='"other"').get_data() == first.get_data()


def test_the_key_sets_life_in_caches_is_the_operators(database: str) -> None:
    with running(database, jwks_max_age=120) as provider:
        assert provider.get(JWKS).headers["Cache-Control"] == "public, max-age=120"


@pytest.mark.promise("P7")
@pytest.mark.spec("RFC 7517", "5")
def test_the_key_set_is_public_in_every_member(provider: Provider) -> None:
    response = provider.get(JWKS)
    assert response.mimetype in ("application/json", "application/jwk-set+json")
    keys = answered(response)["keys"]
    assert sorted(key["alg"] for key in keys) == sorted(["RS256", "ES256", "EdDSA"] * 2), "active and announced"
    assert len({key["kid"] for key in keys}) == 6
    public = {"RS256": {"n", "e"}, "ES256": {"crv", "x", "y"}, "EdDSA": {"crv", "x"}}
    for key in keys:
        assert set(key) == {"kty", "kid", "alg", "use", *public[key["alg"]]}
        assert key["use"] == "sig"
    assert all(len(key["n"]) >= 342 for key in keys if key["kty"] == "RSA"), "2048 bits"


@pytest.mark.parametrize("path", ["/.well-known/", "/.well-known/webfinger", "/.well-known/x", WELL_KNOWN + "/x"])
def test_what_is_not_there_is_404_as_json(provider: Provider, path: str) -> None:
    response = provider.get(path)
    assert response.status_code == 404
    assert response.mimetype == "application/json"
