"""The turn of this process's writers at SQLite's file.

Its busy handler polls and starves; a lock in front of it hands the file on in order. And where another
program holds the file for as long as it likes, not everybody may wait for it one after the other: a worker
has few threads, and whoever stands behind two rounds of two seconds is answered later than five (F-30). So
when somebody has waited in vain, nobody else waits in the second that follows.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Unavailable

PATIENCE_SECONDS = 2
"""For the turn, and then for the file."""
PAUSE_SECONDS = 1.0


class WritersTurn:
    """One at a time."""

    def __init__(self) -> None:
        self._line = threading.Lock()
        self._held_until = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Raises Unavailable, within ``PATIENCE_SECONDS``, or as soon as somebody has seen that waiting is vain."""
        if not self._line.acquire(timeout=PATIENCE_SECONDS):
            raise Unavailable("the database is busy")
        try:
            if time.monotonic() < self._held_until:
                raise Unavailable("the database is held by another program")
            yield
        except Unavailable as error:
            if _in_vain(error):
                self._held_until = time.monotonic() + PAUSE_SECONDS
            raise
        finally:
            self._line.release()


def _in_vain(error: Unavailable) -> bool:
    """Has the busy handler given up? What SQLite said is below what SQLAlchemy made of it (``database.translated``)."""
    said = getattr(error.__cause__, "orig", None)
    return isinstance(said, sqlite3.OperationalError) and said.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
