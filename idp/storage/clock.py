"""One clock for all workers: the database's.

Why: what one worker writes, another compares. With clocks a minute apart the retry of a refresh token would
come after its grace at one worker and not at the other (an honest client would lose its session), a token
signed by a worker that is ahead would be refused as not yet valid, and "used before it was issued" would
happen. So a worker takes the time from the database once a minute, and in between counts on by its own
monotonic clock, which nobody sets: a machine's clock that is wrong, or jumps, changes nothing
(reliability.md F-32, F-33).

An answer that took long says little about when it was given: it counts only until a quicker one comes. Until
the first one the machine's own clock serves. An embedded database has no clock of its own.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Engine, event

from ..domain.ports import Clock

EVERY_SECONDS = 60.0
PROMPT_SECONDS = 0.1
_ASK = "SELECT clock_timestamp()"

monotonic: Callable[[], float] = time.monotonic
if sys.platform == "linux":
    # what was asked before the machine slept would otherwise be behind by its sleep
    monotonic = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _Compared:
    """It was ``time`` when our monotonic clock said ``at``; right to ``seconds``."""

    time: datetime
    at: float
    seconds: float


class DatabaseClock:
    """The time of the database that ``engine`` leads to, as far as it has been asked; else ``own``."""

    def __init__(self, engine: Engine, own: Clock) -> None:
        self._own = own
        self._compared: _Compared | None = None
        self._asked_at = float("-inf")
        self._lock = Lock()
        event.listen(engine, "checkout", self._check_out)

    def now(self) -> datetime:
        """Aware UTC."""
        compared = self._compared
        if compared is None:
            return self._own.now()
        return compared.time + timedelta(seconds=monotonic() - compared.at)

    def _check_out(self, connection: Any, _record: object, _proxy: object) -> None:
        """The pool hands out a connection: once a minute it is asked for the time first."""
        if monotonic() < self._asked_at + EVERY_SECONDS or not self._lock.acquire(blocking=False):
            return
        try:
            self._compare(connection)
        finally:
            self._lock.release()

    def _compare(self, connection: Any) -> None:
        """A connection that does not answer tells so to whoever asked for it, by the statement it was asked for."""
        before = monotonic()
        try:
            [theirs] = connection.execute(_ASK).fetchone()
        except connection.Error:
            return
        after = monotonic()
        self._asked_at = after
        self._take(_Compared(theirs.astimezone(UTC), (before + after) / 2, after - before))

    def _take(self, found: _Compared) -> None:
        known = self._compared
        if known is None or found.seconds <= max(PROMPT_SECONDS, known.seconds):
            self._compared = found
        else:
            self._asked_at = float("-inf")
