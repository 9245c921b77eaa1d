"""One stage per kind for all rows, and what a row is played with.

Every row is marked ``slow`` and ``faults`` and runs with ``-m faults`` (``make faults``) only: together they take
longer than a suite may, and they want a machine of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests import postgres, redis_server
from tests.faults.stage import Stage

from .counts import ROW_SECONDS
from .scene import Play

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Rows are of one group, for they share their servers, and are left out unless they are asked for."""
    rows = [item for item in items if item.path.is_relative_to(HERE) and item.get_closest_marker("fault")]
    for item in rows:
        for marker in ("slow", "faults"):
            item.add_marker(marker)
        item.add_marker(pytest.mark.xdist_group("faults"))
        item.add_marker(pytest.mark.timeout(ROW_SECONDS))
    if "faults" not in str(config.getoption("markexpr")):
        config.hook.pytest_deselected(items=rows)
        items[:] = [item for item in items if item not in rows]


@contextmanager
def at_once() -> Iterator[None]:
    """Threads take turns ten times as often as by default: the proxies of every worker are among them, and a worker
    allows its Redis 50 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _playing(kind: str, folder: Path) -> Iterator[Play]:
    if kind == "redis" and not (postgres.available() and redis_server.available()):
        pytest.skip("PostgreSQL or Redis is not installed; the rows of the fault matrix that need them did not run")
    with Stage(folder, kind) as stage, at_once():
        play = Play(stage)
        with closing(play):
            yield play
        print(f"\nfault matrix on {kind}: {play.summary()}")
        assert "Traceback" not in stage.logs()


@pytest.fixture(scope="session")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """PostgreSQL and Redis, three workers, each behind proxies of its own."""
    yield from _playing("redis", tmp_path_factory.mktemp("faults") / "redis")


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """SQLite, three workers."""
    yield from _playing("sqlite", tmp_path_factory.mktemp("faults") / "sqlite")
