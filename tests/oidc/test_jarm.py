"""Signed authorization responses, in every mode, for codes and errors alike."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from ..provider import CALLBACK, ISSUER, App, Browser, Provider, answered, posted, refused

MODES = {"query.jwt": "query", "fragment.jwt": "fragment", "form_post.jwt": "form_post", "jwt": "query"}
ALGS = ("RS256", "ES256", "EdDSA")


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register(trusted=True)


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


def sent(mode: str, response: Any) -> str:
    """The one parameter of the answer."""
    plain = MODES[mode]
    if plain == "form_post":
        parameters = posted(response)
    else:
        assert response.status_code == 303
        assert response.headers["Location"].startswith(CALLBACK)
        parameters = dict(parse_qsl(getattr(urlsplit(response.headers["Location"]), plain)))
    assert set(parameters) == {"response"}
    return parameters["response"]


def verified(provider: Provider, app: App, text: str, alg: str = "RS256") -> dict[str, Any]:
    """As a client does: by the published keys."""
    keys = jwt.PyJWKSet.from_json(json.dumps(answered(provider.get("/.well-known/jwks.json"))))
    header = jwt.get_unverified_header(text)
    assert header["alg"] == alg
    claims: dict[str, Any] = jwt.decode(
        text, keys[header["kid"]], algorithms=[alg], issuer=ISSUER,
        options={"require": ["iss", "exp"], "verify_aud": False},
    )  # fmt: skip
    assert claims.pop("exp") - claims.pop("iat") <= 600
    assert (claims.pop("iss"), claims.pop("aud")) == (ISSUER, app.id)
    return claims


@pytest.mark.spec("JARM", "2.3")
@pytest.mark.parametrize("mode", MODES)
def test_a_code_is_signed(provider: Provider, app: App, ada: Browser, mode: str) -> None:
    claims = verified(provider, app, sent(mode, provider.authorize(app, ada, response_mode=mode)))
    assert set(claims) == {"code", "state"}
    assert claims["state"] == "af0ifjsldkj"
    assert answered(provider.redeem(app, claims["code"]))["access_token"]


@pytest.mark.spec("JARM", "2.1")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("changes", [{"prompt": "dance"}, {"prompt": "none", "max_age": "0"}, {"scope": "nothing"}])
def test_an_error_is_signed(provider: Provider, app: App, ada: Browser, mode: str, changes: dict[str, str]) -> None:
    claims = verified(provider, app, sent(mode, provider.authorize(app, ada, response_mode=mode, **changes)))
    assert set(claims) - {"error_uri"} == {"error", "error_description", "state"}


def test_a_state_cannot_become_a_claim_of_ours(provider: Provider, app: App, ada: Browser) -> None:
    state = '","iss":"https://evil.example'
    claims = verified(provider, app, sent("jwt", provider.authorize(app, ada, response_mode="jwt", state=state)))
    assert claims["state"] == state


@pytest.mark.spec("JARM", "3")
@pytest.mark.parametrize("alg", ALGS)
def test_the_client_chooses_the_algorithm(provider: Provider, ada: Browser, alg: str) -> None:
    app = provider.register(trusted=True, authorization_signed_response_alg=alg)
    response = provider.authorize(app, ada, response_mode="jwt")
    assert "code" in verified(provider, app, sent("jwt", response), alg)


@pytest.mark.spec("JARM", "3")
@pytest.mark.parametrize(
    "members",
    [
        {"authorization_signed_response_alg": "none"}, {"authorization_signed_response_alg": "HS256"},
        {"authorization_encrypted_response_alg": "RSA-OAEP"}, {"authorization_encrypted_response_enc": "A256GCM"},
        {"response_modes": ["query", "web_message"]}, {"response_modes": "jwt"},
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_not_registered(provider: Provider, members: dict[str, Any]) -> None:
    response = provider.http.post("/register", base_url=provider.base, json={"redirect_uris": [CALLBACK], **members})
    refused(response, 400, "invalid_client_metadata")


@pytest.mark.spec("ASVS", "10.4.12")
def test_a_client_may_limit_itself_to_signed_answers(provider: Provider, ada: Browser) -> None:
    app = provider.register(trusted=True, response_modes=["jwt", "query.jwt"])
    assert "code" in verified(provider, app, sent("jwt", provider.authorize(app, ada, response_mode="jwt")))
    for mode in (None, "query", "fragment", "form_post.jwt", "dance"):
        claims = verified(provider, app, sent("jwt", provider.authorize(app, ada, response_mode=mode)))
        assert claims["error"] == "invalid_request"


def test_a_signed_answer_passes_for_no_other_token(provider: Provider, app: App, ada: Browser) -> None:
    text = sent("jwt", provider.authorize(app, ada, response_mode="jwt"))
    assert provider.userinfo(text).status_code == 401
    assert not provider.active(app, text)
    location = provider.authorize(app, ada, id_token_hint=text).headers["Location"]
    assert "error=invalid_request" in location


@pytest.mark.spec("JARM", "4")
def test_discovery_says_so(provider: Provider) -> None:
    found = answered(provider.get("/.well-known/openid-configuration"))
    assert set(MODES) <= set(found["response_modes_supported"])
    assert set(ALGS) <= set(found["authorization_signing_alg_values_supported"])
