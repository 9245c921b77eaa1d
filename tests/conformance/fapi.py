"""A client of FAPI 2.0: pushes its requests, proves its key (DPoP), signs what it says where messages are signed."""

from __future__ import annotations

import base64
import hashlib
import itertools
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import requests

from idp.domain.client import ClientOrigin
from idp.domain.fapi2 import Fapi2
from tests.provider import CHALLENGE, ISSUER, VERIFIER

from .browser import Browser
from .keys import Key, key
from .party import ASSERTION, RelyingParty
from .suite import Suite

SIGNED = "fapi2-message-signing-final-test-plan"
API = "userinfo_endpoint"
_numbers = itertools.count(1)


class FapiClient(RelyingParty):
    """``holder`` is the key of its DPoP proofs; in the plan of message signing requests and answers are JWTs."""

    def __init__(self, suite: Suite, registered: dict[str, Any], signing: Key, holder: Key | None = None) -> None:
        super().__init__(suite, registered, signing)
        self.holder = holder or key("ES256", "holder")

    @property
    def signs(self) -> bool:
        return self.suite.plan == SIGNED

    @property
    def audience(self) -> str:
        """FAPI 2.0 Security Profile 5.3.2.1: the issuer."""
        return ISSUER

    @property
    def now(self) -> int:
        return int(self.suite.provider.clock.now().timestamp())

    # ── proofs ───────────────────────────────────────────────────────────────────────────────────

    def proof(
        self, url: str, method: str = "POST", token: str | None = None, holder: Key | None = None,
        headers: dict[str, Any] | None = None, **changes: Any,
    ) -> str:  # fmt: skip
        """RFC 9449 section 4.2; None leaves a claim out."""
        by = holder or self.holder
        right: dict[str, Any] = {"jti": f"proof-{next(_numbers)}", "htm": method, "htu": url, "iat": self.now}
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            right["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        claims = {name: value for name, value in (right | changes).items() if value is not None}
        public = {name: by.jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in by.jwk}
        return by.sign(claims, **{"typ": "dpop+jwt", "jwk": public, "kid": None, **(headers or {})})

    def thumbprint(self, holder: Key | None = None) -> str:
        """RFC 7638."""
        jwk = (holder or self.holder).jwk
        text = f'{{"crv":"{jwk["crv"]}","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
        return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

    # ── pushing ──────────────────────────────────────────────────────────────────────────────────

    def request(self, **changes: Any) -> dict[str, Any]:
        """With PKCE; the answer as a JWT where messages are signed."""
        mode = "jwt" if self.signs else None
        pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "response_mode": mode}
        return super().request(**{**pkce, **changes})

    def object(self, asked: dict[str, Any], signing: Key | None = None, alg: str | None = None, **changes: Any) -> str:
        """The request as a signed object (RFC 9101, FAPI 2.0 Message Signing 5.3.1); None leaves a claim out."""
        right = {"iss": self.client_id, "aud": ISSUER, "nbf": self.now, "exp": self.now + 300, "iat": self.now, **asked}
        claims = {name: value for name, value in (right | changes).items() if value is not None}
        return (signing or self.signing).sign(claims, typ="oauth-authz-req+jwt", **({"alg": alg} if alg else {}))

    def push(self, asked: dict[str, Any], proof: str | None = None, assertion: str | None = None) -> requests.Response:
        """POST the request, as an object where messages are signed."""
        return self.push_form({"request": self.object(asked)} if self.signs else asked, proof, assertion)

    def push_form(
        self, form: dict[str, Any], proof: str | None = None, assertion: str | None = None
    ) -> requests.Response:
        """POST exactly these members with a client assertion."""
        own = {"client_assertion_type": ASSERTION, "client_assertion": assertion or self.assertion()}
        headers = {"DPoP": proof} if proof else {}
        return self.suite.http.post(self.par, data={**form, "client_id": self.client_id, **own}, headers=headers)

    @property
    def par(self) -> str:
        return str(self.suite.discovery["pushed_authorization_request_endpoint"])

    @property
    def token_endpoint(self) -> str:
        return str(self.suite.discovery["token_endpoint"])

    def reference(self, asked: dict[str, Any], proof: str | None = None) -> str:
        """The ``request_uri`` of a pushed request."""
        answer = self.push(asked, proof)
        assert answer.status_code == 201, answer.text
        assert answer.json()["expires_in"] < 600
        return str(answer.json()["request_uri"])

    def go(self, browser: Browser, reference: str, **beside: str) -> Browser:
        """To the authorization endpoint, with the reference and whatever stands beside it."""
        sent = {"client_id": self.client_id, "request_uri": reference, **beside}
        browser.get(f"{self.suite.discovery['authorization_endpoint']}?{urlencode(sent)}")
        return browser

    def told(self, browser: Browser, asked: dict[str, Any], error: str | None = None) -> dict[str, str]:
        """The answer, out of its JWT where there is one (JARM 4.4), checked."""
        arrived = browser.arrive()
        assert arrived.uri.split("?")[0] == self.redirect_uri
        answer = self._opened(arrived.parameters) if asked.get("response_mode") == "jwt" else arrived.parameters
        assert answer["iss"] == ISSUER
        assert answer.get("state") == asked.get("state")
        assert answer.get("error") == error, answer
        return answer

    def _opened(self, parameters: dict[str, str]) -> dict[str, str]:
        assert list(parameters) == ["response"]
        header = jwt.get_unverified_header(parameters["response"])
        assert header["alg"] in ("PS256", "ES256", "EdDSA")
        known = jwt.PyJWK(self.suite.published_keys()[header["kid"]], algorithm=header["alg"])
        claims: dict[str, str] = jwt.decode(
            parameters["response"], known, algorithms=[header["alg"]], audience=self.client_id, issuer=ISSUER,
            options={"require": ["iss", "aud", "exp"]},
        )  # fmt: skip
        return claims

    def pushed_code(
        self, asked: dict[str, Any], browser: Browser | None = None, proof: str | None = None, **beside: str
    ) -> str:
        """A code for the request, after the person has allowed it."""
        browser = browser or self.suite.browser()
        self.suite.person(self.go(browser, self.reference(asked, proof), **beside))
        return self.told(browser, asked)["code"]

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────

    def token(self, form: dict[str, Any], proof: str | None = "", assertion: str | None = "") -> requests.Response:
        """The token endpoint with a proof and an assertion; None sends none."""
        own = {"client_assertion_type": ASSERTION, "client_assertion": assertion or self.assertion()}
        headers = {} if proof is None else {"DPoP": proof or self.proof(self.token_endpoint)}
        sent = {**form, **(own if assertion is not None else {})}
        return self.suite.http.post(self.token_endpoint, data=sent, headers=headers)

    def form(self, code: str, asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """The members of a token request for a code; None leaves one out."""
        right = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"],
            "code_verifier": VERIFIER, "client_id": self.client_id,
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def flow(self, browser: Browser | None = None, **changes: Any) -> dict[str, Any]:
        """Push, allow, redeem."""
        asked = self.request(**changes)
        answer = self.token(self.form(self.pushed_code(asked, browser), asked))
        tokens = self.checked(answer, asked.get("nonce"))
        assert tokens["token_type"] == "DPoP"
        return tokens

    def call(self, token: str, scheme: str = "DPoP", proof: str | None = "") -> requests.Response:
        """The protected resource with a bound token; None sends no proof."""
        url = str(self.suite.discovery[API])
        headers = {"Authorization": f"{scheme} {token}"}
        if proof is not None:
            headers["DPoP"] = proof or self.proof(url, "GET", token)
        return self.suite.http.get(url, headers=headers)


def fapi_client(suite: Suite, name: str = "suite", more_keys: tuple[dict[str, Any], ...] = ()) -> FapiClient:
    """A client under the policy ``fapi2``, as an operator sets it up; answers are signed where messages are."""
    signing = key("ES256", name)
    policy = Fapi2.MESSAGE_SIGNING if suite.plan == SIGNED else Fapi2.SECURITY_PROFILE
    metadata = suite.metadata(
        client_name=f"FAPI {name}", redirect_uris=[f"https://suite.example/{name}/callback"],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="private_key_jwt", jwks={"keys": [signing.jwk, *more_keys]},
    )  # fmt: skip
    services = suite.provider.services
    with services.work():
        client = services.clients.create(metadata, origin=ClientOrigin.OPERATOR, fapi2=policy).client
    registered = {**metadata, "id_token_signed_response_alg": "ES256", "client_id": client.client_id}
    return FapiClient(suite, registered, signing, key("ES256", f"holder of {name}"))


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query))
