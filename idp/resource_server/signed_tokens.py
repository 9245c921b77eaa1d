"""Signature and claims of an access token (RFC 9068 section 4), checked once and remembered.

What is remembered, under the token's SHA-256: that this signature held under these keys, and what the
claims say. Never whether the session lives, and never that the token had not expired: that is looked
at each time. When the published keys change in any way, all of it is forgotten, so that a withdrawn
key lets nobody in. The memory is bounded by count.

Why two generations and no lock: the young one fills up, becomes the old one, and the old one goes.
Each step is one reference or one dict operation, and a memory carries the keys it was made under, so
the worst that two threads can do to each other is to verify a token twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from .access_token import AccessToken, read_claims, require_begun, require_for
from .clock import Clock, wall
from .errors import TokenInvalid
from .issuer import Issuer, Keys
from .jws import SignedJwt, take_apart
from .keys import VerificationKey

# RFC 9068 section 4 asks for this type; media type names have no case (RFC 6838 section 4.2)
_TYPES = frozenset({"at+jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature and claims hold, and the names under which it could be revoked."""

    token: AccessToken
    names: tuple[str, ...]


@dataclass(slots=True)
class _Memory:
    """What was verified under one set of keys, by the token's SHA-256."""

    keys: Keys
    young: dict[bytes, Verified] = field(default_factory=dict)
    old: dict[bytes, Verified] = field(default_factory=dict)

    def keep(self, name: bytes, verified: Verified, most: int) -> None:
        if len(self.young) >= most:
            self.old, self.young = self.young, {}
        self.young[name] = verified


class SignedTokens:
    """Checks tokens of one issuer for one audience. Safe to share between threads.

    ``leeway`` (clock difference) is in seconds, ``remembered`` is how many tokens are kept.
    """

    def __init__(self, source: Issuer, audience: str, *, leeway: float, remembered: int, clock: Clock = wall) -> None:
        if leeway < 0 or remembered < 0:
            raise ValueError("leeway and the number of tokens to remember are not negative")
        self._source, self._audience, self._leeway, self._clock = source, audience, leeway, clock
        self._half = (remembered + 1) // 2
        self._memory = _Memory({})

    def at_once(self, token: str) -> Verified | None:
        """What can be said without waiting; None if keys must be fetched first. Raises TokenInvalid."""
        keys = self._source.keys_at_once()
        if keys is None:
            return None
        memory = self._memory
        if memory.keys is not keys:
            memory = self._memory = _Memory(keys)
        name = _name(token)
        known = memory.young.get(name) or memory.old.get(name)
        if known is None:
            return self._examine(token, name, memory)
        if known.token.exp <= self._clock() - self._leeway:
            raise TokenInvalid("the token has expired")
        return known

    def verify(self, token: str) -> Verified:
        """The same, waiting for keys where it must. Raises TokenInvalid or VerifierUnavailable."""
        jwt = take_apart(token)
        return self._believe(jwt, self._source.key(_kid(jwt)))

    def _examine(self, token: str, name: bytes, memory: _Memory) -> Verified | None:
        jwt = take_apart(token)
        key = memory.keys.get(_kid(jwt))
        if key is None:
            return None
        verified = self._believe(jwt, key)
        if self._half:
            memory.keep(name, verified, self._half)
        return verified

    def _believe(self, jwt: SignedJwt, key: VerificationKey) -> Verified:
        """RFC 9068 section 4: signature, issuer, audience, times, then the types of everything else."""
        if jwt.header.get("alg") != key.alg:
            raise TokenInvalid("the token's algorithm is not its key's")
        if not key.verifies(jwt.signed, jwt.signature):
            raise TokenInvalid("the token's signature is not valid")
        claims = jwt.claims()
        require_for(claims, self._source.issuer, self._audience)
        token = read_claims(claims)
        now = self._clock()
        if token.exp <= now - self._leeway:
            raise TokenInvalid("the token has expired")
        require_begun(token, now + self._leeway)
        return Verified(token, _names(token))


def _name(token: str) -> bytes:
    """Not the token itself: what a memory dump shows should not be a credential."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _names(token: AccessToken) -> tuple[str, ...]:
    """What a revocation may be about: this token, its session, everything of its subject or client; and the same
    of the tokens that it came of."""
    named = [f"jti:{token.jti}", f"sub:{token.sub}", f"client_id:{token.client_id}"]
    for client_id, jti in token.via:
        named += [f"client_id:{client_id}", f"jti:{jti}"]
    return (*named, f"sid:{token.sid}") if token.sid is not None else tuple(named)


def _kid(jwt: SignedJwt) -> str:
    """The key that the header names, if the header is one of ours (RFC 8725 section 3.11)."""
    typ, kid = jwt.header.get("typ"), jwt.header.get("kid")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise TokenInvalid("this is not an access token (typ is not at+jwt)")
    if "crit" in jwt.header or "b64" in jwt.header:
        raise TokenInvalid("the token demands an extension that is not supported")
    if not isinstance(kid, str):
        raise TokenInvalid("the token names no key")
    return kid
