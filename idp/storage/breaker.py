"""A circuit breaker: after a few failures in a row a server is left alone, but for one probe at a time.

It may skip what is only a matter of speed (a look-up, a fill, a counter of attempts that SQL keeps as
well), never the mark of an ending: whether that one arrives decides what may be acknowledged, and two
workers whose breakers disagree are the normal state of a flapping server (reliability.md 3.1, 4).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

import structlog

FAILURES = 3
PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Breaker:
    """Of one server, in one process. ``told`` hears of every change: True when it opens."""

    def __init__(self, name: str, told: Callable[[bool], None]) -> None:
        self._name = name
        self._told = told
        self._failures = 0
        self._probe_at = 0.0
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Is the server left alone?"""
        return self._failures >= FAILURES

    def allows(self) -> bool:
        """May the server be asked? While it is open: by one caller a second, the probe."""
        if not self.open:
            return True
        with self._lock:
            if monotonic() < self._probe_at:
                return False
            self._probe_at = monotonic() + PAUSE_SECONDS
            return True

    def succeeded(self) -> None:
        """The server answered in time."""
        if not self._failures:
            return
        with self._lock:
            was_open, self._failures = self.open, 0
        if was_open:
            self._change(False)

    def failed(self) -> None:
        """It did not."""
        with self._lock:
            self._failures += 1
            opened = self._failures == FAILURES
            if opened:
                self._probe_at = monotonic() + PAUSE_SECONDS
        if opened:
            self._change(True)

    def _change(self, opened: bool) -> None:
        self._told(opened)
        if opened:
            log.warning("redis is left alone: it does not answer in time", server=self._name)
        else:
            log.info("redis answers again", server=self._name)
