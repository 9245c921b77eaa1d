"""What may happen to an embedded database (reliability.md 5): F-29, F-30, F-31.

A disk that is full is made of the limit on the size of files (``setrlimit(2)``), which needs no mount: the
writes of a running process begin to fail, and succeed again, without it being told.
"""

from __future__ import annotations

import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from idp.domain.master_key import MasterKeys
from idp.domain.ports import Stores
from idp.domain.session import EndReason, ThisSession
from idp.errors import Unavailable
from idp.paths import MIGRATIONS
from idp.storage.stores import build_stores
from idp.storage.writers_turn import PAUSE_SECONDS

from ..builders import NOW, a_user
from ..conftest import open_engine
from ..races.play import Play
from ..running import RunningProvider, operating, running
from .people import sign_in

pytestmark = pytest.mark.promise("P5")


@pytest.fixture
def path(sqlite_template: Path, tmp_path: Path) -> Path:
    made = tmp_path / "idp.sqlite"
    shutil.copy(sqlite_template, made)
    return made


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{path}")
    yield made
    made.dispose()


# ── no room on the disk ──────────────────────────────────────────────────────────────────────────


def test_without_room_writes_are_refused_and_reads_go_on(engine: Engine, stores: Stores) -> None:
    """F-29: nothing is half written, and there is room again without a restart."""
    who = sign_in(stores)
    with limited_pages(engine):
        with pytest.raises(Unavailable, match="full"):
            fill(stores)
        with pytest.raises(Unavailable, match="full"):
            fill_in_one(stores)
        assert stores.users.get(who.user.id) == who.user
    people = len(stores.users.list())
    stores.users.add(a_user())
    assert len(stores.users.list()) == people + 1
    with stores.work():
        stores.sessions.end(ThisSession(who.session.id), EndReason.SIGNED_OUT, "user", NOW)


def fill(stores: Stores) -> None:
    for _ in range(2000):
        stores.users.add(a_user())


def fill_in_one(stores: Stores) -> None:
    with stores.work():
        fill(stores)


@contextmanager
def limited_pages(engine: Engine) -> Iterator[None]:
    """A file that may not grow: SQLITE_FULL, as on a full disk. The pool has one connection for one thread."""
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    yield
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_provider_on_a_full_disk_answers_503_and_recovers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """F-29 with two workers: also their log cannot be written, and no request fails for that."""
    settings = {"IDP_TRUSTED_PROXIES": "127.0.0.1", "IDP_LOG_LEVEL": "info"}
    provider = RunningProvider(tmp_path_factory.mktemp("full"), settings=settings)
    with operating(provider) as operator, running(provider):
        play = Play(provider, operator)
        app = play.app()
        held = play.holding(app)
        code = play.code(play.browser(play.person()), app)
        full(provider, True)
        for _ in range(10):
            assert play.refresh(app, held.tokens["refresh_token"]).unknown
            assert play.redeem(app, code).unknown
            assert play.introspect(app, held.tokens["access_token"])
            assert requests.get(f"{provider.issuer}/.well-known/jwks.json", timeout=10).status_code == 200
        full(provider, False)
        assert play.until_known(lambda: play.refresh(app, held.tokens["refresh_token"])).ok
        redeemed = play.until_known(lambda: play.redeem(app, code))
        assert redeemed.ok, "nothing was burnt"
        assert play.introspect(app, redeemed["access_token"])


def full(provider: RunningProvider, yes: bool) -> None:
    """No file of the workers may be written to beyond its first byte, or all may."""
    for worker in provider.worker_ids():
        _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (1 if yes else hard, hard))


# ── somebody else writes ─────────────────────────────────────────────────────────────────────────


def test_a_writer_that_stays_is_waited_for_and_then_it_is_503(path: Path, stores: Stores) -> None:
    """F-30: another process holds the writer's lock; readers do not notice, and it works again afterwards."""
    who = sign_in(stores)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        stores.users.add(a_user())
    with pytest.raises(Unavailable), stores.work():
        stores.users.get(who.user.id)
    assert time.monotonic() - began < 2 * 4 + 4
    assert stores.users.get(who.user.id) == who.user
    other.execute("ROLLBACK")
    other.close()
    time.sleep(PAUSE_SECONDS)
    stores.users.add(a_user())


def test_nobody_waits_behind_those_who_have_waited_in_vain(path: Path, stores: Stores) -> None:
    """F-30: rounds of a worker's threads, one behind the other, would be later than any client waits."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        stores.users.add(a_user())
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(Unavailable), stores.work():
            stores.users.add(a_user())
    assert time.monotonic() - began < PAUSE_SECONDS / 2
    other.execute("ROLLBACK")
    other.close()
    time.sleep(PAUSE_SECONDS)
    stores.users.add(a_user())


# ── the power is cut ─────────────────────────────────────────────────────────────────────────────


def test_every_acknowledged_ending_is_in_a_copy_taken_while_it_runs(
    path: Path, stores: Stores, master_keys: MasterKeys, tmp_path: Path
) -> None:
    """F-31: database and log as they lie there at some moment, opened anew.

    What a copy cannot show, that the disk itself has them: ``synchronous=FULL`` is checked where it is set.
    """
    people = [sign_in(stores) for _ in range(60)]
    acknowledged: list[int] = []

    def end_all() -> None:
        for number, who in enumerate(people):
            with stores.work():
                stores.sessions.end(ThisSession(who.session.id), EndReason.SIGNED_OUT, "user", NOW)
            acknowledged.append(number)

    ending = threading.Thread(target=end_all)
    ending.start()
    copies = []
    while ending.is_alive():
        known = len(acknowledged)
        copies.append((known, copy_as_it_is(path, tmp_path / f"copy {len(copies)}")))
        time.sleep(0.02)
    ending.join()
    assert any(known > 0 for known, _ in copies)
    for known, copy in copies:
        engine = open_engine(f"sqlite:///{copy}")
        found = build_stores(engine, master_keys, MIGRATIONS).sessions
        for who in people[:known]:
            session = found.get(who.session.id)
            assert session is not None
            assert session.ended_at is not None
        engine.dispose()


def copy_as_it_is(path: Path, folder: Path) -> Path:
    """The log before the file: a checkpoint in between moves pages from the former to the latter."""
    folder.mkdir()
    for suffix in ("-wal", ""):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copy(source, folder / source.name)
    return folder / path.name
