"""The databases of a run: new, migrated, durable (fsync on), gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine

from idp.paths import MIGRATIONS
from idp.storage.database import engine_options
from idp.storage.migrate import upgrade
from tests.postgres import PostgresServer

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# What tests/postgres.py turns off for speed, as an installation has it.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if kind == SQLITE:
        url = f"sqlite:///{folder / 'bench.sqlite'}"
        migrate(url)
        yield url
        return
    with PostgresServer(**DURABLE, shared_buffers="128MB") as server:
        url = server.new_database()
        migrate(url)
        yield url


def migrate(url: str) -> None:
    """Make the tables."""
    engine = create_engine(url, **engine_options(url))
    upgrade(engine, MIGRATIONS)
    engine.dispose()


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine of the bench's own, beside the provider's: no time limits."""
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
