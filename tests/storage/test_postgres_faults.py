"""What PostgreSQL may do to us (reliability.md 5), against real servers: F-20, F-21, F-24, F-25, F-27.

Bounds are those of the code with room for a loaded machine; no speed is measured.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from idp.errors import Unavailable
from idp.paths import MIGRATIONS
from idp.storage.database import Database, engine_options
from idp.storage.migrate import alone, upgrade
from idp.storage.postgres import CONNECT_SECONDS, PAUSE_SECONDS, STATEMENT_SECONDS, TimedConnection

from ..postgres import PostgresServer
from .postgres_faults import (
    ONE,
    RECOVERY_SECONDS,
    Middleman,
    Writer,
    every_connection_of,
    paused,
    put,
    unavailable,
    until_it_answers,
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.promise("P5"), pytest.mark.xdist_group("postgres faults")]

SLACK = 1.5


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server of this module's own, to be stopped and killed. ``postgres`` says what is missing."""
    with PostgresServer(max_connections="20") as made:
        yield made


@pytest.fixture
def engine(server: PostgresServer) -> Iterator[Engine]:
    url = server.new_database()
    made = create_engine(url, **engine_options(url, 4))
    yield made
    made.dispose()


@pytest.fixture
def database(engine: Engine) -> Database:
    """Connected, so that the pool holds what a fault can break."""
    made = Database(engine)
    with made.work():
        made.count(text("CREATE TABLE things (name text PRIMARY KEY)"))
    return made


# ── a server that hangs ──────────────────────────────────────────────────────────────────────────


def test_a_stopped_server_is_waited_for_once_and_not_for_long(server: PostgresServer, database: Database) -> None:
    """F-21 with SIGSTOP: the kernel goes on accepting, nobody answers."""
    with paused(server):
        first = unavailable(lambda: database.rows(ONE))
        second = unavailable(lambda: database.rows(ONE))
        third = unavailable(lambda: put(database, "x"))
    assert first < STATEMENT_SECONDS + CONNECT_SECONDS + SLACK
    assert second < CONNECT_SECONDS + SLACK
    assert third < CONNECT_SECONDS + SLACK
    assert until_it_answers(database) < RECOVERY_SECONDS
    put(database, "y")


def test_threads_do_not_pile_up_before_a_stopped_server(server: PostgresServer, database: Database) -> None:
    """F-21: while one tries, all others are told at once; each thread left behind ends by itself."""
    before = threading.active_count()
    with paused(server), ThreadPoolExecutor(8) as pool:
        unavailable(lambda: database.rows(ONE))
        began = time.monotonic()
        waits = list(pool.map(lambda _: unavailable(lambda: database.rows(ONE)), range(200)))
        took = time.monotonic() - began
        assert threading.active_count() - before <= 8 + 4
    assert sum(wait > PAUSE_SECONDS for wait in waits) <= 8 + took / CONNECT_SECONDS
    assert until_it_answers(database) < RECOVERY_SECONDS
    end = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_what_was_asked_in_vain_keeps_no_connection(server: PostgresServer, engine: Engine, database: Database) -> None:
    with paused(server):
        unavailable(lambda: put(database, "x"))
    until_it_answers(database)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    for number in range(8):
        put(database, f"again {number}")


def test_a_commit_without_an_answer_is_unknown_and_may_be_repeated(server: PostgresServer, database: Database) -> None:
    """Each step is a claim: the second attempt finds what the first has done, or does it."""

    def claim() -> int:
        with database.work():
            claimed = database.count(text("INSERT INTO things VALUES ('claim') ON CONFLICT DO NOTHING"))
            if not done:
                server.pause()
            return claimed

    done: list[int] = []
    try:
        assert unavailable(claim) < STATEMENT_SECONDS + SLACK
    finally:
        server.resume()
    until_it_answers(database)
    done.append(1)
    claim()
    assert len(database.rows(text("SELECT * FROM things"))) == 1


def test_a_connection_whose_other_end_is_gone_costs_one_statement(server: PostgresServer) -> None:
    """F-05 for PostgreSQL: a middleman keeps the connection and drops what is sent on it."""
    with Middleman(server.port) as middleman:
        url = server.new_database().replace(f":{server.port}/", f":{middleman.port}/")
        engine = create_engine(url, **engine_options(url, 4))
        database = Database(engine)
        database.rows(ONE)
        middleman.drop_what_is_there()
        began = time.monotonic()
        assert database.rows(ONE)[0][0] == 1  # a read is tried again, on a connection that works
        assert time.monotonic() - began < STATEMENT_SECONDS + CONNECT_SECONDS + SLACK
        engine.dispose()


def test_one_overdue_statement_condemns_older_connections(server: PostgresServer, database: Database) -> None:
    """They lead to the same server; a newer one has answered since."""
    old, other = database.engine.connect(), database.engine.connect()
    other.close()
    backend = old.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with paused(server):
        unavailable(lambda: database.rows(ONE))
    old.close()
    until_it_answers(database)
    assert backend not in {database.rows(text("SELECT pg_backend_pid()"))[0][0] for _ in range(5)}


def test_a_black_hole_is_given_up_within_the_time_for_connecting() -> None:
    """Nobody even accepts: the queue of connections is full."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        fillers = [_knock(port) for _ in range(4)]
        url = f"postgresql+psycopg://idp@127.0.0.1:{port}/idp"
        database = Database(create_engine(url, **engine_options(url, 4)))
        assert unavailable(lambda: database.rows(ONE)) < CONNECT_SECONDS + SLACK
        assert unavailable(lambda: database.rows(ONE)) < SLACK
        for filler in fillers:
            filler.close()


def _knock(port: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.connect_ex(("127.0.0.1", port))
    return made


# ── honest slowness ──────────────────────────────────────────────────────────────────────────────


def test_a_statement_that_takes_long_is_ended_by_the_server(database: Database) -> None:
    """F-27: before the client gives up, so that the connection lives and nothing is unknown."""
    backend = database.rows(text("SELECT pg_backend_pid()"))
    with pytest.raises(Unavailable, match="statement timeout"):
        database.rows(text("SELECT pg_sleep(10)"))
    assert database.rows(text("SELECT pg_backend_pid()")) == backend


def test_what_nobody_waits_for_any_more_is_cancelled_at_the_server(server: PostgresServer) -> None:
    """As a COMMIT that waits for a lost standby, a statement without a limit would hold its locks for ever."""
    url = make_url(server.new_database())
    where = {"host": "127.0.0.1", "port": server.port, "user": "idp"}
    with (
        TimedConnection.connect(**where, dbname=url.database) as waiting,
        psycopg.connect(**where, dbname="postgres", autocommit=True) as looking,
    ):
        waiting.execute("SET statement_timeout = 0")
        waiting.patience = 0.5
        pid = waiting.info.backend_pid
        with pytest.raises(psycopg.OperationalError):
            waiting.execute("SELECT pg_sleep(60)")
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
        deadline = time.monotonic() + 10
        while not (row := looking.execute(gone, (pid,)).fetchone()) or not row[0]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_statement_within_the_limit_passes(database: Database) -> None:
    database.rows(text("SELECT pg_sleep(1.5)"))


def test_a_lock_is_waited_for_a_second(server: PostgresServer, database: Database) -> None:
    """F-27: 503 within 1.5 s, and it works again once the lock is gone."""
    put(database, "locked")
    name = database.engine.url.database
    change = text("UPDATE things SET name = 'changed'")
    with psycopg.connect(host="127.0.0.1", port=server.port, user="idp", dbname=name) as holder:
        holder.execute("SELECT * FROM things FOR UPDATE")
        assert unavailable(lambda: database.count(change)) < 1.5 + SLACK
    assert database.count(change) == 1


def test_whoever_must_wait_longer_may(database: Database) -> None:
    """Making keys, and migrations: told to the server and to the connection, until it goes back to the pool."""
    with database.work():
        database.wait_longer(30)
        database.rows(text("SELECT set_config('statement_timeout', '10s', true)"))
        database.rows(text("SELECT pg_sleep(3)"))
    with alone(database.engine) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(3)")
    with pytest.raises(Unavailable, match="statement timeout"):
        database.rows(text("SELECT pg_sleep(10)"))
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, TimedConnection)
        assert raw.patience == STATEMENT_SECONDS


# ── no connection to be had ──────────────────────────────────────────────────────────────────────


def test_a_pool_that_is_all_out_answers_in_time(database: Database) -> None:
    """F-24."""
    held = [database.engine.connect() for _ in range(4)]
    assert unavailable(lambda: database.rows(ONE)) < 1.2 + SLACK
    held.pop().close()
    database.rows(ONE)
    for connection in held:
        connection.close()


def test_a_server_without_room_for_connections(server: PostgresServer, database: Database) -> None:
    """F-25: those we have go on; a new one is refused at once, and found as soon as there is room."""
    others = list(every_connection_of(server))
    with database.engine.connect():
        assert unavailable(lambda: database.rows(ONE)) < 1.2 + SLACK
    database.rows(ONE)
    for connection in others:
        connection.close()
    with database.engine.connect():
        assert until_it_answers(database) < RECOVERY_SECONDS


# ── a server that restarts ───────────────────────────────────────────────────────────────────────


def test_an_immediate_restart_loses_nothing_that_was_acknowledged(postgres: PostgresServer) -> None:
    """F-20: Unavailable while it is down and nothing else; every acknowledged row is there afterwards."""
    with PostgresServer(fsync="on", full_page_writes="on") as server:
        url = server.new_database()
        engine = create_engine(url, **engine_options(url, 4))
        upgrade(engine, MIGRATIONS)
        database = Database(engine)
        with database.work():
            database.count(text("CREATE TABLE things (name text PRIMARY KEY)"))
        writer = Writer(database)
        time.sleep(0.5)
        for _ in range(3):
            server.kill()
            time.sleep(0.3)
            server.start()
            assert until_it_answers(database) < RECOVERY_SECONDS
            time.sleep(0.5)
        acknowledged = writer.stop()
        kept = {row[0] for row in database.rows(text("SELECT name FROM things"))}
        engine.dispose()
    assert len(acknowledged) > 10
    assert acknowledged <= kept


# ── no room on the disk ──────────────────────────────────────────────────────────────────────────


def test_without_room_writes_are_refused_and_reads_go_on(server: PostgresServer, database: Database) -> None:
    """F-28, by the limit on the size of files: a table may not grow, its log (16 MB each) may.

    Nothing of a transaction that met it is kept, and there is room again without a restart of anybody.
    """
    with database.work():
        database.count(text("INSERT INTO things SELECT repeat(md5(i::text), 30) FROM generate_series(1, 20000) i"))
    before = database.rows(text("SELECT count(*) FROM things"))
    server.limit_files(17 * 1024 * 1024)
    try:
        for number in range(3):
            with pytest.raises(Unavailable, match="could not extend file"), database.work():
                put_much(database, number)
        assert database.rows(text("SELECT count(*) FROM things")) == before
    finally:
        server.limit_files(None)
    with database.work():
        put_much(database, 1)
    assert database.rows(text("SELECT count(*) FROM things")) != before


def put_much(database: Database, number: int) -> None:
    query = text(
        "INSERT INTO things SELECT repeat(md5('more ' || :n || ' ' || i::text), 30) FROM generate_series(1, 500) i"
    )
    database.count(query, {"n": str(number)})
