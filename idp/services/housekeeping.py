"""What must happen without anybody asking: sessions end by age, keys rotate by age, rows go (P6).

Why batch follows batch while batches are full: a single one each round is a limit on what can be kept
up with, and whoever makes rows faster than that (requests that nobody finishes cost nothing) would fill
the disk. Why for ten seconds at most: the other steps wait meanwhile.

Why each step stands alone: one that fails, and fails again on every round, must not starve the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from time import monotonic

import structlog

from ..again import until_kept
from ..domain.ports import Stores
from ..errors import Unavailable
from .keys import Keys
from .sessions import SessionControl

BATCH = 500
ENDINGS = 200
PATIENCE_SECONDS = 10.0

log = structlog.get_logger(__name__)

Done = Mapping[str, int]


class Housekeeping:
    """One bounded round at a time; any number of processes may run it side by side."""

    def __init__(self, stores: Stores, sessions: SessionControl, keys: Keys) -> None:
        self._stores = stores
        self._sessions = sessions
        self._keys = keys

    def round(self) -> Done:
        """Do one round; says how many of what were done. A step that fails is logged and left out."""
        steps = {"ending": self._end, "rotation": self._rotate, "sweeping": self._sweep}
        return dict(chain.from_iterable(_alone(name, step).items() for name, step in steps.items()))

    def _end(self) -> Done:
        ended = 0
        for _ in _while_patient():
            with self._stores.work():
                found = self._sessions.end_due(ENDINGS)
            ended += found
            if found < ENDINGS:
                break
        return {"sessions_ended": ended}

    def _rotate(self) -> Done:
        return {"keys_rotated": int(self._keys.rotate_if_due())}

    def _sweep(self) -> Done:
        swept: dict[str, int] = {}
        for _ in _while_patient():
            batch = self._stores.sweeper.sweep(self._stores.clock.now(), BATCH)
            swept = {table: swept.get(table, 0) + count for table, count in batch.items()}
            if max(batch.values(), default=0) < BATCH:
                break
        return swept


def _while_patient() -> Iterator[None]:
    """Once, and again until the time is up."""
    until = monotonic() + PATIENCE_SECONDS
    yield
    while monotonic() < until:
        yield


def _alone(name: str, step: Callable[[], Done]) -> Done:
    try:
        return until_kept(step)
    except Unavailable as error:
        log.warning("a step of housekeeping is left for the next round", step=name, error=str(error))
        return {}
    except Exception:
        log.exception("a step of housekeeping failed", step=name)
        return {}
