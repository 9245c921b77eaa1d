"""Refresh tokens: recomputed, not stored (design.md 4.1).

``rt_`` + base64url(key id ‖ family id ‖ counter ‖ tag), where tag = HMAC-SHA-256(K, family id ‖
counter ‖ client_id) and K is derived from the master key that the key id names.

Why: junk is refused without touching the database; a copy of the database forges nothing, for K is
not in it; the master key alone forges nothing, for the family id is 128 random bits that appear in
no other token, page or log; and the one successor of a token can be recomputed byte for byte for an
honest retry instead of being stored (P3, P6, P7).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from .master_key import KEY_ID_BYTES, MasterKeys

PREFIX = "rt_"
USE = "refresh token"
_COUNTER_BYTES = 4
_TAG_BYTES = 32
_BODY_BYTES = KEY_ID_BYTES + 16 + _COUNTER_BYTES + _TAG_BYTES
_SHAPE = re.compile(r"rt_[A-Za-z0-9_-]{75}")
UNBOUND: Mapping[str, str] = MappingProxyType({})
MAX_COUNTER = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFamily:
    """One chain of refresh tokens: one row for ever, however often it rotates.

    ``scope`` and ``resources`` are what was granted; narrowing never changes them (RFC 6749
    section 6). ``idle_seconds`` counts from ``rotated_at``; ``expires_at`` is fixed at birth. ``jkt`` and
    ``x5t`` are the thumbprints of the key (RFC 9449 section 5) and the certificate (RFC 8705 section 4)
    without which no token of it works.
    """

    id: UUID
    client_session_id: UUID
    user_id: UUID
    client_id: str
    counter: int
    rotated_at: datetime
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    claims: Mapping[str, object] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, object], ...] = ()
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    jkt: str | None = None
    x5t: str | None = None
    created_at: datetime
    idle_seconds: int
    expires_at: datetime

    def held_by(self, confirmation: Mapping[str, str]) -> bool:
        """Does this ``cnf`` prove everything that the family is bound to?"""
        return self.jkt in (None, confirmation.get("jkt")) and self.x5t in (None, confirmation.get("x5t#S256"))

    @property
    def ends_at(self) -> datetime:
        """When it dies if nobody uses it: idle or absolute end, whichever comes first."""
        return min(self.expires_at, self.rotated_at + timedelta(seconds=self.idle_seconds))


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """What a well-formed token says, before its tag has been checked against a client."""

    key_id: bytes
    family_id: UUID
    counter: int
    tag: bytes


class Verdict(Enum):
    """What a genuine token that did not rotate the family is (design.md 4.1, the table)."""

    RETRY = "the immediate parent within grace: the same successor again"
    REUSE = "older, or after grace: somebody holds a copy"
    DEAD = "its family, session, user or client has ended"


def format_token(keys: MasterKeys, key_id: bytes, family_id: UUID, counter: int, client_id: str) -> str:
    """The token at ``counter`` of a family: always the same bytes for the same arguments."""
    tag = _tag(keys, key_id, family_id, counter, client_id)
    if tag is None:
        raise ValueError("the master key of this token is not configured")
    body = key_id + family_id.bytes + counter.to_bytes(_COUNTER_BYTES, "big") + tag
    return PREFIX + base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def parse_token(text: str) -> PresentedToken | None:
    """Read a token's parts; None for anything that is not exactly in our form.

    One spelling per token: base64url has several for the same bytes when its last character carries
    unused bits, so the text must be what we would have written (security.md section 6, trap 4).
    """
    if not _SHAPE.fullmatch(text):
        return None
    body = base64.urlsafe_b64decode(text[len(PREFIX) :] + "=" * (-len(text[len(PREFIX) :]) % 4))
    if len(body) != _BODY_BYTES or base64.urlsafe_b64encode(body).rstrip(b"=").decode() != text[len(PREFIX) :]:
        return None
    family, rest = body[KEY_ID_BYTES : KEY_ID_BYTES + 16], body[KEY_ID_BYTES + 16 :]
    counter = int.from_bytes(rest[:_COUNTER_BYTES], "big")
    return PresentedToken(body[:KEY_ID_BYTES], UUID(bytes=family), counter, rest[_COUNTER_BYTES:])


def is_genuine(keys: MasterKeys, token: PresentedToken, client_id: str) -> bool:
    """Did we make this token for this client? Constant time in the tag."""
    expected = _tag(keys, token.key_id, token.family_id, token.counter, client_id)
    return expected is not None and hmac.compare_digest(expected, token.tag)


def _tag(keys: MasterKeys, key_id: bytes, family_id: UUID, counter: int, client_id: str) -> bytes | None:
    key = keys.derive(key_id, USE)
    if key is None:
        return None
    message = family_id.bytes + counter.to_bytes(_COUNTER_BYTES, "big") + client_id.encode()
    return hmac.digest(key, message, hashlib.sha256)


def classify(
    family: RefreshFamily | None, *, live: bool, presented: int, client_id: str, now: datetime, grace: int,
    confirmation: Mapping[str, str] = UNBOUND,
) -> Verdict:  # fmt: skip
    """Say what a genuine token is that rotated nothing. ``grace`` is in seconds; 0 means strict.

    Without the key that the family is bound to nothing follows, not even an ending: whoever merely saw an
    old token could end the session with it, and can do nothing else with it.

    A dead family stays dead: liveness is asked before grace, so an ended session never comes back
    through a retry (P1). Only the immediate parent may be retried, never a grandparent.
    """
    if family is None or not live or family.client_id != client_id or not family.held_by(confirmation):
        return Verdict.DEAD
    if presented >= family.counter:
        return Verdict.DEAD  # from the future: the database was restored from before this token was made
    in_grace = (now - family.rotated_at).total_seconds() < grace
    if presented == family.counter - 1 and in_grace:
        return Verdict.RETRY
    return Verdict.REUSE
