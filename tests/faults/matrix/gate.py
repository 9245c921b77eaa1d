"""Stops a statement inside PostgreSQL, so that a test can do something exactly while it is there.

What a worker asks for waits for a lock that the test holds; the test cuts the way back meanwhile and lets go: the
statement is done, its answer does not arrive. So a failpoint needs no line in the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import psycopg

LOCK = 4711
_TRIGGER = f"""
CREATE OR REPLACE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NULL; END $$;
"""


class Gate:
    """``with Gate(url, lock, passed) as gate:`` nobody passes; ``lock`` is the statement that takes the lock."""

    def __init__(self, url: str, lock: str, passed: Callable[[], bool]) -> None:
        self._url, self._lock, self.passed = url, lock, passed

    def __enter__(self) -> Self:
        self._connection = psycopg.connect(self._url)
        self._connection.execute(self._lock)  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()
        self._connection.close()

    def waited_for(self) -> bool:
        """Does somebody stand before it?"""
        pid = self._connection.info.backend_pid
        row = self._connection.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))", [pid]
        ).fetchone()
        return row is not None and row[0] > 0


@contextmanager
def commits_wait(url: str, table: str) -> Iterator[str]:
    """Whoever has changed ``table`` waits at COMMIT for a lock; the statement with which a gate holds it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TRIGGER)
        connection.execute(
            f"CREATE CONSTRAINT TRIGGER wait_at_commit AFTER UPDATE ON {table} "  # type: ignore[arg-type]
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit()"
        )
        try:
            yield f"SELECT pg_advisory_xact_lock({LOCK})"
        finally:
            connection.execute("SET lock_timeout = '30s'")
            connection.execute(f"DROP TRIGGER wait_at_commit ON {table}")  # type: ignore[arg-type]
