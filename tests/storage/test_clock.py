"""Every worker has the database's time, whatever its own clock says (F-32, F-33)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from idp.domain.master_key import MasterKeys
from idp.paths import MIGRATIONS
from idp.storage import clock as module
from idp.storage.clock import DatabaseClock
from idp.storage.database import engine_options
from idp.storage.stores import build_stores
from idp.storage.system import SystemClock
from tests.postgres import PostgresServer

NEAR = timedelta(seconds=30)  # a machine under load


class WrongClock:
    """An hour ahead."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def plain(postgres: PostgresServer) -> Iterator[Engine]:
    """An engine that nobody has used yet."""
    url = postgres.url("postgres")
    engine = create_engine(url, **engine_options(url, 2))
    yield engine
    engine.dispose()


def use(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def test_the_first_connection_tells_the_time(plain: Engine) -> None:
    clock = DatabaseClock(plain, WrongClock())
    assert abs(clock.now() - WrongClock().now()) < NEAR, "until then there is nothing better"
    use(plain)
    assert abs(clock.now() - datetime.now(UTC)) < NEAR
    assert clock.now().tzinfo is UTC


def test_time_goes_on_between(plain: Engine) -> None:
    clock = DatabaseClock(plain, WrongClock())
    use(plain)
    assert clock.now() <= clock.now()


def test_it_is_asked_once_a_minute(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock(plain, WrongClock())
    use(plain)
    first = clock._compared
    use(plain)
    assert clock._compared is first
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(module, "PROMPT_SECONDS", 60.0)
    use(plain)
    assert clock._compared is not first


def test_a_slow_answer_does_not_replace_a_quicker_one(plain: Engine) -> None:
    clock = DatabaseClock(plain, WrongClock())
    use(plain)
    known = clock._compared
    assert known is not None
    clock._take(module._Compared(datetime.now(UTC) + timedelta(days=1), 0.0, seconds=60.0))
    assert clock._compared is known


def test_the_stores_of_a_server_have_its_clock(postgres: PostgresServer, master_keys: MasterKeys) -> None:
    url = postgres.url("postgres")
    engine = create_engine(url, **engine_options(url, 2))
    assert isinstance(build_stores(engine, master_keys, MIGRATIONS).clock, DatabaseClock)
    engine.dispose()


def test_an_embedded_database_has_that_of_its_machine(tmp_path: Path, master_keys: MasterKeys) -> None:
    url = f"sqlite:///{tmp_path / 'idp.sqlite'}"
    engine = create_engine(url, **engine_options(url, 2))
    assert isinstance(build_stores(engine, master_keys, MIGRATIONS).clock, SystemClock)
    engine.dispose()
