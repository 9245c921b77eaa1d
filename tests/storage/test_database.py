"""Transactions, and what a failing database looks like to the services."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from idp.domain.master_key import MasterKeys
from idp.domain.ports import Stores
from idp.errors import IdpError, NotFound, SignInRefused, Unavailable
from idp.paths import MIGRATIONS
from idp.storage.database import Database, engine_options
from idp.storage.migrate import upgrade
from idp.storage.stores import build_stores
from idp.storage.writers_turn import PAUSE_SECONDS

from ..builders import NOW, a_client, a_client_session, a_user
from ..conftest import open_engine
from ..postgres import PostgresServer
from .people import sign_in


def test_work_commits(stores: Stores) -> None:
    ada = a_user()
    with stores.work():
        stores.users.add(ada)
    assert stores.users.get(ada.id) == ada


@pytest.mark.parametrize(
    ("error", "kept"),
    [(SignInRefused(), True), (NotFound(), False), (ValueError(), False), (KeyboardInterrupt(), False)],
)
def test_an_error_says_whether_the_work_is_kept(stores: Stores, error: BaseException, kept: bool) -> None:
    ada = a_user()

    def work() -> None:
        with stores.work():
            stores.users.add(ada)
            raise error

    with pytest.raises(type(error)):
        work()
    assert (stores.users.get(ada.id) is not None) is kept


def test_work_joins(stores: Stores) -> None:
    ada, bob = a_user(), a_user()

    def work() -> None:
        with stores.work():
            stores.users.add(ada)
            with stores.work():
                stores.users.add(bob)
            raise NotFound

    with pytest.raises(NotFound):
        work()
    assert stores.users.list() == ()


def test_work_belongs_to_its_thread(stores: Stores) -> None:
    ada, seen = a_user(), []
    with stores.work():
        stores.users.add(ada)
        other = threading.Thread(target=lambda: seen.append(stores.users.get(ada.id)))
        other.start()
        other.join()
        assert stores.users.get(ada.id) == ada
    assert seen == [None]


def test_a_swallowed_failure_is_not_committed(stores: Stores) -> None:
    """PostgreSQL answers COMMIT of a failed transaction with a silent ROLLBACK."""
    who = sign_in(stores)
    ada, unknown = a_user(), a_client()

    def work() -> None:
        with stores.work():
            stores.users.add(ada)
            with pytest.raises(IdpError):
                stores.client_sessions.join(a_client_session(who.session, unknown))

    with pytest.raises(Unavailable):
        work()
    assert stores.users.get(ada.id) is None


def test_times_must_be_aware(stores: Stores) -> None:
    who = sign_in(stores)
    with pytest.raises(Exception, match="aware"):
        stores.client_sessions.liveness(who.session.id, NOW.replace(tzinfo=None))


@pytest.mark.promise("P5")
def test_a_locked_row_is_unavailable_not_a_hang(engine: Engine, stores: Stores) -> None:
    """F-24, F-27, F-30: somebody holds what we need for longer than we wait."""
    who = sign_in(stores)
    locked = threading.Event()
    release = threading.Event()

    def hold() -> None:
        other = Database(engine)
        with other.work():
            other.count(text("UPDATE clients SET client_name = 'held'"))
            locked.set()
            release.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(10)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        stores.clients.save(who.client)
    assert time.monotonic() - started < (7 if engine.dialect.name == "sqlite" else 2)
    assert stores.clients.get(who.client.client_id) == who.client  # readers do not wait
    release.set()
    holder.join()
    time.sleep(PAUSE_SECONDS)  # SQLite: somebody has just waited in vain
    assert stores.clients.save(who.client)


@pytest.mark.promise("P5")
def test_an_exhausted_pool_is_unavailable(postgres: PostgresServer, master_keys: MasterKeys) -> None:
    url = postgres.new_database()
    engine = create_engine(url, **engine_options(url, 1))
    stores = build_stores(engine, master_keys, MIGRATIONS)
    try:
        with engine.connect(), pytest.raises(Unavailable):
            stores.health.ping()
        stores.health.ping()
    finally:
        engine.dispose()


@pytest.fixture
def mortal(postgres: PostgresServer, master_keys: MasterKeys) -> Iterator[tuple[PostgresServer, Stores]]:
    """A server of its own, to be killed. ``postgres`` is asked for because it says what is missing."""
    with PostgresServer() as server:
        engine = open_engine(server.new_database())
        try:
            upgrade(engine, MIGRATIONS)
            yield server, build_stores(engine, master_keys, MIGRATIONS)
        finally:
            engine.dispose()


@pytest.mark.promise("P5")
def test_postgres_down_and_back(mortal: tuple[PostgresServer, Stores]) -> None:
    """F-20, F-21: Unavailable while down, no restart of ours when it is back, everything kept."""
    server, stores = mortal
    ada = a_user()
    stores.users.add(ada)
    server.kill()
    for _ in range(2):
        with pytest.raises(Unavailable):
            stores.users.get(ada.id)
        with pytest.raises(Unavailable):
            stores.client_sessions.liveness(ada.id, NOW)
        with pytest.raises(Unavailable):
            stores.refresh_families.rotate(ada.id, 0, "app", NOW)
        with pytest.raises(Unavailable), stores.work():
            stores.users.get(ada.id)
        with pytest.raises(Unavailable):
            stores.health.ping()
    server.start()
    assert stores.users.get(ada.id) == ada


@pytest.mark.promise("P5")
def test_a_restart_nobody_noticed(mortal: tuple[PostgresServer, Stores]) -> None:
    """Pooled connections died meanwhile; a read and the start of a transaction try once more."""
    server, stores = mortal
    stores.health.ping()
    server.kill()
    server.start()
    assert stores.client_sessions.liveness(a_user().id, NOW) is None
    server.kill()
    server.start()
    with stores.work():
        stores.users.add(a_user())


@pytest.mark.promise("P5")
def test_a_connection_lost_inside_a_transaction_stays_lost(mortal: tuple[PostgresServer, Stores]) -> None:
    """Whoever could do without the first answer (the keys have a copy) hears Unavailable next, no mistake of ours."""
    server, stores = mortal

    def work() -> None:
        with stores.work():
            stores.users.list()
            server.kill()
            server.start()
            for ask in (stores.signing_keys.all, stores.users.list, stores.signing_keys.all):
                with pytest.raises(Unavailable):
                    ask()

    with pytest.raises(Unavailable):
        work()
    stores.health.ping()


def test_sqlite_survives_a_power_cut_and_keeps_its_keys(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 2000}
