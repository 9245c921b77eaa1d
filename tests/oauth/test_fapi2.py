"""FAPI 2.0 as a client's policy: what it turns on, what it refuses, and the flow that is left."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import jwt
import pytest
from werkzeug.test import TestResponse

from idp import jose
from idp.domain.fapi2 import Fapi2
from idp.errors import ProtocolError
from idp.oauth.rfc7523_client_assertion import ASSERTION_TYPE

from ..proofs import ProofKey
from ..provider import ISSUER, VERIFIER, App, Browser, Provider, answer_of, answered, claims_of, header_of, refused

RSA, EC = jose.generate("RS256"), jose.generate("ES256")
JWKS = {"keys": [{k: v for k, v in jose.public_jwk(RSA, "RS256").items() if k != "alg"}, jose.public_jwk(EC, "ES256")]}
KEY = ProofKey()


def register(provider: Provider, policy: Fapi2 = Fapi2.SECURITY_PROFILE, **metadata: Any) -> App:
    members = {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS, "fapi2": policy} | metadata
    return provider.register("Bank", **members)


def assertion(provider: Provider, app: App, alg: str = "ES256", **changes: Any) -> dict[str, str]:
    now = int(provider.clock.now().timestamp())
    claims = {"iss": app.id, "sub": app.id, "aud": ISSUER, "exp": now + 60, "iat": now, "jti": uuid4().hex} | changes
    key = EC if alg == "ES256" else RSA
    kid = jose.public_jwk(key, alg)["kid"]
    signed = jwt.encode(claims, key, algorithm=alg, headers={"kid": kid})
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


def post(provider: Provider, app: App, path: str, form: dict[str, Any], **changes: Any) -> TestResponse:
    proof = KEY.proof(path, provider.clock.now().timestamp())
    return provider.post(path, {**form, **assertion(provider, app, **changes)}, headers={"DPoP": proof})


def authorized(provider: Provider, app: App, browser: Browser, **changes: Any) -> dict[str, Any]:
    pushed = post(provider, app, "/par", provider.request(app, **changes))
    assert pushed.status_code == 201, pushed.json
    assert pushed.json["expires_in"] < 600
    assert browser.user is not None
    provider.consent(browser.user, app)
    reference = pushed.json["request_uri"]
    came = answer_of(provider.visit(browser, f"/authorize?client_id={app.id}&request_uri={reference}"))
    assert came["iss"] == ISSUER
    return {
        "grant_type": "authorization_code", "code": came["code"], "redirect_uri": app.redirect_uri,
        "code_verifier": VERIFIER,
    }  # fmt: skip


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return register(provider)


@pytest.fixture(scope="module")
def browser(provider: Provider) -> Browser:
    return provider.sign_in()


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
@pytest.mark.spec("FAPI 2.0 Security Profile", "5.4.1")
def test_the_flow(provider: Provider, app: App, browser: Browser) -> None:
    tokens = answered(post(provider, app, "/token", authorized(provider, app, browser)))
    assert tokens["token_type"] == "DPoP"
    assert claims_of(tokens["access_token"])["cnf"] == {"jkt": KEY.jkt}
    assert {header_of(tokens[name])["alg"] for name in ("access_token", "id_token")} == {"ES256"}


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
def test_refresh_tokens_stay_as_they_are(both: Provider) -> None:
    app, browser = register(both), both.sign_in()
    tokens = answered(post(both, app, "/token", authorized(both, app, browser)))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for _ in range(3):
        with both.clock.later(40):
            again = answered(post(both, app, "/token", form))
        assert "refresh_token" not in again
    refused(provider_without_proof(both, app, form), 400, "invalid_request")


def provider_without_proof(provider: Provider, app: App, form: dict[str, Any]) -> TestResponse:
    return provider.post("/token", {**form, **assertion(provider, app)})


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
def test_no_token_without_a_proof(provider: Provider, app: App, browser: Browser) -> None:
    form = authorized(provider, app, browser)
    refused(provider_without_proof(provider, app, form), 400, "invalid_request")
    assert post(provider, app, "/token", form).status_code == 200


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.4.1")
@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
@pytest.mark.parametrize("changes", [
    {"alg": "RS256"}, {"aud": [ISSUER]}, {"aud": ISSUER + "/token"}, {"aud": ISSUER + "/par"}, {"exp": 1},
    {"nbf": 2**40}, {"sub": "other"},
])  # fmt: skip
def test_an_assertion_that_the_profile_does_not_take(provider: Provider, app: App, changes: dict[str, Any]) -> None:
    refused(post(provider, app, "/par", provider.request(app), **changes), 401, "invalid_client")


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
def test_another_clock_is_no_attack(provider: Provider, app: App) -> None:
    ahead = int(provider.clock.now().timestamp()) + 9
    assert post(provider, app, "/par", provider.request(app), nbf=ahead, iat=ahead).status_code == 201
    assert post(provider, app, "/par", provider.request(app), alg="PS256").status_code == 201


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.2")
def test_only_pushed_requests_with_pkce_and_a_redirect_uri(provider: Provider, app: App, browser: Browser) -> None:
    asked = provider.authorize(app, browser)
    assert "code" not in answer_of(asked)
    assert answer_of(asked)["error"] == "invalid_request"
    for changes in (
        {"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"},
        {"redirect_uri": None}, {"response_type": "code id_token"},
    ):  # fmt: skip
        assert post(provider, app, "/par", provider.request(app, **changes)).status_code == 400, changes


def test_pkce_whatever_the_operator_relaxes(provider: Provider) -> None:
    app = register(provider, pkce_required=False)
    without = provider.request(app, code_challenge=None, code_challenge_method=None)
    refused(post(provider, app, "/par", without), 400, "invalid_request")


@pytest.mark.spec("FAPI 2.0 Message Signing", "5.3.1")
def test_message_signing_wants_signed_requests(provider: Provider, browser: Browser) -> None:
    app = register(provider, Fapi2.MESSAGE_SIGNING)
    refused(post(provider, app, "/par", provider.request(app)), 400, "invalid_request")
    now = int(provider.clock.now().timestamp())
    claims = {**provider.request(app), "iss": app.id, "aud": ISSUER, "nbf": now, "exp": now + 300}

    def pushed(key: Any, alg: str) -> TestResponse:
        kid = jose.public_jwk(key, alg)["kid"]
        signed = jwt.encode(claims, key, algorithm=alg, headers={"typ": "oauth-authz-req+jwt", "kid": kid})
        return post(provider, app, "/par", {"client_id": app.id, "request": signed})

    assert pushed(EC, "ES256").status_code == 201
    assert pushed(RSA, "PS256").status_code == 201
    refused(pushed(RSA, "RS256"), 400, "invalid_request_object")


# ── registration ──────────────────────────────────────────────────────────────────────────────────


def test_what_is_turned_on_stands_in_the_registration(provider: Provider, app: App) -> None:
    assert {
        "require_pushed_authorization_requests": True, "dpop_bound_access_tokens": True,
        "id_token_signed_response_alg": "ES256", "authorization_signed_response_alg": "ES256",
    }.items() <= app.client.metadata.items()  # fmt: skip
    bound = register(provider, tls_client_certificate_bound_access_tokens=True)
    assert "dpop_bound_access_tokens" not in bound.client.metadata
    signing = register(provider, Fapi2.MESSAGE_SIGNING, id_token_signed_response_alg="EdDSA")
    assert signing.client.metadata["require_signed_request_object"] is True
    assert signing.client.metadata["id_token_signed_response_alg"] == "EdDSA"


@pytest.mark.spec("FAPI 2.0 Security Profile", "5.3.2.1")
@pytest.mark.parametrize("members", [
    {"token_endpoint_auth_method": "client_secret_basic"}, {"token_endpoint_auth_method": "none"},
    {"id_token_signed_response_alg": "RS256"}, {"token_endpoint_auth_signing_alg": "RS256"},
    {"userinfo_signed_response_alg": "RS256"}, {"redirect_uris": ["http://localhost/callback"]},
])  # fmt: skip
def test_what_the_profile_forbids_is_not_registered(provider: Provider, members: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="invalid"):
        register(provider, **members)


def test_a_client_cannot_leave_the_policy_by_changing_itself(provider: Provider) -> None:
    app = register(provider)
    with provider.stores.work():
        changed = provider.services.clients.update(app.id, {"require_pushed_authorization_requests": False})
        assert changed.metadata["require_pushed_authorization_requests"] is True
        with pytest.raises(ProtocolError):
            provider.services.clients.update(app.id, {"token_endpoint_auth_method": "client_secret_basic"})
    with provider.stores.work():
        free = provider.services.clients.update(app.id, {}, fapi2=None)
    assert free.fapi2 is None


def test_nobody_declares_it_of_itself(provider: Provider) -> None:
    """ASVS 15.3.3: a policy is the operator's."""
    app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks=JWKS, fapi2=None)
    with provider.stores.work():
        assert provider.services.clients.update(app.id, {"fapi2": "security-profile"}).fapi2 is None
