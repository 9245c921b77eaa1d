"""What is in an access token, once its signature holds (RFC 9068 sections 2.2 and 4).

Types are checked here, after PyJWT: it accepts ``"exp": "1767225600"`` and ``"exp": true``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .errors import TokenInvalid

_STRINGS = ("iss", "sub", "client_id", "jti")
_TIMES = ("exp", "iat")
REQUIRED = (*_STRINGS, *_TIMES, "aud")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """Who calls, through which client, with what rights.

    ``sid`` is the session record that decides over this token; None for a client that acts for
    itself, whose ``sub`` is its ``client_id``. ``auth_time`` is in seconds since 1970.
    """

    sub: str
    client_id: str
    scope: tuple[str, ...]
    sid: str | None
    jti: str
    auth_time: int | None
    acr: str | None
    claims: Mapping[str, Any] = field(repr=False)

    def allows(self, *scopes: str) -> bool:
        """Does the token carry all of ``scopes``?"""
        return set(scopes) <= set(self.scope)


def read_claims(claims: Mapping[str, Any]) -> AccessToken:
    """Check the types of every claim we hand on. Raises TokenInvalid."""
    for name in _STRINGS:
        _require(isinstance(claims.get(name), str) and claims[name] != "", name)
    for name in _TIMES:
        _require(_is_int(claims.get(name)), name)
    if "cnf" in claims:
        # RFC 9449 section 7.2, RFC 8705 section 3: a bound token is nothing without its proof
        raise TokenInvalid("this token is bound to a key and cannot be used as a bearer token")
    return AccessToken(
        sub=claims["sub"],
        client_id=claims["client_id"],
        scope=_scope(claims.get("scope", "")),
        sid=_text(claims, "sid"),
        jti=claims["jti"],
        auth_time=_seconds(claims, "auth_time"),
        acr=_text(claims, "acr"),
        claims=MappingProxyType(dict(claims)),
    )


def _require(holds: bool, name: str) -> None:
    if not holds:
        raise TokenInvalid(f"the claim {name} is missing or has a wrong type")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _scope(value: object) -> tuple[str, ...]:
    """RFC 9068 section 2.2.3: one string, separated by spaces; a list grants nothing by accident."""
    if not isinstance(value, str):
        raise TokenInvalid("the claim scope is missing or has a wrong type")
    return tuple(word for word in value.split(" ") if word)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    _require(value is None or isinstance(value, str), name)
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    _require(value is None or _is_int(value), name)
    return value
