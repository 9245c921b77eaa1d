"""Since when an ending is known to be committed, for those that the hot copy has not confirmed.

Why not count from ``ended_at``: it is written before the commit, by the clock of the machine that ended
it. A commit may come much later (locks, a standby that must confirm), and clocks differ: an ending would
be acknowledged while a lease still stands. So the first one who finds the end committed and unconfirmed
notes the time, by the database's own clock, and everybody counts from there.

Why in groups: a whole client ends with more sessions than a statement may have parameters.

On SQLite that is the clock of the one machine all processes share.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from .columns import UtcDateTime
from .database import Database
from .tables import settling
from .upsert import insert_or_nothing

_AT_ONCE = 1000


class DatabaseNow(FunctionElement[datetime]):
    """The database's clock at this statement, not at the beginning of its transaction."""

    name = "database_now"
    type = UtcDateTime()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _now_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(DatabaseNow, "sqlite")
def _now_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


_NOTE = insert_or_nothing(settling).values(sid=bindparam("sid_"), known_at=DatabaseNow())
_LATEST = select(func.max(settling.c.known_at), DatabaseNow()).where(
    settling.c.sid.in_(bindparam("sids", expanding=True))
)


class Settling:
    """Counts from the first time that each ``sid`` was noted."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def seconds_since(self, sids: Sequence[UUID]) -> float:
        """How long the youngest of these has been known; those that were not are from now on."""
        every = sorted(sids)
        groups = [every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE)]
        return min((self._seconds_since(group) for group in groups), default=0.0)

    def _seconds_since(self, sids: Sequence[UUID]) -> float:
        with self._db.work():
            self._db.count(_NOTE, [{"sid_": sid} for sid in sids])
            row = self._db.row(_LATEST, {"sids": list(sids)})
        return 0.0 if row is None else float((row[1] - row[0]).total_seconds())
