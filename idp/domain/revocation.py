"""Revocation: one entry of the ordered log that resource servers follow (design.md 4.3).

An entry says: nothing issued at or before ``at`` for this sid, this sub or this client is alive.
``seq`` grows strictly, in commit order. After ``expires_at`` no such token can be alive and the
entry may be forgotten.

Why ``RETENTION`` counts from the longest life that a setting allows, and not from the one in force: a token
issued the moment before ``IDP_ACCESS_TOKEN_LIFE`` was lowered is alive for as long as it was promised. Why
five minutes more: the machine that issued it may be a minute ahead, the one that ended it a minute behind,
an API may allow a minute of leeway (RFC 9068 section 4 points to RFC 7519) and be a minute behind itself;
the sweeper, too, may be a minute ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_TOKEN_LIFE = timedelta(hours=1)
CLOCKS_APART = timedelta(minutes=5)
RETENTION = LONGEST_TOKEN_LIFE + CLOCKS_APART
LEAP = 1_000_000_000
"""More numbers than any log gives between a backup, or a lost standby's last word, and now."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """What came after a place in the log, read in one moment.

    Whoever had everything up to that place has, with ``entries``, everything up to ``head`` that may
    still matter. ``last`` is the highest number that has been given; ``head`` is below it if the page
    was cut off.
    """

    head: int
    last: int
    entries: tuple[Revocation, ...]

    @property
    def more(self) -> bool:
        """Was it cut off?"""
        return self.head < self.last
