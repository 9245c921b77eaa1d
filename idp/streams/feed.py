"""The feed: the one reader of the log in this process.

It reads what is new every ``EVERY`` seconds, in a thread of its own, so that neither a slow database nor a
crowd of followers to authenticate keeps it from its turn. A reading that fails is no reading: nobody is sent
a heartbeat for it, and the pauses grow up to ``LONGEST_PAUSE``.

Why the moment a reading *began* counts: what was committed before then is in it; what was committed while
the database was thinking may not be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from ..domain.ports import Clock, Revocations
from ..domain.revocation import LogPage, Revocation
from .window import LIMIT, Window

EVERY = 0.04
LONGEST_PAUSE = 1.0
BATCH = 1000
_NOWHERE = 2**62  # a place that no log reaches: the page after it has the highest number and nothing else

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """One successful look: when it began (monotonic seconds), and what was new.

    ``complete``: all there was has been read; ``news``: something since the last complete reading;
    ``restored``: the log is behind what was read, so the database beneath us is another one.
    """

    began: float
    entries: tuple[Revocation, ...] = ()
    complete: bool = True
    news: bool = False
    restored: bool = False


class Feed:
    """Reads into ``window`` and tells ``heard`` of every reading."""

    def __init__(
        self, revocations: Revocations, clock: Clock, window: Window, heard: Callable[[Reading], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._revocations = revocations
        self._clock = clock
        self._window = window
        self._heard = heard
        self._monotonic = monotonic
        self._thread = ThreadPoolExecutor(1, "idp-feed")
        self._started = False
        self._failures = 0
        self._news = self._caught_up = False

    async def run(self) -> None:
        """Read for ever."""
        try:
            while True:
                await asyncio.sleep(await self.round())
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def round(self) -> float:
        """One reading; how long to pause after it, in seconds."""
        began = self._monotonic()
        try:
            page = await asyncio.get_running_loop().run_in_executor(self._thread, self._read, self._place)
        except Exception as error:  # noqa: BLE001 - whatever it is, the log has not been read
            return self._failed(error)
        if self._failures:
            log.info("the revocation log is read again", failures=self._failures)
        self._failures = 0
        self._take(page, began)
        return max(0.0, began + EVERY - self._monotonic()) if self._caught_up else 0.0

    @property
    def _place(self) -> int:
        return self._window.head if self._started else _NOWHERE

    def _read(self, place: int) -> LogPage:
        """In the thread, and so without a look at anything that moves."""
        return self._revocations.page(place, BATCH)

    def _take(self, page: LogPage, began: float) -> None:
        if not self._started:  # begin where a full window would
            self._window.start(max(0, page.last - LIMIT))
            self._started = True
            return
        if page.last < self._window.head:
            log.warning("the revocation log is behind what was read: a restored database", head=page.last)
            self._started = self._caught_up = False
            self._heard(Reading(began, complete=False, restored=True))
            return
        self._window.extend(page)
        self._window.trim(self._clock.now().timestamp())
        self._news = self._news or bool(page.entries)
        self._heard(Reading(began, page.entries, complete=not page.more, news=self._news))
        self._news, self._caught_up = self._news and page.more, not page.more

    def _failed(self, error: Exception) -> float:
        if not self._failures:
            log.warning("the revocation log cannot be read", error=str(error) or type(error).__name__)
        self._failures += 1
        return min(LONGEST_PAUSE, EVERY * 2.0 ** min(self._failures, 10))
