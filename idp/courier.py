"""The courier: deliveries one after another and side by side, for as long as a process lives.

``idp worker`` runs one, and so does each worker of ``idp serve`` unless the operator has it otherwise;
any number of them share an outbox (``services.deliveries``).

How a dead or a slow receiver is kept from starving the others: each receiver (lane) has at most a share
of the threads. One that did not answer its last message within a second, or has had none yet from this
process, gets one thread at a time, and all of these together at most half of them: whoever can register
clients can make as many new ones as he likes. The other half is for those that answered quickly.

Why mails and tombstones have threads of their own: who receives notices is anybody's choice, and neither
what warns a person nor what settles an ending may wait for that.

How quickly: while there is work it is taken up as threads become free; with none, the outbox is looked
at once a second, by a read that takes no lock. So an ending never waits for its notices, nor they for long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import structlog

from .domain.outbox import MessageKind, OutboxMessage
from .errors import Unavailable
from .services.deliveries import Deliveries

IDLE_SECONDS = 1.0
STOP_SECONDS = 8.0
QUICK_SECONDS = 1.0
OWN_THREADS = 2
_OWN = frozenset({MessageKind.MAIL.value, MessageKind.TOMBSTONE.value})
_REMEMBERED = 500

log = structlog.get_logger(__name__)


class Courier:
    """One per process. ``threads`` notices at most are under way at a time, and ``OWN_THREADS`` of each other kind.

    Whoever is not remembered as quick is none the worse for it than a newcomer, so forgetting is safe.
    """

    def __init__(self, deliveries: Deliveries, threads: int) -> None:
        self._deliveries = deliveries
        self._threads = max(2, threads)
        self._busy: dict[str, int] = {}
        self._quick: dict[str, None] = {}
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
            return self._deliveries.due() and bool(
                self._begin(self._own()) + self._begin(self._others()) + self._begin(self._proven())
            )
        except Unavailable as error:
            log.warning("the outbox cannot be read", error=str(error))
        except Exception:
            log.exception("a round of deliveries failed")
        return False

    def _own(self) -> Sequence[OutboxMessage]:
        """Mails and tombstones, whatever else is under way."""
        with self._change:
            idle = sorted(_OWN - set(self._busy))
        return self._deliveries.claim(OWN_THREADS * len(idle), OWN_THREADS, lanes=idle, only=True) if idle else ()

    def _proven(self) -> Sequence[OutboxMessage]:
        """For receivers that have nothing under way and answered quickly last time."""
        with self._change:
            free, waiting = self._threads - self._count(self._busy), set(self._quick) - set(self._busy)
        if not waiting or free <= 0:
            return ()
        return self._deliveries.claim(free, self._threads // 2, lanes=sorted(waiting), only=True)

    def _others(self) -> Sequence[OutboxMessage]:
        """One message each for receivers that did not, or of whom nothing is known."""
        with self._change:
            left_out = _OWN | set(self._quick) | set(self._busy)
            under_way = self._count(set(self._busy) - set(self._quick))
            free = min(self._threads - self._count(self._busy), self._threads // 2 - under_way)
        return self._deliveries.claim(free, 1, lanes=sorted(left_out), only=False) if free > 0 else ()

    def _count(self, lanes: Iterable[str]) -> int:
        """How many notices are under way to these."""
        return sum(self._busy.get(lane, 0) for lane in lanes if lane not in _OWN)

    def _begin(self, messages: Sequence[OutboxMessage]) -> int:
        for message in messages:
            with self._change:
                self._busy[message.lane] = self._busy.get(message.lane, 0) + 1
            threading.Thread(target=self._deliver, args=(message,), name="courier", daemon=True).start()
        return len(messages)

    def _deliver(self, message: OutboxMessage) -> None:
        well, began = False, time.monotonic()
        try:
            well = self._deliveries.deliver(message)
        except Unavailable as error:
            log.warning("the outcome of a delivery could not be written; it will be repeated", error=str(error))
            well = True
        except Exception:
            log.exception("a delivery failed")
        finally:
            self._done(message.lane, quick=well and time.monotonic() - began < QUICK_SECONDS)

    def _done(self, lane: str, *, quick: bool) -> None:
        with self._change:
            self._busy[lane] -= 1
            if not self._busy[lane]:
                del self._busy[lane]
            self._remember(lane, quick)
            self._change.notify_all()

    def _remember(self, lane: str, quick: bool) -> None:
        """The last few hundred quick ones, for their names go into every claim."""
        self._quick.pop(lane, None)
        if quick and lane not in _OWN:
            self._quick[lane] = None
            if len(self._quick) > _REMEMBERED:
                del self._quick[next(iter(self._quick))]

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
