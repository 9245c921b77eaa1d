"""CIBA Core 1.0 section 7.1.1: an authentication request that its client has signed.

All of its parameters stand in the JWT and none outside, but for what authenticates the client. ``aud``,
``iss``, ``exp``, ``iat``, ``nbf`` and ``jti`` are required; it lives for an hour at most (FAPI-CIBA section
5.2.2). ``aud`` may be an array that holds our issuer. A client that has registered an algorithm signs always, by
that one; nobody else signs at all (section 4: "when omitted, the Client will not send signed ... requests").
"""

from __future__ import annotations

from .. import jose
from ..domain.ciba_metadata import SIGNING_ALG
from ..domain.client import Client
from ..domain.ports import Clock
from ..errors import ProtocolError, TokenRejected
from ..oauth.requests import Parameters, invalid_request
from ..oauth.rfc7523_client_assertion import LEEWAY_SECONDS, MAX_LIFE_SECONDS, ClientKeys
from ..oauth.rfc9101_request_object import parameters_of

_SECTION = "CIBA Core 7.1.1"
_REQUIRED = ("iss", "aud", "exp", "iat", "nbf", "jti")
_OUTSIDE = frozenset({"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"})


class SignedRequests:
    """Replace a signed request by the parameters that stand in it."""

    def __init__(self, issuer: str, keys: ClientKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    def resolve(self, parameters: Parameters, client: Client) -> Parameters:
        """The parameters that count. Raises invalid_request (section 13)."""
        signs = SIGNING_ALG in client.metadata
        if "request" not in parameters:
            if signs:
                raise invalid_request("this client must sign its requests: send request", _SECTION)
            return parameters
        if not signs:
            raise invalid_request(f"register {SIGNING_ALG} to sign requests", _SECTION)
        if set(parameters) - _OUTSIDE:
            raise invalid_request("parameters must not stand outside of a signed request", _SECTION)
        try:
            return parameters_of(self._verified(parameters["request"], client))
        except TokenRejected:
            raise invalid_request("the signed request cannot be verified", _SECTION) from None
        except ProtocolError as error:
            raise invalid_request(error.description, _SECTION) from None

    def _verified(self, text: str, client: Client) -> dict[str, object]:
        now = self._clock.now().timestamp()
        claims = jose.verify(
            text, lambda kid, alg: self._key(client, kid, alg), typ=(None, "JWT", "oauth-authz-req+jwt"),
            issuer=client.client_id, audience=self._issuer, leeway=LEEWAY_SECONDS, require=_REQUIRED, now=now,
        )  # fmt: skip
        if claims["nbf"] < now - MAX_LIFE_SECONDS or claims["exp"] > claims["nbf"] + MAX_LIFE_SECONDS:
            raise TokenRejected("it lives for more than an hour")
        if claims.get("client_id", client.client_id) != client.client_id:
            raise TokenRejected("client_id is another's")
        return claims

    def _key(self, client: Client, kid: str | None, alg: str) -> jose.VerifyKey | None:
        if client.metadata.get(SIGNING_ALG) != alg or not client.may_sign_with(alg):
            return None
        return self._keys.find(client, kid, alg)
