"""What is asked of client sessions, their liveness and their endings holds with the hot copy before them, too.

The same tests as those of the record, with a Redis: what they say is the contract of the port.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from idp.domain.ports import Stores

from ..conftest import open_engine
from ..redis_server import RedisServer
from . import test_endings, test_sessions
from .hot import hot_stores

world = test_endings.world
globals().update(
    {
        name: found
        for module in (test_sessions, test_endings)
        for name, found in vars(module).items()
        if name.startswith("test_")
    }
)


@pytest.fixture
def engine(tmp_path: Path, sqlite_template: Path) -> Iterator[Engine]:
    """SQLite alone: what the databases differ in is told apart without Redis."""
    path = tmp_path / "idp.sqlite"
    shutil.copy(sqlite_template, path)
    made = open_engine(f"sqlite:///{path}")
    yield made
    made.dispose()


@pytest.fixture
def stores(engine: Engine, redis: RedisServer) -> Stores:
    return hot_stores(engine, redis.url, every=False)
