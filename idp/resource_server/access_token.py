"""What is in an access token, once its signature holds (RFC 9068 sections 2.2 and 4).

Types are strict: ``"exp": "1767225600"`` and ``"exp": true`` are no times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .errors import TokenInvalid

_STRINGS = ("iss", "sub", "client_id", "jti")
_TIMES = ("exp", "iat")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """Who calls, through which client, with what rights.

    ``sid`` is the session record that decides over this token; None for a client that acts for
    itself, whose ``sub`` is its ``client_id``. ``confirmation`` is what its sender must prove (``cnf``); empty
    for a bearer token. ``via`` are the tokens that this one came of by exchange and dies with (RFC 8693): the
    ``client_id`` and ``jti`` of each. ``iat``, ``exp`` and ``auth_time`` are in seconds since 1970.
    """

    sub: str
    client_id: str
    scope: tuple[str, ...]
    sid: str | None
    jti: str
    iat: int
    exp: int
    auth_time: int | None
    acr: str | None
    confirmation: Mapping[str, str]
    via: tuple[tuple[str, str], ...]
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def authorization_details(self) -> tuple[Mapping[str, Any], ...]:
        """What was granted in the words of this API (RFC 9396 section 9); those of other APIs may be among it."""
        found = self.claims.get("authorization_details", [])
        return tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()

    def allows(self, *scopes: str) -> bool:
        """Does the token carry all of ``scopes``?"""
        return all(scope in self.scope for scope in scopes)


def read_claims(claims: Mapping[str, Any]) -> AccessToken:
    """Check the types of every claim we hand on. Raises TokenInvalid."""
    for name in _STRINGS:
        _require(isinstance(claims.get(name), str) and claims[name] != "", name)
    for name in _TIMES:
        _require(_is_int(claims.get(name)), name)
    return AccessToken(
        sub=claims["sub"],
        client_id=claims["client_id"],
        scope=_scope(claims.get("scope", "")),
        sid=_text(claims, "sid"),
        jti=claims["jti"],
        iat=claims["iat"],
        exp=claims["exp"],
        auth_time=_seconds(claims, "auth_time"),
        acr=_text(claims, "acr"),
        confirmation=_confirmation(claims.get("cnf")),
        via=_via(claims.get("via", [])),
        claims=MappingProxyType(dict(claims)),
    )


def require_for(claims: Mapping[str, Any], issuer: str, audience: str) -> None:
    """RFC 9068 section 4: from this issuer and for this API, compared exactly. Raises TokenInvalid."""
    if claims.get("iss") != issuer:
        raise TokenInvalid("the token is from another issuer")
    aud = claims.get("aud")
    if aud != audience and not (isinstance(aud, list) and audience in aud):
        raise TokenInvalid("the token is for another API")


def require_begun(token: AccessToken, not_after: float) -> None:
    """RFC 7519 sections 4.1.5 and 4.1.6: valid already, and not made in the future. Raises TokenInvalid."""
    nbf = token.claims.get("nbf", token.iat)
    _require(_is_int(nbf), "nbf")
    if max(nbf, token.iat) > not_after:
        raise TokenInvalid("the token is not valid yet")


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


def _confirmation(value: object) -> Mapping[str, str]:
    """RFC 7800 section 3.1; one that says nothing binds to nothing that could be proven, so it is refused."""
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, dict) or not value or not all(isinstance(item, str) for item in value.values()):
        raise TokenInvalid("this token is bound in a way that is not supported")
    return MappingProxyType(dict(value))


def _via(value: object) -> tuple[tuple[str, str], ...]:
    """One that cannot be read could have been revoked without our knowing, so it is refused."""
    _require(isinstance(value, list), "via")
    links = [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []
    for link in links:
        _require(isinstance(link.get("client_id"), str) and isinstance(link.get("jti"), str), "via")
    return tuple((link["client_id"], link["jti"]) for link in links)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    _require(value is None or isinstance(value, str), name)
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    _require(value is None or _is_int(value), name)
    return value
