"""Databases for every test: an embedded one in a file, and a PostgreSQL started for this run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.ports import Stores
from idp.paths import MIGRATIONS
from idp.storage import redis_link
from idp.storage.database import engine_options
from idp.storage.migrate import upgrade
from idp.storage.stores import build_stores
from idp.storage.tables import Base

from .postgres import PostgresServer, available
from .redis_server import RedisServer
from .redis_server import available as redis_available


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With xdist, a file's tests run in order in one process unless they belong to a larger group.

    Many share a provider by module, and what one left behind another may rest on without knowing it:
    then the split of a run, which depends on the machine's speed, would decide whether it passes.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


DATABASES = ("sqlite", "postgresql")
POOL = 20


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for this process of the run."""
    if not available():
        reason = "PostgreSQL is not installed (initdb, postgres); its half of the tests did not run"
        if os.environ.get("IDP_TEST_NO_SKIP"):
            pytest.fail(reason)
        pytest.skip(reason)
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One Redis for this process of the run; tests that hurt it start their own."""
    if not redis_available():
        reason = "Redis is not installed (redis-server); what needs it did not run"
        if os.environ.get("IDP_TEST_NO_SKIP"):
            pytest.fail(reason)
        pytest.skip(reason)
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """A Redis with nothing in it. What asks it is patient: this machine may be busier than any other."""
    monkeypatch.setattr(redis_link, "BUDGET_SECONDS", 20.0)
    redis_server.cli("FLUSHALL")
    return redis_server


def open_engine(url: str) -> Engine:
    """An engine as the provider makes it, with room for fifty racing threads."""
    return create_engine(url, **engine_options(url, POOL) | {"pool_timeout": 20})


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine, MIGRATIONS)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_engine(postgres: PostgresServer) -> Iterator[Engine]:
    """A migrated database that is emptied before each test."""
    engine = open_engine(postgres.new_database())
    upgrade(engine, MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each database in turn, migrated and empty."""
    if request.param == "postgresql":
        server: Engine = request.getfixturevalue("postgres_engine")
        with server.connect() as connection:
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {names}"))
        yield server
        return
    path = tmp_path / "idp.sqlite"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    embedded = open_engine(f"sqlite:///{path}")
    yield embedded
    embedded.dispose()


@pytest.fixture
def master_keys() -> MasterKeys:
    """A key that protects nothing."""
    return MasterKeys([MasterKey(b"\x01" * 32)])


@pytest.fixture
def stores(engine: Engine, master_keys: MasterKeys) -> Stores:
    """Every port, over each database in turn."""
    return build_stores(engine, master_keys, MIGRATIONS)
