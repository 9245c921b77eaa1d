"""Throttles: counters of attempts in windows, exact under any number of parallel attempts.

Each brake is one upsert that counts only while there is room; its row lock makes attempts pass one by
one, across processes too. Brakes are taken in the order of their keys, so two attempts never wait for
each other in a circle. A refusal gives back what it had taken from the brakes before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Integer, and_, bindparam, case, delete, or_, select, update

from ..domain.throttle import Brake
from .columns import UtcDateTime
from .database import Database
from .liveness import NOW
from .tables import throttles
from .upsert import upsert

_T = throttles.c
_ROW = _T.key == bindparam("brake")
_OVER = _T.expires_at <= NOW

_insert = upsert(throttles).values(key=bindparam("brake"), count=1, expires_at=bindparam("until", type_=UtcDateTime()))
_TAKE = _insert.on_conflict_do_update(
    index_elements=[_T.key],
    set_={
        "count": case((_OVER, 1), else_=_T.count + 1),
        "expires_at": case((_OVER, _insert.excluded.expires_at), else_=_T.expires_at),
    },
    where=or_(_OVER, _T.count < bindparam("most", type_=Integer)),
)
_WHEN = select(_T.expires_at).where(_ROW, _T.expires_at > NOW, _T.count >= bindparam("most"))
_GIVE_BACK = update(throttles).where(and_(_ROW, _T.count > 0, _T.expires_at > NOW)).values(count=_T.count - 1)
_CLEAR = delete(throttles).where(_ROW)


class SqlThrottles:
    """Implements ``ports.Throttles``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def take(self, brakes: Sequence[Brake], now: datetime) -> int:
        """Count one attempt under every brake; seconds to wait if one of them has no room."""
        taken: list[Brake] = []
        with self._db.work():
            for brake in _in_order(brakes):
                if not self._counted(brake, now):
                    self.give_back(taken, now)
                    return self._wait(brakes, now)
                taken.append(brake)
        return 0

    def give_back(self, brakes: Sequence[Brake], now: datetime) -> None:
        """Uncount one attempt."""
        with self._db.work():
            for brake in _in_order(brakes):
                self._db.count(_GIVE_BACK, {"brake": brake.key, "now": now})

    def clear(self, brakes: Sequence[Brake]) -> None:
        """Forget every attempt."""
        with self._db.work():
            for brake in _in_order(brakes):
                self._db.count(_CLEAR, {"brake": brake.key})

    def _counted(self, brake: Brake, now: datetime) -> bool:
        until = now + timedelta(seconds=brake.window_seconds)
        values = {"brake": brake.key, "most": brake.limit, "until": until, "now": now}
        return brake.limit > 0 and self._db.count(_TAKE, values) == 1

    def _wait(self, brakes: Sequence[Brake], now: datetime) -> int:
        """Until the last of the full brakes opens; at least a second, for refused is refused."""
        ends = []
        for brake in brakes:
            row = self._db.row(_WHEN, {"brake": brake.key, "most": brake.limit, "now": now})
            ends += [now + timedelta(seconds=brake.window_seconds)] if brake.limit <= 0 else []
            ends += [row[0]] if row is not None else []
        return max([1, *(math.ceil((end - now).total_seconds()) for end in ends)])


def _in_order(brakes: Sequence[Brake]) -> Sequence[Brake]:
    return sorted(brakes, key=lambda brake: brake.key)
