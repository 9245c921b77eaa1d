"""Deliveries: what the outbox holds is sent, until it has arrived or is given up (I12).

One message at a time is claimed, sent and settled; who does how many at a time, and in which order, is
the courier's affair. The handlers of the kinds come from outside: this service knows neither HTTP nor
mail.

Every claimed message comes to an outcome that is written down. If that fails (the database is away, the
process dies), the lease runs out and somebody sends it again, under the same id.

What is given up is in the log, in ``idp outbox list --state gave-up`` until it is swept, and, for as long as they
are kept, among the security events: somebody was not told that a session has ended, or that somebody signed in.
Marks for the hot copy are not: they are given up when no token is left that they could matter to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ..domain.event import SecurityEvent
from ..domain.outbox import Backlog, OutboxMessage, Schedule, Search
from ..domain.ports import Stores
from ..errors import NotFound

LEASE = timedelta(seconds=30)
MARGIN = timedelta(seconds=15)
"""A message whose lease is nearly over is not begun: another worker might be sending it before we are done."""

log = structlog.get_logger(__name__)


class DeliveryFailed(Exception):
    """Not delivered this time. ``refused``: the other side has understood and said no."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class Undeliverable(DeliveryFailed):
    """No attempt will ever change it: there is nobody to deliver to, or nothing to deliver with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """``send`` returns when the message has arrived, else raises DeliveryFailed.

    ``kept``: a delivered message stays to be seen in the account page and on the command line, and one that is
    given up is a security event.
    """

    send: Callable[[OutboxMessage], None]
    schedule: Schedule = field(default_factory=Schedule)
    kept: bool = True


class Deliveries:
    """Claims messages and brings them to an outcome."""

    def __init__(self, stores: Stores, handlers: Mapping[str, Handler]) -> None:
        self._stores = stores
        self._handlers = handlers

    def due(self) -> bool:
        """Is there anything to claim?"""
        return self._stores.outbox.due(self._now())

    def claim(self, limit: int, share: int, *, lanes: Sequence[str], only: bool) -> Sequence[OutboxMessage]:
        """Lease messages, so many at most and so many of each lane, of these lanes or of all others."""
        now = self._now()
        return self._stores.outbox.claim(now, now + LEASE, limit, share, lanes=lanes, only=only)

    def release(self, message: OutboxMessage) -> None:
        """Hand back what will not be tried."""
        self._stores.outbox.release(message)

    def deliver(self, message: OutboxMessage) -> bool:
        """Try a claimed message and write down what came of it. False: whoever is to get it is not well."""
        handler = self._handlers.get(message.kind)
        if handler is None or message.claimed_until is None or self._now() > message.claimed_until - MARGIN:
            self._leave(message, known=handler is not None)
            return True
        try:
            handler.send(message)
        except DeliveryFailed as failure:
            self._failed(message, handler, failure)
            return isinstance(failure, Undeliverable)
        except Exception as error:
            log.exception("a delivery failed in a way nobody thought of", kind=message.kind, message_id=str(message.id))
            self._failed(message, handler, DeliveryFailed(type(error).__name__))
            return False
        if handler.kept:
            self._stores.outbox.delivered(message, self._now())
        else:
            self._stores.outbox.forget(message)
        return True

    def backlog(self) -> Sequence[Backlog]:
        """What waits, by kind."""
        return self._stores.outbox.backlog()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _leave(self, message: OutboxMessage, *, known: bool) -> None:
        """To another: a kind that only a newer version knows is offered again in a minute."""
        if known:
            self._stores.outbox.release(message)
        else:
            self._stores.outbox.postpone(message, self._now() + LEASE, f"no handler for {message.kind}")

    def _failed(self, message: OutboxMessage, handler: Handler, failure: DeliveryFailed) -> None:
        now, why, schedule = self._now(), str(failure), handler.schedule
        told = {"kind": message.kind, "message_id": str(message.id), "to": message.lane, "attempts": message.attempts}
        if isinstance(failure, Undeliverable) or schedule.over(message, now, refused=failure.refused):
            if self._gave_up(message, now, why, recorded=handler.kept):
                log.warning("a delivery was given up", why=why, **told)
            return
        pause = schedule.pause(message.attempts, self._chance())
        self._stores.outbox.postpone(message, now + pause, why)
        log.info("a delivery failed", why=why, again_in_seconds=round(pause.total_seconds(), 1), **told)

    def _gave_up(self, message: OutboxMessage, now: datetime, why: str, *, recorded: bool) -> bool:
        """Close it, and record that, in one transaction. False: somebody else has it by now."""
        with self._stores.work():
            closed = self._stores.outbox.give_up(message, now, why)
            if closed and recorded:
                self._stores.events.append(self._event(message, now))
        return closed

    def _event(self, message: OutboxMessage, now: datetime) -> SecurityEvent:
        """Whom it was to reach; not why it did not, for those are a stranger's words: the message keeps them."""
        details = {"message_id": str(message.id), "kind": message.kind, "attempts": message.attempts}
        return SecurityEvent(
            id=self._stores.randomness.uuid(), at=now, kind="notice.given_up", user_id=message.user_id,
            client_id=message.client_id, session_id=message.session_id, details=details,
        )  # fmt: skip

    def _now(self) -> datetime:
        return self._stores.clock.now()

    def _chance(self) -> float:
        return (self._stores.randomness.uuid().int & 0xFFFF) / 0xFFFF


class Outbox:
    """What operators see of the outbox, and their wish to try again."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def list(self, search: Search, limit: int) -> Sequence[OutboxMessage]:
        """Latest first."""
        return self._stores.outbox.list(search, limit)

    def retry(self, search: Search) -> int:
        """Make due now what waits or was given up; how many. Raises NotFound for an id that is not there."""
        count = self._stores.outbox.retry(search, self._stores.clock.now())
        if search.id is not None and not count and not self._stores.outbox.list(search, 1):
            raise NotFound(f"message {search.id}")
        return count


# ── tombstones ────────────────────────────────────────────────────────────────────────────────────


def tombstones(stores: Stores, access_token_life: int) -> Handler:
    """Marks in the hot copy are written again until every server has them (design.md 4.2).

    Until the last access token that could be taken for live has expired; then nobody needs them.
    """
    schedule = Schedule(
        first=timedelta(seconds=0.5), factor=2.0, longest=timedelta(seconds=5), fewest=1,
        patience=timedelta(seconds=access_token_life + 60),
    )  # fmt: skip

    def send(message: OutboxMessage) -> None:
        sids = message.payload.get("sids")
        if not isinstance(sids, list):
            raise Undeliverable("no sids")
        if not stores.tombstones.write([UUID(str(sid)) for sid in sids]):
            raise DeliveryFailed("the hot copy has not confirmed it")

    return Handler(send=send, schedule=schedule, kept=False)
