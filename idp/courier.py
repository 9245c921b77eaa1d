"""The courier: deliveries one after another and side by side, for as long as a process lives.

``idp worker`` runs one, and so does each worker of ``idp serve`` unless the operator has it otherwise;
any number of them share an outbox (``services.deliveries``).

How a dead receiver is kept from starving the others: each receiver (lane) has at most a share of the
threads, and one that did not answer its last message is suspect: it gets one thread at a time, and all
suspects together at most half of them. Whoever answers has the other half to itself.

How quickly: while there is work it is taken up as threads become free; with none, the outbox is looked
at once a second, by a read that takes no lock. So an ending never waits for its notices, nor they for long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import structlog

from .domain.outbox import OutboxMessage
from .errors import Unavailable
from .services.deliveries import Deliveries

IDLE_SECONDS = 1.0
STOP_SECONDS = 8.0

log = structlog.get_logger(__name__)


class Courier:
    """One per process. ``threads`` deliveries at most are under way at a time."""

    def __init__(self, deliveries: Deliveries, threads: int) -> None:
        self._deliveries = deliveries
        self._threads = max(2, threads)
        self._busy: dict[str, int] = {}
        self._suspects: set[str] = set()
        self._change = threading.Condition()

    def run(self, stop: threading.Event) -> None:
        """Deliver until ``stop`` is set; then what is under way comes to its end, within ``STOP_SECONDS``."""
        while not stop.is_set():
            if not self._round():
                self._wait(stop)
        self._finish()

    def drain(self, stop: threading.Event) -> None:
        """Deliver everything that is due, and return."""
        while not stop.is_set() and (self._deliveries.due() or self._under_way()):
            if not self._round():
                self._wait(stop)
        self._finish()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _round(self) -> bool:
        """Begin what there are threads for; was there anything? A database that is away is asked again."""
        try:
            return self._deliveries.due() and bool(self._begin(self._healthy()) + self._begin(self._suspect()))
        except Unavailable as error:
            log.warning("the outbox cannot be read", error=str(error))
        except Exception:
            log.exception("a round of deliveries failed")
        return False

    def _healthy(self) -> Sequence[OutboxMessage]:
        """For receivers that have nothing under way and answered last time."""
        with self._change:
            free, left_out = self._threads - sum(self._busy.values()), self._suspects | set(self._busy)
        return self._deliveries.claim(free, self._threads // 2, lanes=sorted(left_out), only=False) if free else ()

    def _suspect(self) -> Sequence[OutboxMessage]:
        """One message each for receivers that did not answer last time."""
        with self._change:
            waiting = self._suspects - set(self._busy)
            under_way = sum(self._busy.get(lane, 0) for lane in self._suspects)
            free = min(self._threads - sum(self._busy.values()), self._threads // 2 - under_way)
        return self._deliveries.claim(free, 1, lanes=sorted(waiting), only=True) if waiting and free > 0 else ()

    def _begin(self, messages: Sequence[OutboxMessage]) -> int:
        for message in messages:
            with self._change:
                self._busy[message.lane] = self._busy.get(message.lane, 0) + 1
            threading.Thread(target=self._deliver, args=(message,), name="courier", daemon=True).start()
        return len(messages)

    def _deliver(self, message: OutboxMessage) -> None:
        well = False
        try:
            well = self._deliveries.deliver(message)
        except Unavailable as error:
            log.warning("the outcome of a delivery could not be written; it will be repeated", error=str(error))
            well = True
        except Exception:
            log.exception("a delivery failed")
        finally:
            self._done(message.lane, well)

    def _done(self, lane: str, well: bool) -> None:
        with self._change:
            self._busy[lane] -= 1
            if not self._busy[lane]:
                del self._busy[lane]
            (self._suspects.discard if well else self._suspects.add)(lane)
            self._change.notify_all()

    def _under_way(self) -> bool:
        with self._change:
            return bool(self._busy)

    def _wait(self, stop: threading.Event) -> None:
        """Until a delivery comes to its end, or it is time to look again, or to stop."""
        end = time.monotonic() + IDLE_SECONDS
        with self._change:
            before = sum(self._busy.values())
            while not stop.is_set() and time.monotonic() < end and sum(self._busy.values()) == before:
                self._change.wait(min(0.2, max(0.01, end - time.monotonic())))

    def _finish(self) -> None:
        """What does not end in time is repeated by somebody else when its lease is over."""
        end = time.monotonic() + STOP_SECONDS
        with self._change:
            while self._busy and time.monotonic() < end:
                self._change.wait(0.2)


def start(deliveries: Deliveries, threads: int) -> threading.Event:
    """A courier on a thread of its own; setting the returned event ends it."""
    stop = threading.Event()
    threading.Thread(target=Courier(deliveries, threads).run, args=(stop,), name="courier loop", daemon=True).start()
    return stop
