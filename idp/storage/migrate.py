"""Bringing the schema up to date, by one process at a time.

Everything happens in one transaction, whose first statement keeps other processes out: a transaction
level advisory lock on PostgreSQL, the writer's lock on SQLite. Who waited finds nothing left to do; who
dies half way leaves nothing behind, for both databases roll back changes of the schema.

Why Alembic directly and not the ``flask db`` commands: those end the process when they fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import Migrate
from sqlalchemy import Connection, Engine

from .database import translated
from .postgres import set_patience

migrate = Migrate(compare_server_default=True, render_as_batch=True)
"""For ``migrate.init_app(app, db, directory=str(paths.MIGRATIONS))``; serves ``flask db`` in development."""

_LOCK = 7_041_913_377  # any number that no other user of advisory locks in this database has
_PATIENCE_MS = 60_000


def upgrade(engine: Engine, directory: Path, revision: str = "head") -> None:
    """Apply what is missing. Safe to be called by several processes at once."""
    with alone(engine) as connection:
        command.upgrade(config(directory, connection), revision)


def current_and_head(engine: Engine, directory: Path) -> tuple[str | None, str | None]:
    """The revision of the database and that of this program."""
    head = ScriptDirectory.from_config(config(directory)).get_current_head()
    with translated(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), head


def config(directory: Path, connection: Connection | None = None) -> Config:
    """Alembic's configuration without its ini file; ``env.py`` uses the connection it is given."""
    made = Config()
    made.set_main_option("script_location", str(directory).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that no other upgrade can be in at the same time."""
    with translated(), engine.connect() as connection:
        set_patience(connection.connection.driver_connection, None)
        for statement in _opening(connection.dialect.name):
            connection.exec_driver_sql(statement)
        try:
            yield connection
            connection.exec_driver_sql("COMMIT")
        finally:
            _restore(connection)


def _opening(dialect: str) -> tuple[str, ...]:
    if dialect == "sqlite":
        # A batch migration rebuilds tables; with foreign keys on, dropping the old one would cascade.
        return (f"PRAGMA busy_timeout={_PATIENCE_MS}", "PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE")
    return (
        "BEGIN",
        f"SET LOCAL lock_timeout={_PATIENCE_MS}",
        "SET LOCAL statement_timeout=0",
        "SET LOCAL idle_in_transaction_session_timeout=0",
        f"SELECT pg_advisory_xact_lock({_LOCK})",
    )


def _restore(connection: Connection) -> None:
    """Roll back what was not committed, and never reuse a connection with foreign keys off."""
    raw: Any = connection.connection.dbapi_connection
    if raw is not None and connection.dialect.name == "sqlite":
        raw.rollback()
        connection.invalidate()
