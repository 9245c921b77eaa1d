"""The front door of the SDK: an ``Authorization`` header in, an AccessToken or a refusal out.

RFC 9068 section 4 in order: form, header, key, signature, claims; then, in mode ``introspect``, the
issuer's word (RFC 7662). Local checks come first, so junk costs the issuer nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

import jwt

from .access_token import REQUIRED, AccessToken, read_claims
from .errors import InsufficientScope, TokenInvalid, TokenMissing
from .introspection import Introspection, basic
from .issuer import Issuer
from .keys import VerificationKey
from .transport import Transport

Mode = Literal["introspect", "local"]

_MOST_CHARACTERS = 8192
# RFC 7515 section 3.1, compact form: three base64url parts, without padding, none of them empty
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_BEARER = re.compile(r"bearer +(?P<token>\S+) *", re.IGNORECASE)
# RFC 9068 section 4 asks for this type; media type names have no case (RFC 6838 section 4.2)
_TYPES = frozenset({"at+jwt", "application/at+jwt"})


class Verifier:
    """Verifies access tokens of one issuer for one audience. Make one per process and share it.

    ``issuer`` and ``audience`` are compared exactly. ``client_id`` and ``client_secret`` are this API's
    own and needed for mode ``introspect``. ``leeway`` (clock difference), ``timeout`` and
    ``introspection_cache`` are in seconds.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        mode: Mode = "introspect",
        leeway: float = 5.0,
        timeout: float = 3.0,
        introspection_cache: float = 0.0,
    ) -> None:
        if mode not in ("introspect", "local"):
            raise ValueError("mode is 'introspect' or 'local'")
        transport = Transport(issuer, timeout=timeout)
        self.issuer, self.audience, self.leeway = issuer, audience, leeway
        self._source = Issuer(issuer, transport)
        self._introspection: Introspection | None = None
        if mode == "introspect":
            if client_id is None or client_secret is None:
                raise ValueError("mode 'introspect' needs the API's client_id and client_secret")
            credentials = basic(client_id, client_secret)
            self._introspection = Introspection(self._source, transport, credentials, introspection_cache)

    def verify(self, authorization: str | None, *, scope: str | Iterable[str] = ()) -> AccessToken:
        """Check the value of an ``Authorization`` header; ``scope`` is what the request needs, all of it.

        Raises TokenMissing, TokenInvalid, InsufficientScope or VerifierUnavailable.
        """
        token = self.check(bearer_token(authorization))
        needed = tuple(scope.split() if isinstance(scope, str) else scope)
        if not token.allows(*needed):
            raise InsufficientScope(needed)
        return token

    def check(self, token: str) -> AccessToken:
        """Check one access token, whatever it came with. Raises TokenInvalid or VerifierUnavailable."""
        verified = read_claims(self._verified_claims(token, self._key_for(token)))
        if self._introspection is not None:
            self._introspection.require_active(token)
        return verified

    def _key_for(self, token: str) -> VerificationKey:
        """The published key that the header names, if the header is one of ours (RFC 8725 section 3.11)."""
        header = _header(token)
        typ, kid = header.get("typ"), header.get("kid")
        if not isinstance(typ, str) or typ.lower() not in _TYPES:
            raise TokenInvalid("this is not an access token (typ is not at+jwt)")
        if "crit" in header or "b64" in header:
            raise TokenInvalid("the token demands an extension that is not supported")
        if not isinstance(kid, str):
            raise TokenInvalid("the token names no key")
        key = self._source.key(kid)
        if header.get("alg") != key.alg:
            raise TokenInvalid("the token's algorithm is not its key's")
        return key

    def _verified_claims(self, token: str, key: VerificationKey) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[key.alg],
                issuer=self.issuer,
                audience=self.audience,
                leeway=self.leeway,
                options={"require": list(REQUIRED), "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise TokenInvalid("the token has expired") from None
        except jwt.InvalidAudienceError:
            raise TokenInvalid("the token is for another API") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise TokenInvalid("the token is not valid") from None


def bearer_token(authorization: str | None) -> str:
    """The token of an ``Authorization: Bearer`` header (RFC 6750 section 2.1). Raises TokenMissing.

    Query and form parameters are not looked at: tokens there end up in logs (RFC 9700 section 4.3.2).
    """
    if authorization is None or authorization.split(" ", 1)[0].lower() != "bearer":
        raise TokenMissing
    if (match := _BEARER.fullmatch(authorization)) is None:
        raise TokenInvalid("the Authorization header is malformed")
    return match["token"]


def _header(token: str) -> dict[str, Any]:
    if len(token) > _MOST_CHARACTERS or _COMPACT.fullmatch(token) is None:
        raise TokenInvalid("the token is not a signed JWT of reasonable size")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise TokenInvalid("the token's header cannot be read") from None
