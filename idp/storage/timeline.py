"""Is this still the PostgreSQL server whose numbers the revocation log continues?

After the failover to an *asynchronous* standby (or a recovery to a point in time) the log may be without its
last entries, while followers have seen them. Their numbers would be given anew, and whoever stands at one
of them would never be sent the entry that has it now. PostgreSQL counts such new beginnings: each promotion
starts a new *timeline*. So the first entry written on another timeline than the last one leaps ahead, beyond
whatever has been given, and all that is then written reaches every follower wherever it stands. What the old
primary had acknowledged and the standby never got stays lost: that is what a synchronous one is for.

Where the server does not tell its timeline (a PostgreSQL-compatible one may not), nothing leaps by itself and
``idp db restored`` is the operator's to run. SQLite has none.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import NotSupportedError, ProgrammingError

from ..domain.revocation import LEAP
from ..errors import Conflict
from .database import Database
from .tables import turns
from .turns import take_turn

_NOW = text("SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)")
_NOTED = select(turns.c.value).where(turns.c.name == bindparam("noted"))


class Timeline:
    """For one queue (``turns``)."""

    def __init__(self, database: Database, queue: str) -> None:
        self._db = database
        self._queue = queue
        self._noted = f"timeline of {queue}"
        self._told: bool | None = None if not database.sqlite else False

    def leapt(self) -> int | None:
        """The queue's number after a leap, where one was due. In the transaction that holds the queue's turn."""
        now = self._now()
        if now is None:
            return None
        row = self._db.row(_NOTED, {"noted": self._noted})
        noted = None if row is None else int(row[0])
        if noted == now:
            return None
        take_turn(self._db, self._noted, now - (noted or 0))
        return None if noted is None else take_turn(self._db, self._queue, LEAP)

    def _now(self) -> int | None:
        """The server's, as a number; None if it does not say. That it may not be asked breaks no transaction."""
        if self._told is None:
            try:
                with self._db.savepoint():
                    found = self._asked()
            except Conflict:
                self._told = False
                return None
            self._told = True
            return found
        return self._asked() if self._told else None

    def _asked(self) -> int:
        try:
            row = self._db.row(_NOW)
        except (ProgrammingError, NotSupportedError) as error:
            raise Conflict("the server does not tell its timeline") from error
        return int(row[0], 16) if row is not None else 0
