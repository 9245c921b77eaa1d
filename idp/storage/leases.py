"""Whether leases may stand anywhere: a fact of the database, not of a process's settings.

A process without ``IDP_REDIS_URL`` (an operator's shell, a worker started before the setting) may end what
workers with a hot copy hold leases of. It cannot mark anything, and so must not say "done" at the commit.

Why this holds: whoever gives leases announces it here, again every minute, *before* reading the record
that a lease is made from. A lease that stands although its session has ended was made from a reading
before the commit of that ending, hence announced before that commit; and whoever ends without a hot copy
looks here *after* the commit. So it sees the announcement, and takes the slow path.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from uuid import UUID

from sqlalchemy import bindparam, select

from ..errors import Unavailable
from .database import Database
from .settling import DatabaseNow
from .tables import settling
from .upsert import upsert

ANNOUNCED_SECONDS = 300.0
AGAIN_SECONDS = 60.0
_NOBODY = UUID(int=0)
"""No session's id: the row of the announcement."""

_insert = upsert(settling).values(sid=bindparam("nobody"), known_at=DatabaseNow())
_ANNOUNCE = _insert.on_conflict_do_update(index_elements=[settling.c.sid], set_={"known_at": DatabaseNow()})
_LATEST = select(settling.c.known_at, DatabaseNow()).where(settling.c.sid == bindparam("nobody"))


class Leases:
    """One per process, for those that give leases and those that do not."""

    def __init__(self, database: Database, tick: Callable[[], float] = monotonic) -> None:
        self._db = database
        self._tick = tick
        self._lock = threading.Lock()
        self._announced = float("-inf")

    def announced(self) -> bool:
        """May a lease be made from what is read of the record from now on? Announces it where that is due.

        The half of ``ANNOUNCED_SECONDS`` that is left unused is for clocks that run apart.
        """
        since = self._tick() - self._announced
        if since < AGAIN_SECONDS:
            return True
        if self._lock.acquire(blocking=False):
            try:
                began = self._tick()
                self._db.count(_ANNOUNCE, {"nobody": _NOBODY})
                self._announced = began
            except Unavailable:
                return since < ANNOUNCED_SECONDS / 2
            finally:
                self._lock.release()
            return True
        return since < ANNOUNCED_SECONDS / 2

    def may_stand(self) -> bool:
        """Has anybody announced them lately? Asked after the commit of an ending."""
        row = self._db.row(_LATEST, {"nobody": _NOBODY})
        return row is not None and abs((row[1] - row[0]).total_seconds()) < ANNOUNCED_SECONDS
