"""PyJWT and joserfc verify our tokens from nothing but the issuer's address."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import requests
from joserfc import jwt as jose
from joserfc.jwk import KeySet

from idp.demo.places import Places
from tests.user_agent import UserAgent

from .conftest import sign_in_and_allow

REDIRECT = "https://client.example/cb"
VERIFIER = "0123456789-0123456789-0123456789-0123456789"


@dataclass(frozen=True)
class Issued:
    client_id: str
    metadata: dict[str, Any]
    tokens: dict[str, Any]


def authorization(client_id: str, resource: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code", "client_id": client_id, "redirect_uri": REDIRECT, "scope": "openid notes.read",
        "state": "s", "nonce": "n", "code_challenge": challenge, "code_challenge_method": "S256", "resource": resource,
    }  # fmt: skip


@pytest.fixture(scope="module")
def issued(provider: Places) -> Issued:
    """Tokens of a public client that registered itself."""
    metadata = requests.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=10).json()
    registration = {
        "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", "scope": "openid notes.read",
        "client_name": "libraries",
    }  # fmt: skip
    registered = requests.post(metadata["registration_endpoint"], json=registration, timeout=10)
    assert registered.status_code == 201, registered.text
    client_id = registered.json()["client_id"]
    with UserAgent(provider.issuer) as browser:
        query = urlencode(authorization(client_id, provider.api))
        browser.get(f"{metadata['authorization_endpoint']}?{query}")
        answer = sign_in_and_allow(browser).answer
    assert (answer["state"], answer["iss"]) == ("s", provider.issuer)
    form = {
        "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT,
        "client_id": client_id, "code_verifier": VERIFIER,
    }  # fmt: skip
    answered = requests.post(metadata["token_endpoint"], data=form, timeout=10)
    assert answered.status_code == 200, answered.text
    return Issued(client_id, metadata, answered.json())


def key_set(issued: Issued) -> dict[str, Any]:
    document: dict[str, Any] = requests.get(issued.metadata["jwks_uri"], timeout=10).json()
    return document


def audiences(issued: Issued, provider: Places) -> dict[str, tuple[str, str]]:
    return {"access_token": ("at+jwt", provider.api), "id_token": ("JWT", issued.client_id)}


@pytest.mark.parametrize("name", ["access_token", "id_token"])
def test_pyjwt(issued: Issued, provider: Places, name: str) -> None:
    typ, audience = audiences(issued, provider)[name]
    token = issued.tokens[name]
    header = jwt.get_unverified_header(token)
    key = jwt.PyJWKSet.from_dict(key_set(issued))[header["kid"]]
    assert (header["alg"], header.get("typ", "JWT")) == ("RS256", typ)
    options: Any = {"require": ["iss", "aud", "exp", "iat", "sub"], "strict_aud": True}
    claims = jwt.decode(token, key, ["RS256"], audience=audience, issuer=provider.issuer, options=options)
    assert claims["sid"]
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, ["RS256"], audience="other", issuer=provider.issuer)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(_tampered(token), key, ["RS256"], audience=audience, issuer=provider.issuer)


@pytest.mark.parametrize("name", ["access_token", "id_token"])
def test_joserfc(issued: Issued, provider: Places, name: str) -> None:
    typ, audience = audiences(issued, provider)[name]
    decoded = jose.decode(issued.tokens[name], KeySet.import_key_set(key_set(issued)), algorithms=["RS256"])
    assert decoded.header.get("typ", "JWT") == typ
    rules = jose.JWTClaimsRegistry(
        iss={"essential": True, "value": provider.issuer}, aud={"essential": True, "value": audience},
        exp={"essential": True}, sid={"essential": True},
    )  # fmt: skip
    rules.validate(decoded.claims)


def test_both_tokens_speak_of_one_session(issued: Issued, provider: Places) -> None:
    access, identity = (
        jwt.decode(issued.tokens[name], options={"verify_signature": False}) for name in ("access_token", "id_token")
    )
    for name in ("iss", "sub", "sid", "auth_time"):
        assert access[name] == identity[name], name
    assert (access["client_id"], access["aud"]) == (issued.client_id, provider.api)
    assert (identity["aud"], identity["nonce"]) == (issued.client_id, "n")
    half = hashlib.sha256(issued.tokens["access_token"].encode()).digest()[:16]
    assert identity["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def test_every_published_key_says_what_it_is_for(issued: Issued) -> None:
    for key in key_set(issued)["keys"]:
        assert {"kid", "alg", "use", "kty"} <= key.keys()
        assert not {"d", "p", "q", "k"} & key.keys()


def _tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "eve"}).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"
