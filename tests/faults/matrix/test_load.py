"""Many at once (F-40 to F-42), and a table that changes while it is used (F-45)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

from .scene import Play
from .test_redis import only_endings_waited


def together(*acts: Callable[[], object]) -> None:
    """All at the same moment, each by a thread of its own."""
    barrier = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> None:
        barrier.wait(60)
        act()

    threads = [threading.Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.fault("F-40")
def test_an_ending_races_readings_that_find_the_hot_copy_cold(hot: Play) -> None:
    assert hot.stage.redis is not None
    workers = hot.stage.workers
    for round_ in range(40):
        hold = hot.holding()
        hot.stage.redis.cli("FLUSHALL")
        reading = [lambda worker=worker, hold=hold: hot.introspect(hold, worker) for worker in workers * 2]
        together(*reading, lambda hold=hold, w=workers[round_ % 3]: hot.revoke(hold, w))  # type: ignore[misc]
        for worker in workers:
            hot.introspect(hold, worker)
    operations = hot.judge()
    assert sum(o.asks_end and o.outcome == "ok" for o in operations) >= 30


@pytest.mark.fault("F-41")
def test_every_lease_is_gone_at_once(hot: Play) -> None:
    assert hot.stage.redis is not None
    with hot.crowd(24):
        for _ in range(4):
            time.sleep(1)
            hot.stage.redis.cli("FLUSHALL")
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-42")
def test_a_storm_of_sign_ins_starves_nobody(hot: Play) -> None:
    """Guesses from everywhere, each of which costs an argon2: the rest is answered all the same."""
    stop = threading.Event()

    def guess() -> None:
        client = hot.a_client(hot.stage.workers)
        page = client.wire.ask("GET", "/login")
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        cookie = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        while not stop.is_set():
            form = {"email": "nobody@example.com", "password": "a guess of theirs", "csrf_token": token}
            answer = client.wire.ask("POST", "/login", form, Cookie=cookie, Origin=hot.stage.issuer)
            assert answer.status in (422, 429, 503), answer

    storm = [threading.Thread(target=guess) for _ in range(12)]
    with hot.crowd(4):
        time.sleep(1)
        for thread in storm:
            thread.start()
        time.sleep(4)
        stop.set()
        for thread in storm:
            thread.join()
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-45")
def test_a_table_changes_while_it_is_used(hot: Play) -> None:
    """What an additive migration does, beside workers that know nothing of it."""
    with psycopg.connect(hot.stage.plain_url, autocommit=True) as other, hot.crowd():
        time.sleep(1)
        for table in ("sessions", "client_sessions", "refresh_families"):
            other.execute("SET lock_timeout = '500ms'")
            other.execute(f"ALTER TABLE {table} ADD COLUMN added text")  # type: ignore[arg-type]
            other.execute(f"CREATE INDEX CONCURRENTLY added_{table} ON {table} (added)")  # type: ignore[arg-type]
            time.sleep(0.5)
        for table in ("sessions", "client_sessions", "refresh_families"):
            other.execute(f"DROP INDEX CONCURRENTLY added_{table}")  # type: ignore[arg-type]
    only_endings_waited(hot.judge())
