"""A relying party of the suite: asks, redeems, and checks an ID token by every rule of OpenID Connect Core 3.1.3.7.

``conditions`` is what it checks in every answer.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import jwt
import requests

from tests.provider import ISSUER

from .browser import Browser
from .conditions import ERROR, ID_TOKEN, error_fields, standard_claims, token_answer, unguessable
from .keys import Key

if TYPE_CHECKING:
    from .suite import Suite

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_numbers = itertools.count(1)


class RelyingParty:
    """One registered client. ``registered`` is the answer of the registration endpoint."""

    def __init__(self, suite: Suite, registered: dict[str, Any], signing: Key) -> None:
        self.suite = suite
        self.registered = registered
        self.signing = signing
        self.claimed: frozenset[str] = frozenset()  # what was asked for by claims, for the ID token

    @property
    def client_id(self) -> str:
        return str(self.registered["client_id"])

    @property
    def redirect_uri(self) -> str:
        return str(self.registered["redirect_uris"][0])

    # ── the front channel ────────────────────────────────────────────────────────────────────────

    def request(self, **changes: Any) -> dict[str, Any]:
        """The suite's authorization request: state and nonce, no PKCE; None leaves a member out."""
        right = {
            "client_id": self.client_id, "redirect_uri": self.redirect_uri, "response_type": "code",
            "scope": "openid", "state": f"state{next(_numbers)}-._~", "nonce": f"nonce{next(_numbers)}-._~",
            "response_mode": self.suite.response_mode,
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def visit(self, browser: Browser, asked: dict[str, Any]) -> Browser:
        """Bring the request to the provider; what it shows stays on the screen."""
        browser.get(f"{self.suite.discovery['authorization_endpoint']}?{urlencode(asked, doseq=True)}")
        return browser

    def answer(self, browser: Browser, asked: dict[str, Any], error: str | None = None) -> dict[str, str]:
        """What the relying party was brought, checked: where, how, ``state``, ``iss`` (RFC 9207), and the error."""
        arrived = browser.arrive()
        parameters = arrived.parameters
        assert arrived.uri.split("?")[0].split("#")[0] == str(asked["redirect_uri"]).split("?")[0]
        assert arrived.mode == asked.get("response_mode", "query")
        assert parameters.get("state") == asked.get("state")
        assert parameters["iss"] == ISSUER
        assert parameters.get("error") == error, parameters
        registered = set(dict(parse_qsl(urlsplit(asked["redirect_uri"]).query)))
        if error is None:
            assert set(parameters) - registered <= {"code", "state", "iss"}, parameters
            unguessable(parameters["code"])
        else:
            assert set(parameters) - registered <= ERROR, parameters
            error_fields(parameters)
        return parameters

    def authorize(self, browser: Browser, asked: dict[str, Any]) -> str:
        """A code, whoever must be asked for it."""
        self.suite.person(self.visit(browser, asked))
        return self.answer(browser, asked)["code"]

    def refused(self, browser: Browser, asked: dict[str, Any], error: str) -> dict[str, str]:
        """The request is answered with this error at the redirect URI, and nobody is asked."""
        self.visit(browser, asked)
        return self.answer(browser, asked, error)

    # ── the token endpoint ───────────────────────────────────────────────────────────────────────

    def post(self, endpoint: str, form: dict[str, Any], method: str | None = None) -> requests.Response:
        """A form to an endpoint of discovery, authenticated by the registered or another method."""
        headers, members = self.credentials(method or self.registered["token_endpoint_auth_method"])
        sent = {name: value for name, value in {**members, **form}.items() if value is not None}
        return self.suite.http.post(self.suite.discovery[endpoint], data=sent, headers=headers)

    def credentials(self, method: str) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and form members."""
        if method == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.registered['client_secret'])}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}, {}
        if method == "client_secret_post":
            return {}, {"client_id": self.client_id, "client_secret": self.registered["client_secret"]}
        if method == "private_key_jwt":
            return {}, {"client_assertion_type": ASSERTION, "client_assertion": self.assertion()}
        return {}, {"client_id": self.client_id}

    @property
    def audience(self) -> str:
        """Of its assertions: in the plans of OpenID Connect the suite names the token endpoint."""
        return str(self.suite.discovery["token_endpoint"])

    def assertion(self, **changes: Any) -> str:
        """RFC 7523 section 3; None leaves a claim out."""
        now = int(self.suite.provider.clock.now().timestamp())
        right = {
            "iss": self.client_id, "sub": self.client_id, "aud": self.audience, "iat": now, "nbf": now,
            "exp": now + 60, "jti": f"assertion-{self.client_id}-{next(_numbers)}",
        }  # fmt: skip
        claims = {name: value for name, value in (right | changes).items() if value is not None}
        return self.signing.sign(claims)

    def redeem(self, code: str, asked: dict[str, Any], **changes: Any) -> requests.Response:
        """The token request for a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]} | changes
        return self.post("token_endpoint", form)

    def refresh(self, token: str, **changes: Any) -> requests.Response:
        """RFC 6749 section 6."""
        return self.post("token_endpoint", {"grant_type": "refresh_token", "refresh_token": token, **changes})

    def tokens(self, browser: Browser, **changes: Any) -> dict[str, Any]:
        """The whole flow; the answer with the checked claims of its ID token under ``claims``."""
        asked = self.request(**changes)
        answer = self.redeem(self.authorize(browser, asked), asked)
        return self.checked(answer, asked.get("nonce"))

    def checked(self, answer: requests.Response, nonce: str | None) -> dict[str, Any]:
        """A token answer, checked (RFC 6749 section 5.1, OpenID Connect Core 3.1.3.3)."""
        tokens = token_answer(answer)
        if "id_token" in tokens:
            tokens["claims"] = self.check_id_token(tokens["id_token"], nonce, tokens["access_token"])
        return tokens

    def check_id_token(self, token: str, nonce: str | None, access_token: str | None = None) -> dict[str, Any]:
        """OpenID Connect Core 3.1.3.7, and 3.1.3.6 for ``at_hash``."""
        header = jwt.get_unverified_header(token)
        assert header["alg"] == self.registered.get("id_token_signed_response_alg", "RS256")
        known = jwt.PyJWK(self.suite.published_keys()[header["kid"]], algorithm=header["alg"])
        claims: dict[str, Any] = jwt.decode(
            token, known, algorithms=[header["alg"]], audience=self.client_id, issuer=ISSUER,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )  # fmt: skip
        assert 0 < len(claims["sub"]) <= 255
        assert claims["sub"].isascii()
        assert claims["sub"].isprintable()
        assert claims.get("nonce") == nonce
        assert abs(claims["iat"] - self.suite.provider.clock.now().timestamp()) < 300
        assert claims.get("acr", "-")
        assert set(claims) <= ID_TOKEN | self.claimed, claims
        standard_claims(claims)
        assert claims.get("azp", self.client_id) == self.client_id
        if access_token is not None and "at_hash" in claims:
            digest = hashlib.sha512 if header["alg"] == "EdDSA" else hashlib.sha256
            whole = digest(access_token.encode()).digest()
            half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
            assert claims["at_hash"] == half
        return claims

    # ── userinfo ─────────────────────────────────────────────────────────────────────────────────

    def userinfo(self, access_token: str, how: str = "get") -> requests.Response:
        """RFC 6750 section 2.1 by GET or POST (``header``), section 2.2 (``body``)."""
        url, bearer = self.suite.discovery["userinfo_endpoint"], {"Authorization": f"Bearer {access_token}"}
        if how == "get":
            return self.suite.http.get(url, headers=bearer)
        if how == "header":
            return self.suite.http.post(url, headers=bearer)
        return self.suite.http.post(url, data={"access_token": access_token})

    def person_of(self, tokens: dict[str, Any], how: str = "get") -> dict[str, Any]:
        """Userinfo's claims, checked against the ID token (OpenID Connect Core 5.3.2)."""
        answer = self.userinfo(tokens["access_token"], how)
        assert answer.status_code == 200, (answer.status_code, answer.headers)
        assert answer.headers["Content-Type"].startswith("application/json")
        found: dict[str, Any] = answer.json()
        assert found["sub"] == tokens["claims"]["sub"]
        standard_claims(found)
        return found
