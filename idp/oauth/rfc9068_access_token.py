"""RFC 9068 (JWT Profile for OAuth 2.0 Access Tokens): what is in an access token, and reading one.

Section 2.1: header ``typ`` is ``at+jwt``. Section 2.2: ``iss exp aud sub client_id iat jti``, with
``auth_time acr amr`` (2.2.1) and ``scope`` (2.2.3). Ours add ``sid``, the id of the client session
that decides whether the token lives; one that was exchanged (RFC 8693) says in ``via`` which other tokens it
dies with, by ``client_id``, ``jti`` and ``iat``. No personal data is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from .. import jose
from ..domain.claims import claims_locales, requested
from ..domain.exchange import Link
from ..domain.key import DEFAULT_ALG
from ..domain.ports import Clock, Randomness
from ..errors import ProtocolError, TokenRejected
from ..services.codes import Grant
from ..services.keys import Keys

TYP = "at+jwt"
_REQUIRED = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """One of ours, verified as to signature and claims; whether it *lives* is the session's to say."""

    sub: str
    client_id: str
    audience: tuple[str, ...]
    scope: tuple[str, ...]
    sid: UUID | None
    jti: str
    iat: int
    exp: int
    claims: dict[str, Any]

    @property
    def via(self) -> tuple[Link, ...]:
        """The tokens that it came of and dies with."""
        found = self.claims.get("via", ())
        return tuple(Link(client_id=one["client_id"], jti=one["jti"], issued_at=one["iat"]) for one in found)

    @property
    def link(self) -> Link:
        """What hangs on this token itself."""
        return Link(client_id=self.client_id, jti=self.jti, issued_at=self.iat)


def token_type(confirmation: Mapping[str, str]) -> str:
    """RFC 9449 section 5 and RFC 8705 section 3: a token bound to a key is DPoP, one bound to a certificate Bearer."""
    return "DPoP" if "jkt" in confirmation else "Bearer"


class AccessTokens:
    """Make and read access tokens of this issuer."""

    def __init__(self, issuer: str, life: int, keys: Keys, randomness: Randomness, clock: Clock) -> None:
        self._issuer = issuer
        self.life = life
        self._keys = keys
        self._randomness = randomness
        self._clock = clock
        self._known = jose.Known()

    def life_of(self, grant: Grant, now: datetime) -> int:
        """How long a token of this grant lives, in seconds."""
        if grant.not_after is None:
            return self.life
        return max(0, min(self.life, int(grant.not_after.timestamp()) - int(now.timestamp())))

    def make(self, grant: Grant, now: datetime, alg: str = DEFAULT_ALG) -> str:
        """Sign one. Raises ProtocolError for one that would be too long to be read."""
        made = jose.sign(self._required(grant, now) | _optional(grant), self._keys.signer(alg), typ=TYP)
        if len(made) > jose.MAX_TOKEN:  # scopes and APIs as long as an operator made them
            raise ProtocolError("invalid_scope", "no token can carry all of this: ask for less", section="RFC 6749 3.3")
        return made

    def _required(self, grant: Grant, now: datetime) -> dict[str, object]:
        """Section 2.2, and ``scope``. ``aud`` is a string when there is one audience."""
        issued = int(now.timestamp())
        audience = grant.audience[0] if len(grant.audience) == 1 else list(grant.audience)
        return {
            "iss": self._issuer, "sub": grant.subject, "aud": audience,
            "client_id": grant.client_id, "iat": issued, "exp": issued + self.life_of(grant, now),
            "jti": self._randomness.uuid().hex, "scope": " ".join(grant.scope),
        }  # fmt: skip

    def read(self, token: str, *, audience: str | None = None) -> AccessToken:
        """Verify one of ours. Raises TokenRejected. ``audience`` None leaves ``aud`` to the caller."""
        claims = jose.verify(
            token, self._keys.find, typ=(TYP,), issuer=self._issuer, audience=audience, require=_REQUIRED,
            known=self._known, ours=True, now=self._clock.now().timestamp(),
        )  # fmt: skip
        try:
            sid = UUID(claims["sid"]) if "sid" in claims else None
        except ValueError:
            raise TokenRejected("sid") from None
        aud = claims["aud"]
        return AccessToken(
            sub=claims["sub"], client_id=claims["client_id"], audience=tuple(aud) if isinstance(aud, list) else (aud,),
            scope=tuple(str(claims.get("scope", "")).split()), sid=sid, jti=claims["jti"], iat=claims["iat"],
            exp=claims["exp"], claims=claims,
        )  # fmt: skip


def _optional(grant: Grant) -> dict[str, object]:
    """What is said of a token where there is something to say."""
    claims: dict[str, object] = {}
    if grant.sid is not None:
        claims["sid"] = str(grant.sid)
    if grant.auth_time is not None:
        claims["auth_time"] = int(grant.auth_time.timestamp())
    if grant.acr:
        claims |= {"acr": grant.acr, "amr": list(grant.amr)}
    if grant.authorization_details:
        claims["authorization_details"] = [dict(one) for one in grant.authorization_details]
    if grant.confirmation:
        claims["cnf"] = dict(grant.confirmation)
    if grant.act:
        claims["act"] = dict(grant.act)
    if grant.may_act:
        claims["may_act"] = dict(grant.may_act)
    if grant.via:
        claims["via"] = [{"client_id": one.client_id, "jti": one.jti, "iat": one.issued_at} for one in grant.via]
    if asked := requested(grant.claims, "userinfo"):
        claims["userinfo_claims"] = list(asked)  # names only, for our own userinfo (Core 5.5)
    if locales := claims_locales(grant.claims):
        claims["claims_locales"] = list(locales)  # likewise (Core 5.2)
    return claims


def expires_at(token: AccessToken) -> datetime:
    """When the token stops being valid by itself."""
    return datetime.fromtimestamp(token.exp, tz=UTC)
