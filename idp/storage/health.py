"""Is the database there, and is its schema ours?"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from .database import Database
from .migrate import current_and_head

_PING = text("SELECT 1")


class SqlHealth:
    """Implements ``ports.Health``."""

    def __init__(self, database: Database, migrations: Path) -> None:
        self._db = database
        self._migrations = migrations

    def ping(self) -> None:
        """Raises Unavailable if the database does not answer."""
        self._db.row(_PING)

    def migrations_pending(self) -> bool:
        """True until ``idp db upgrade`` has run with this version of the program."""
        current, head = current_and_head(self._db.engine, self._migrations)
        return current != head
