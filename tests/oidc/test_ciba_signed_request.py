"""CIBA Core 1.0 section 7.1.1: signed authentication requests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug.test import TestResponse

from idp import jose

from ..provider import ISSUER, App, Provider, answered, refused

GRANT = "urn:openid:params:grant-type:ciba"
CIBA = "CIBA Core"
KEY, STRANGER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
OTHER_ALG = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS = {"keys": [jose.public_jwk(KEY, "ES256"), jose.public_jwk(OTHER_ALG, "RS256")]}


def an_app(provider: Provider, alg: str | None = "ES256") -> App:
    return provider.register(
        "Till", redirect_uris=[], grant_types=[GRANT], backchannel_token_delivery_mode="poll", jwks=KEYS,
        backchannel_authentication_request_signing_alg=alg,
    )  # fmt: skip


def signed(provider: Provider, app: App, key: Any = KEY, alg: str = "ES256", **changes: Any) -> str:
    now = int(provider.clock.now().timestamp())
    claims = {
        "iss": app.id, "aud": ISSUER, "iat": now, "nbf": now, "exp": now + 300, "jti": uuid4().hex, "scope": "openid",
        "login_hint": "ada@example.com", "binding_message": "W4-SCT", "requested_expiry": 60,
    } | changes  # fmt: skip
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, alg)


def ask(provider: Provider, app: App, request: str | None, **form: Any) -> TestResponse:
    sent = {"request": request} | form
    return provider.post("/bc-authorize", {name: value for name, value in sent.items() if value is not None}, app)


@pytest.mark.spec(CIBA, "7.1.1")
def test_what_stands_in_it_counts(provider: Provider) -> None:
    app = an_app(provider)
    assert answered(ask(provider, app, signed(provider, app)))["expires_in"] == 60
    (waiting, *_) = provider.services.polling.waiting_for(provider.person())
    assert waiting.binding_message == "W4-SCT"


@pytest.mark.spec(CIBA, "7.1.1")
@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("iss", "aud", "exp", "iat", "nbf", "jti", "scope")),
        {"iss": "other"}, {"aud": "https://other.example"}, {"exp": 1}, {"nbf": 2**40}, {"exp": 2**40},
        {"aud": ["https://other.example"]}, {"client_id": "another"}, {"request": "x"}, {"request_uri": "x"},
        {"key": STRANGER}, {"key": OTHER_ALG, "alg": "RS256"}, {"request": "a.b.c"}, {"scope": True},
    ],
)  # fmt: skip
def test_whatever_is_wrong_with_it(provider: Provider, changes: dict[str, Any]) -> None:
    app = an_app(provider)
    refused(ask(provider, app, signed(provider, app, **changes)), 400, "invalid_request")


@pytest.mark.spec(CIBA, "7.1.1")
def test_the_audience_contains_the_issuer(provider: Provider) -> None:
    app = an_app(provider)
    more = signed(provider, app, aud=[ISSUER, "https://other.example"], client_id=app.id)
    assert answered(ask(provider, app, more))


@pytest.mark.spec(CIBA, "7.1.1")
def test_signed_or_not_and_nothing_between(provider: Provider) -> None:
    app, plain = an_app(provider), an_app(provider, None)
    refused(ask(provider, app, None, scope="openid", login_hint="ada@example.com"), 400, "invalid_request")
    refused(ask(provider, app, signed(provider, app), scope="openid"), 400, "invalid_request")
    refused(ask(provider, plain, signed(provider, plain)), 400, "invalid_request")
    refused(ask(provider, app, "eyJhbGciOiJub25lIn0.e30."), 400, "invalid_request")
