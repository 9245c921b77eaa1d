"""The engine, transactions, and the one place where a database's failure becomes ``Unavailable``.

Connections are in driver autocommit. A statement outside ``work()`` is one round trip without BEGIN
and COMMIT; ``work()`` writes them itself: ``BEGIN`` (READ COMMITTED) on PostgreSQL, ``BEGIN IMMEDIATE``
on SQLite, which takes the writer's lock before anything is read, so that nothing read can be stale by
the time it is written and no transaction fails for lock escalation.

Why READ COMMITTED: every decision is one conditional statement whose row count decides, and the row
lock serialises it (reliability.md section 4); no retry loop stands on the hot path.

SQLite's writers take turns (``writers_turn``).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, CursorResult, Engine, Executable, Row, make_url
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import Conflict, IdpError, LostTransaction, Unavailable
from .columns import loads
from .postgres import connector, set_patience
from .prepared import PreparedStatements, Result
from .tables import Base
from .writers_turn import PATIENCE_SECONDS, WritersTurn

db = SQLAlchemy(metadata=Base.metadata)

T = TypeVar("T")
AnyRow = Row[*tuple[Any, ...]]
AnyResult = CursorResult[*tuple[Any, ...]]
Take = Callable[[AnyResult], T]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_LOST_STATES = {"40001", "40P01"}  # serialization failure, deadlock: nothing has been done
_ATTEMPTS = 3


def engine_options(url: str, pool_size: int = 8, *, pooled: bool = False) -> dict[str, Any]:
    """``SQLALCHEMY_ENGINE_OPTIONS`` for this URL. A request waits 1 s for a connection, then 503 (F-24).

    ``pooled``: see ``postgres.connector``.
    """
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_size": pool_size, "max_overflow": 0,
                               "json_deserializer": loads}  # fmt: skip
    if make_url(url).get_backend_name() == "sqlite":
        return options | {
            "pool_timeout": PATIENCE_SECONDS,
            "connect_args": {"timeout": PATIENCE_SECONDS, "check_same_thread": False},
            "pool_events": [(_prepare_sqlite, "connect")],
        }
    connect = connector(url, pooled=pooled)
    return options | {"pool_timeout": 1, "creator": connect, "pool_events": [(connect.check_out, "checkout")]}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """FULL and not NORMAL: an acknowledged ending must survive a power cut (F-31)."""
    patience = f"busy_timeout={PATIENCE_SECONDS * 1000}"
    for pragma in (patience, "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


class _Transaction:
    """One open transaction. ``broken`` once a statement failed: PostgreSQL would turn COMMIT into ROLLBACK."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.broken = False

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Around a statement."""
        try:
            yield
        except BaseException:
            self.broken = True
            raise

    def commit(self) -> None:
        """Commit. Raises LostTransaction if nothing has been written for sure, to be done again.

        Any other Unavailable leaves it open: the answer may have been lost on its way (``postgres``).
        """
        if self.broken:
            raise Unavailable("a statement of this transaction failed")
        with translated():
            self.connection.exec_driver_sql("COMMIT")


class Database:
    """Runs statements: in the transaction open on this thread, else each by itself."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine.execution_options(preserve_rowcount=True)  # INSERT … ON CONFLICT decides by it, too
        self.sqlite = engine.dialect.name == "sqlite"
        self._prepared = PreparedStatements(engine)
        self._here = threading.local()
        self._writers = WritersTurn()

    # ── statements ───────────────────────────────────────────────────────────────────────────────

    def rows(self, statement: Executable, parameters: Parameters = None) -> Sequence[AnyRow]:
        """Read. Tried again once if the connection turns out to be dead (the database was restarted)."""
        return self._run(statement, parameters, _all, reads=True)

    def row(self, statement: Executable, parameters: Parameters = None) -> AnyRow | None:
        """Read at most one row."""
        found = self.rows(statement, parameters)
        return found[0] if found else None

    def count(self, statement: Executable, parameters: Parameters = None) -> int:
        """Write; how many rows it hit."""
        return self._run(statement, parameters, _count)

    def changed(self, statement: Executable, parameters: Parameters = None) -> Sequence[AnyRow]:
        """Write with RETURNING; the rows as they are now."""
        return self._run(statement, parameters, _all)

    def hot_row(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any] | None:
        """``row`` for the hot path, beneath Core."""
        found = self._hot(statement, parameters, reads=True).rows
        return found[0] if found else None

    def hot_rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """``rows`` for the hot path."""
        return self._hot(statement, parameters, reads=True).rows

    def hot_changed(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """``changed`` for the hot path."""
        return self._hot(statement, parameters).rows

    def hot_count(self, statement: Executable, parameters: Mapping[str, Any]) -> int:
        """``count`` for the hot path."""
        return self._hot(statement, parameters).hit

    def _hot(self, statement: Executable, parameters: Mapping[str, Any], *, reads: bool = False) -> Result:
        """A read that fails, or what was lost, goes the common way, where it is tried again."""
        transaction = self._transaction
        if transaction is not None:
            with transaction.breaking(), translated():
                return self._prepared.on(transaction.connection.connection, statement, parameters)
        try:
            with self._turn(needed=not reads), translated():
                return self._prepared.alone(statement, parameters)
        except Unavailable as error:
            if not (reads or isinstance(error, LostTransaction)):
                raise
        return self._run(statement, parameters, _result, reads=reads)

    def _run(self, statement: Executable, parameters: Parameters, take: Take[T], reads: bool = False) -> T:
        transaction = self._transaction
        if transaction is None:
            with self._turn(needed=not reads), translated():
                return self._alone(statement, parameters, take, reads)
        with transaction.breaking(), translated():
            return take(transaction.connection.execute(statement, parameters))

    def _alone(self, statement: Executable, parameters: Parameters, take: Take[T], reads: bool) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.engine.connect() as connection:
                    return take(connection.execute(statement, parameters))
            except DBAPIError as error:
                dead_read = reads and error.connection_invalidated and attempt == 1
                if attempt == _ATTEMPTS or not (dead_read or _lost(error)):
                    raise
                time.sleep(0.005 * attempt)
        raise AssertionError("the last attempt returns or raises")

    # ── transactions ─────────────────────────────────────────────────────────────────────────────

    @property
    def _transaction(self) -> _Transaction | None:
        return getattr(self._here, "transaction", None)

    @property
    def in_work(self) -> bool:
        """Is a transaction open on this thread?"""
        return self._transaction is not None

    @contextmanager
    def work(self) -> Iterator[None]:
        """``ports.Work``: open a transaction or join; errors with ``persist`` commit, others roll back."""
        if self._transaction is not None:
            yield
            return
        with self._turn(), self._begun() as transaction:
            try:
                yield
            except IdpError as error:
                if error.persist:
                    transaction.commit()
                raise
            transaction.commit()

    def wait_longer(self, seconds: float) -> None:
        """Until this transaction ends, its statements may take so long; the server must be told as well."""
        if self._transaction is not None:
            set_patience(self._transaction.connection.connection.driver_connection, seconds)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that may fail alone, such as on a name that is taken."""
        with self.work():
            transaction = self._transaction
            assert transaction is not None  # noqa: S101  # work() has just opened or joined it
            with translated():
                transaction.connection.exec_driver_sql("SAVEPOINT part")
            try:
                yield
            except Conflict:
                with translated():
                    transaction.connection.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
                transaction.broken = False
                raise
            with translated():
                transaction.connection.exec_driver_sql("RELEASE SAVEPOINT part")

    @contextmanager
    def _begun(self) -> Iterator[_Transaction]:
        """Returning the connection to the pool rolls back whatever has not been committed."""
        with translated():
            connection = self._begin()
        try:
            self._here.transaction = _Transaction(connection)
            yield self._here.transaction
        finally:
            self._here.transaction = None
            with translated():
                connection.close()

    def _begin(self) -> Connection:
        """BEGIN may be tried again on a fresh connection: nothing has been done yet."""
        try:
            return self._begin_once()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return self._begin_once()

    def _begin_once(self) -> Connection:
        connection = self.engine.connect()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self.sqlite else "BEGIN ISOLATION LEVEL READ COMMITTED")
        except BaseException:
            connection.close()
            raise
        return connection

    def _turn(self, needed: bool = True) -> AbstractContextManager[None]:
        return self._writers.taken() if self.sqlite and needed else nullcontext()


def _all(result: AnyResult) -> Sequence[AnyRow]:
    return result.all()


def _count(result: AnyResult) -> int:
    return result.rowcount


def _lost(error: SQLAlchemyError) -> bool:
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _LOST_STATES


def _result(result: AnyResult) -> Result:
    return Result(result.all() if result.returns_rows else (), result.rowcount)


@contextmanager
def translated() -> Iterator[None]:
    """Tell a database that does not answer (503) from one that answers "no" (Conflict) and from our mistakes.

    And from one that asks to begin again (LostTransaction).

    InternalError is among the former: PostgreSQL says so when it has become read-only or has closed an
    idle transaction. PendingRollbackError, too: an earlier statement of the transaction has lost the
    connection, and whoever asked could do without its answer (the signing keys, of which there is a copy).
    """
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError, PendingRollbackError) as error:
        kind = LostTransaction if _lost(error) else Unavailable
        raise kind(f"the database: {_brief(error)}") from error
    except IntegrityError as error:
        raise Conflict(_brief(error)) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the database connection was lost") from error
        raise


def _brief(error: SQLAlchemyError) -> str:
    """The first line of the driver's own words, without the statement and its parameters (P7)."""
    text = str(getattr(error, "orig", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
