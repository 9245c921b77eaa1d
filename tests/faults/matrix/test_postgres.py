"""PostgreSQL fails (F-20, F-21, F-24 to F-27): 503 with Retry-After, soon; never a guess, never a hang (I10)."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import psycopg
import pytest

from tests.faults.people import Hold
from tests.faults.servers import MortalPostgres
from tests.faults.wire import Answer

from .counts import POSTGRES_AWAY_SECONDS, POSTGRES_KILLED
from .scene import Play, until


def postgres_of(play: Play) -> MortalPostgres:
    """The server of this stage."""
    assert play.stage.postgres is not None
    return play.stage.postgres


def answers_of_all(play: Play, path: str) -> list[Answer]:
    """What every worker says to a GET."""
    return [play.client.wire.ask("GET", path, at=worker.name) for worker in play.stage.workers]


@pytest.mark.fault("F-20")
@pytest.mark.parametrize("how", ["immediate", "kill -9"])
def test_postgres_dies_and_comes_back(hot: Play, how: str) -> None:
    server = postgres_of(hot)
    with hot.crowd():
        for _ in POSTGRES_KILLED:
            time.sleep(1)
            server.kill() if how == "immediate" else server.kill_9()
            time.sleep(0.5)
            server.start()
            until(lambda: all(answer.status == 200 for answer in answers_of_all(hot, "/readyz")))
    hot.judge()


@pytest.mark.fault("F-21")
def test_postgres_is_away(hot: Play) -> None:
    hold = hot.holding()
    server = postgres_of(hot)
    hot.stage.redis.cli("FLUSHALL")  # type: ignore[union-attr]
    with hot.crowd(4):
        time.sleep(1)
        server.kill()
        try:
            for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/healthz"):
                assert [answer.status for answer in answers_of_all(hot, path)] == [200] * 3, path
            time.sleep(POSTGRES_AWAY_SECONDS)  # leases have run out
            for worker in hot.stage.workers:
                answer = hot.introspect(hold, worker)
                assert (answer.status, "retry-after" in answer.headers) == (503, True)
        finally:
            server.start()
        until(lambda: all(answer.status == 200 for answer in answers_of_all(hot, "/readyz")))
    hot.judge()


@pytest.mark.fault("F-24")
@pytest.mark.fault("F-27")
def test_rows_are_locked_by_somebody_else(hot: Play) -> None:
    """Requests for these rows are told to come again, in time; the others pass; afterwards all do."""
    hold = hot.holding()
    bystander = hot.holding()
    with ExitStack() as stack:
        other = stack.enter_context(psycopg.connect(hot.stage.plain_url))
        other.execute("SELECT id FROM refresh_families WHERE id = %s FOR UPDATE", [hold.families[0].name])
        threads = [threading.Thread(target=rotate_once, args=(hot, hold)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for worker in hot.stage.workers:
            assert hot.active(bystander, worker) is not False
        for thread in threads:
            thread.join()
        other.rollback()
    until(lambda: hot.client.rotate(hold, hold.families[0]))
    operations = hot.judge()
    assert [o for o in operations if o.what == "refresh" and o.status == 503], "nobody waited: this proves nothing"


def rotate_once(play: Play, hold: Hold) -> None:
    """By a connection of its own."""
    client = play.a_client(play.stage.workers)
    client.rotate(hold, hold.families[0])
    client.wire.close()


@pytest.mark.fault("F-25")
def test_postgres_has_no_connection_left(hot: Play) -> None:
    with hot.crowd(4):
        time.sleep(1)
        for worker in hot.stage.workers:
            assert worker.database is not None
            worker.database.tear()
        with postgres_of(hot).exhausted() as held:
            assert held
            time.sleep(3)
        until(lambda: all(answer.status == 200 for answer in answers_of_all(hot, "/readyz")))
    hot.judge()


SABOTAGE = """
CREATE OR REPLACE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF random() < 0.1 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '40001'; END IF;
  IF random() < 0.1 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '40P01'; END IF;
  RETURN NULL;
END $$;
"""
SABOTAGED = ("client_sessions", "codes", "security_events", "refresh_families")


@pytest.mark.fault("F-26")
def test_a_fifth_of_all_commits_is_refused_for_serialization_or_deadlock(hot: Play) -> None:
    with psycopg.connect(hot.stage.plain_url, autocommit=True) as other, hot.crowd():
        time.sleep(1)
        other.execute(SABOTAGE)
        for table in SABOTAGED:
            other.execute(
                f"CREATE CONSTRAINT TRIGGER sabotage AFTER INSERT OR UPDATE ON {table} "  # type: ignore[arg-type]
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sabotage()"
            )
        try:
            time.sleep(5)
        finally:
            for table in SABOTAGED:
                other.execute(f"DROP TRIGGER sabotage ON {table}")  # type: ignore[arg-type]
    hot.judge()
