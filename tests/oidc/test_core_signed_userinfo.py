"""Userinfo as a JWT, for clients that registered for it (OpenID Connect Core 5.3.2)."""

from __future__ import annotations

import pytest

from idp import jose
from idp.errors import TokenRejected
from idp.oidc.core_id_token import IdTokens

from ..provider import ISSUER, Provider, answered, claims_of, header_of, refused


@pytest.mark.spec("OpenID Connect Core 1.0", "5.3.2")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_signed_for_the_client_that_registered_so(provider: Provider, alg: str) -> None:
    ada, app = provider.sign_in(), provider.register(userinfo_signed_response_alg=alg)
    tokens = provider.tokens(app, ada, scope="openid email")
    for method in ("GET", "POST"):
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        response = provider.http.open("/userinfo", base_url=provider.base, method=method, headers=headers)
        assert (response.status_code, response.mimetype) == (200, "application/jwt")
        assert response.headers["Cache-Control"] == "no-store"
        assert header_of(response.text)["alg"] == alg
        told = jose.verify(
            response.text, provider.services.keys.find, typ=("JWT",), issuer=ISSUER, audience=app.id, require=("sub",)
        )
        assert told == {
            "iss": ISSUER, "aud": app.id, "sub": claims_of(tokens["id_token"])["sub"], "email": "ada@example.com",
            "email_verified": True,
        }  # fmt: skip


@pytest.mark.spec("OpenID Connect Core 1.0", "5.3.3")
def test_errors_stay_json(provider: Provider) -> None:
    provider.register(userinfo_signed_response_alg="RS256")
    refused(provider.userinfo("junk"), 401, "invalid_token")


def test_it_is_no_id_token(provider: Provider) -> None:
    """Both are signed by us and typed JWT; without exp and iat none passes for the other."""
    ada, app = provider.sign_in(), provider.register(userinfo_signed_response_alg="RS256")
    signed = provider.userinfo(provider.tokens(app, ada)["access_token"]).text
    hints = IdTokens(ISSUER, 900, provider.services.keys, provider.stores.users, provider.clock)
    with pytest.raises(TokenRejected):
        hints.read_hint(signed)


@pytest.mark.spec("OpenID Connect Discovery 1.0", "3")
def test_discovery_names_the_algorithms(provider: Provider) -> None:
    found = answered(provider.get("/.well-known/openid-configuration"))
    assert found["userinfo_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"]
