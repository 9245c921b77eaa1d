"""The database as the command line needs it before there is an application: reach, compare, upgrade.

Connections of its own, one at a time and without the short time-outs of serving: a migration may
take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Connection, NullPool, create_engine, func, make_url, select
from sqlalchemy.exc import OperationalError

from ..errors import ConfigurationError, Unavailable
from ..paths import MIGRATIONS
from ..settings import Settings
from ..storage.system import SystemClock


def embedded(settings: Settings) -> bool:
    """Is it SQLite, ours alone, rather than a server that others may use?"""
    return make_url(settings.sql_url).get_backend_name() == "sqlite"


def kind(settings: Settings) -> str:
    """The database's name for people, without its address or password."""
    return "SQLite" if embedded(settings) else "PostgreSQL"


def absent(settings: Settings) -> bool:
    """True for an embedded database that nobody has made yet."""
    return embedded(settings) and not Path(make_url(settings.sql_url).database or "").exists()


@contextmanager
def connected(settings: Settings) -> Iterator[Connection]:
    """One connection. Raises Unavailable if the database does not answer."""
    limits = {} if embedded(settings) else {"connect_timeout": 5}
    engine = create_engine(settings.sql_url, poolclass=NullPool, connect_args=limits, hide_parameters=True)
    with _unavailable(), engine.connect() as connection:
        yield connection


@contextmanager
def _unavailable() -> Iterator[None]:
    """The driver's first line alone: the statement and its parameters stay away from the terminal."""
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"the database: {str(error.orig).splitlines()[0]}") from error


def _scripts(settings: Settings) -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = settings.sql_url
    return config, ScriptDirectory.from_config(config)


def pending(settings: Settings) -> list[str]:
    """Migrations not applied yet, oldest first, as ``revision description``.

    Raises Unavailable if the database does not answer, ConfigurationError if it is newer than this
    program: an older one must not write into tables that it does not know.
    """
    _, scripts = _scripts(settings)
    with connected(settings) as connection:
        applied = MigrationContext.configure(connection).get_current_heads()
    known = {revision.revision for revision in scripts.walk_revisions()}
    if unknown := set(applied) - known:
        raise ConfigurationError([f"the database is newer than this program: it has {', '.join(sorted(unknown))}"])
    done = {revision.revision for head in applied for revision in scripts.iterate_revisions(head, "base")}
    waiting = [revision for revision in scripts.walk_revisions() if revision.revision not in done]
    return [f"{revision.revision} {revision.doc}" for revision in reversed(waiting)]


def upgrade(settings: Settings) -> None:
    """Apply every pending migration. Makes the data directory, for nobody but us, if there is none."""
    if absent(settings):
        folder = Path(make_url(settings.sql_url).database or "").parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config, _ = _scripts(settings)
    with _unavailable():
        command.upgrade(config, "heads")


def prepare(settings: Settings) -> None:
    """Bring an embedded database up to date; raises ConfigurationError if a server's is not.

    Why not upgrade a server's database by itself: several machines start at once, and whoever runs
    it wants to choose the moment and to have a backup.
    """
    if absent(settings) or ((waiting := pending(settings)) and embedded(settings)):
        upgrade(settings)
    elif waiting:
        raise ConfigurationError([f"{len(waiting)} migrations are pending: run `idp db upgrade`"])


def clock_difference(settings: Settings) -> timedelta:
    """The database's clock less ours; an embedded one has ours. Half the round trip is allowed for."""
    if embedded(settings):
        return timedelta(0)
    clock = SystemClock()
    with connected(settings) as connection:
        connection.execute(select(1))
        before = clock.now()
        theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return theirs.astimezone(UTC) - before - (clock.now() - before) / 2


def close(app: Flask) -> None:
    """Close every connection of an application; to be called inside its context."""
    for engine in app.extensions["sqlalchemy"].engines.values():
        engine.dispose()
