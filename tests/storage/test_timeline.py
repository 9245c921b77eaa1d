"""The log's numbers leap where another server continues it, and nowhere else."""

from __future__ import annotations

import time

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text

from idp.domain.ports import Stores
from idp.domain.revocation import LEAP
from idp.paths import MIGRATIONS
from idp.storage import timeline
from idp.storage.database import Database, engine_options
from idp.storage.migrate import upgrade
from idp.storage.revocations import SqlRevocations

from ..builders import a_revocation
from ..postgres import PostgresServer


def log(engine: Engine) -> SqlRevocations:
    """As a process that has just been started sees it."""
    return SqlRevocations(Database(engine))


def next_number(revocations: SqlRevocations) -> int:
    [entry] = revocations.append([a_revocation()])
    return entry.seq


def test_on_one_timeline_numbers_follow_each_other(stores: Stores) -> None:
    first, second = (stores.revocations.append([a_revocation(), a_revocation()]) for _ in range(2))
    assert [entry.seq for entry in (*first, *second)] == list(range(first[0].seq, first[0].seq + 4))


def test_another_timeline_makes_one_leap(postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    revocations = log(postgres_engine)
    before = next_number(revocations)
    assert next_number(revocations) == before + 1
    monkeypatch.setattr(timeline, "_NOW", text("SELECT '0000001A'"))
    both = revocations.append([a_revocation(), a_revocation()])
    assert [entry.seq for entry in both] == [before + LEAP + 2, before + LEAP + 3]
    assert next_number(log(postgres_engine)) == before + LEAP + 4, "another process, started later"


@pytest.mark.parametrize("refusal", ["SELECT no_such_function()", "SELECT passwd FROM pg_shadow"])
def test_a_server_that_does_not_tell_is_asked_once(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE plain_one")
    monkeypatch.setattr(timeline, "_NOW", text(refusal))
    revocations = log(postgres_engine)
    with revocations._db.work():
        revocations._db.count(text("SET LOCAL ROLE plain_one"))
        told = revocations._timeline._now()
    assert told is None
    before = next_number(revocations)
    assert next_number(revocations) == before + 1
    with postgres_engine.connect() as connection:
        connection.exec_driver_sql("DROP ROLE plain_one")


@pytest.mark.slow
@pytest.mark.xdist_group("postgres standby")
def test_a_follower_of_a_lost_primary_misses_nothing_that_its_standby_writes() -> None:
    """The standby is behind by three entries when it takes over; six more are written then."""
    settings = {"fsync": "on", "full_page_writes": "on", "wal_level": "replica"}
    with PostgresServer(**settings) as primary, primary.standby() as standby:
        url = primary.new_database()
        engine = create_engine(url, **engine_options(url, 4))
        upgrade(engine, MIGRATIONS)
        seen = [next_number(log(engine)) for _ in range(5)][-1]
        until_replayed(primary, standby)
        standby.kill()
        seen = [next_number(log(engine)) for _ in range(3)][-1]
        engine.dispose()
        primary.crash()
        standby.start()
        standby.promote()
        url = url.replace(str(primary.port), str(standby.port))
        engine = create_engine(url, **engine_options(url, 4))
        written = [next_number(log(engine)) for _ in range(6)]
        assert [entry.seq for entry in log(engine).page(seen, 10).entries] == written
        engine.dispose()


def until_replayed(primary: PostgresServer, standby: PostgresServer) -> None:
    """Until the standby has all there is."""
    deadline = time.monotonic() + 30
    while lsn(primary, "pg_current_wal_lsn()") != lsn(standby, "pg_last_wal_replay_lsn()"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lsn(server: PostgresServer, function: str) -> object:
    with psycopg.connect(host="127.0.0.1", port=server.port, user="idp", dbname="postgres") as connection:
        return connection.execute(f"SELECT {function}").fetchone()  # type: ignore[arg-type]  # a name of ours
