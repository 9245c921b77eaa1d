"""Revocation: one entry of the ordered log that resource servers follow (design.md 4.3).

An entry says: nothing issued at or before ``at`` for this sid, this sub or this client is alive.
``seq`` grows strictly, in commit order. After ``expires_at`` no such token can be alive and the
entry may be forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RevocationKind(StrEnum):
    """What ``value`` names."""

    SID = "sid"
    SUB = "sub"
    CLIENT = "client_id"
    JTI = "jti"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """``seq`` is 0 until the log has given one."""

    kind: RevocationKind
    value: str
    at: datetime
    expires_at: datetime
    reason: str
    seq: int = 0
