"""OutboxMessage: something that must reach the outside because of what happened.

It is written in the transaction of what it reports, so that neither exists without the other, and stays
until it is delivered or given up. At least once: a worker that dies between sending and writing that
down leaves a message that is sent again. Effectively once: ``id`` is the message's name on the wire (the
``jti`` of a logout token, the ``Message-ID`` of a mail), so whoever receives a repetition can tell.

How long is tried (``Schedule``): the first retry after seconds, each pause longer than the last, an hour
at most, each shortened or stretched by up to a fifth so that retries of one outage do not march in step.
What the other side has understood and refused, more attempts will hardly mend (OpenID Connect
Back-Channel Logout 1.0 section 2.5: "SHOULD NOT retransmit"), so those are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class MessageKind(StrEnum):
    """What is to be sent; each kind has a handler of its own."""

    BACKCHANNEL_LOGOUT = "backchannel_logout"
    MAIL = "mail"
    TOMBSTONE = "tombstone"
    CIBA_PING = "ciba_ping"


class MessageState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """``payload`` holds ids, never secrets. ``client_id`` is the client that is told, if it is one.

    ``attempts`` counts claims and so names the current one: whoever claimed earlier and comes back late
    changes nothing. ``claimed_until`` is the end of that claim's lease.
    """

    id: UUID
    kind: str
    payload: Mapping[str, object]
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    claimed_until: datetime | None = None
    delivered_at: datetime | None = None
    gave_up_at: datetime | None = None
    last_error: str | None = None
    user_id: UUID | None = None
    client_id: str | None = None
    sid: UUID | None = None
    session_id: UUID | None = None

    @property
    def state(self) -> MessageState:
        """Delivered stands above given up: a late answer may still have been "yes"."""
        if self.delivered_at is not None:
            return MessageState.DELIVERED
        return MessageState.WAITING if self.gave_up_at is None else MessageState.GAVE_UP

    @property
    def lane(self) -> str:
        """Messages of one lane have one receiver; lanes share a worker fairly."""
        return self.client_id or self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which messages: those that fit every member that is not None."""

    state: MessageState | None = None
    kind: str | None = None
    id: UUID | None = None
    user_id: UUID | None = None
    client_id: str | None = None
    sid: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What became of telling one client that a Session has ended; ``client_name`` None: it is deleted."""

    session_id: UUID
    client_id: str
    client_name: str | None
    state: MessageState
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many messages of a kind wait, and since when the one that is due longest."""

    kind: str
    waiting: int
    oldest_due: datetime


# ── when to try again ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """``patience`` is counted from the message's making, but a few attempts are always made."""

    first: timedelta = timedelta(seconds=5)
    factor: float = 3.0
    longest: timedelta = timedelta(hours=1)
    patience: timedelta = timedelta(days=1)
    fewest: int = 3

    def pause(self, attempts: int, chance: float) -> timedelta:
        """Until the next attempt after so many; ``chance`` is from 0 to 1."""
        steps = min(attempts - 1, 12)
        return min(self.longest, self.first * self.factor**steps) * (0.8 + 0.4 * chance)

    def over(self, message: OutboxMessage, now: datetime, *, refused: bool) -> bool:
        """Is the attempt that has just failed the last one?"""
        if message.attempts < self.fewest:
            return False
        return refused or now - message.created_at >= self.patience
