"""The database as the command line needs it before there is an application: reach, compare, upgrade.

An engine of its own for one command at a time, disposed of before anything else starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, func, make_url, select, text

from ..errors import ConfigurationError
from ..paths import MIGRATIONS
from ..settings import Settings
from ..storage import migrate
from ..storage.database import engine_options, translated
from ..storage.system import SystemClock

log = structlog.stdlib.get_logger(__name__)


def embedded(settings: Settings) -> bool:
    """Is it SQLite, ours alone, rather than a server that others may use?"""
    return make_url(settings.sql_url).get_backend_name() == "sqlite"


def kind(settings: Settings) -> str:
    """The database's name for people, without its address or password."""
    return "SQLite" if embedded(settings) else "PostgreSQL"


def file(settings: Settings) -> Path:
    """Where an embedded database lies."""
    return Path(make_url(settings.sql_url).database or "")


@contextmanager
def _usable(settings: Settings) -> Iterator[None]:
    """Raises ConfigurationError where the file system refuses what must be done with the file."""
    try:
        yield
    except OSError as error:
        name = "IDP_DATABASE_URL" if settings.database_url else "IDP_DATA_DIR"
        problem = f"{name}: {file(settings).parent} cannot be used ({error.strerror})"
        raise ConfigurationError([f"{problem}; make it a directory of this user's own, or name another"]) from None


def absent(settings: Settings) -> bool:
    """True for an embedded database that nobody has made yet."""
    with _usable(settings):
        return embedded(settings) and not file(settings).exists()


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    options = engine_options(settings.sql_url, 1, pooled=settings.pooled)
    engine = create_engine(settings.sql_url, hide_parameters=True, **options)
    try:
        yield engine
    finally:
        engine.dispose()


# ── migrations ────────────────────────────────────────────────────────────────────────────────────


def pending(settings: Settings) -> list[str]:
    """Migrations not applied yet, oldest first, as ``revision description``.

    Raises Unavailable if the database does not answer, ConfigurationError if it is newer than this
    program: an older one must not write into tables that it does not know.
    """
    revisions = list(ScriptDirectory.from_config(migrate.config(MIGRATIONS)).walk_revisions())
    applied = None if absent(settings) else _applied(settings)
    names = [revision.revision for revision in revisions]
    if applied is not None and applied not in names:
        raise ConfigurationError([f"the database is newer than this program: its tables are of revision {applied}"])
    missing = revisions if applied is None else revisions[: names.index(applied)]
    return [f"{revision.revision} {revision.doc}" for revision in reversed(missing)]


def _applied(settings: Settings) -> str | None:
    with _engine(settings) as engine, translated(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(settings: Settings) -> None:
    """Apply every pending migration. The first one makes the directory and the file, for nobody but us."""
    if absent(settings):
        with _usable(settings):
            _make_folder(file(settings).parent, ours=settings.data_dir.absolute())
            file(settings).touch(mode=0o600)  # SQLite gives its -wal and -shm the same mode
    with _engine(settings) as engine:
        migrate.upgrade(engine, MIGRATIONS)


def _make_folder(folder: Path, ours: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder == ours:
        folder.chmod(0o700)  # the development key may have come first


def prepare(settings: Settings) -> None:
    """Bring an embedded database up to date; raises ConfigurationError if a server's is not.

    Why not upgrade a server's database by itself: several machines start at once, and whoever runs
    it wants to choose the moment and to have a backup.
    """
    waiting = pending(settings)
    if waiting and not embedded(settings):
        raise ConfigurationError([f"migrations are pending ({', '.join(waiting)}): run `idp db upgrade`"])
    if waiting:
        upgrade(settings)
        log.info("database upgraded", applied=waiting)


# ── a server's own settings ───────────────────────────────────────────────────────────────────────


def server_settings(settings: Settings, names: Sequence[str]) -> dict[str, int]:
    """Numbers from ``pg_settings`` as our connections get them, in the server's units; not those it does not know."""
    query = text("SELECT name, setting::bigint FROM pg_settings WHERE name = ANY(:names)")
    with _engine(settings) as engine, translated(), engine.connect() as connection:
        return {name: value for name, value in connection.execute(query, {"names": list(names)})}  # noqa: C416 - rows


def user(settings: Settings) -> str:
    """Whom we are to the server."""
    return make_url(settings.sql_url).username or ""


# ── clock and end ─────────────────────────────────────────────────────────────────────────────────


def clock_difference(settings: Settings) -> timedelta:
    """The database's clock less ours; an embedded one has ours. Half the round trip is allowed for."""
    if embedded(settings):
        return timedelta(0)
    clock = SystemClock()
    with _engine(settings) as engine, translated(), engine.connect() as connection:
        before = clock.now()
        theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return theirs.astimezone(UTC) - before - (clock.now() - before) / 2


def close(app: Flask) -> None:
    """Close every connection of an application; to be called inside its context."""
    for engine in app.extensions["sqlalchemy"].engines.values():
        engine.dispose()
