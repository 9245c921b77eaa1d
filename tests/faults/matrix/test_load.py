"""Many at once (F-37, F-40 to F-42), and a table that changes while it is used (F-45)."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest

from tests.faults.people import App
from tests.faults.wire import Answer

from .counts import COLD_READINGS, USES_AT_ONCE
from .scene import Play, until
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
    for round_ in COLD_READINGS:
        hold = hot.holding()
        hot.stage.redis.cli("FLUSHALL")
        reading = [lambda worker=worker, hold=hold: hot.introspect(hold, worker) for worker in workers * 2]
        together(*reading, lambda hold=hold, w=workers[round_ % 3]: hot.revoke(hold, w))  # type: ignore[misc]
        for worker in workers:
            hot.introspect(hold, worker)
    operations = hot.judge()
    assert sum(o.asks_end and o.outcome == "ok" for o in operations) >= len(COLD_READINGS) * 3 // 4


@pytest.mark.fault("F-37")
@pytest.mark.parametrize("grace", [0, 30])
def test_one_refresh_token_is_used_by_very_many_at_once(hot: Play, grace: int) -> None:
    """Within the grace all are given the same successor; without one, the first is, and the family dies (P3)."""
    app = App(**hot.stage.app(False, refresh_grace=grace))
    hold = hot.holding(app)
    form = {"grant_type": "refresh_token", "refresh_token": hold.families[0].token, **app.credentials}
    wires = [hot.a_client(hot.stage.workers).wire for _ in range(USES_AT_ONCE)]
    answers: list[Answer] = []
    before = hot.told_of_silence()
    together(*(lambda wire=wire: answers.append(wire.ask("POST", "/token", form)) for wire in wires))  # type: ignore[misc]
    for wire in wires:
        wire.close()
    if hot.told_of_silence() - before:  # nobody repeats "it is dead" of what the hot copy may still call live
        answers = [answer for answer in answers if answer.status != 503]
    assert len(answers) > USES_AT_ONCE / 2
    told = Counter(json.loads(answer.body or b"{}").get("error", answer.status) for answer in answers)
    assert told == ({200: len(answers)} if grace else {200: 1, "invalid_grant": len(answers) - 1})
    assert len({json.loads(answer.body)["refresh_token"] for answer in answers if answer.status == 200}) == 1
    seconds = max(answer.complete for answer in answers) - min(answer.invoke for answer in answers)
    print(f"{USES_AT_ONCE} uses, grace {grace}: {seconds:.1f} s")
    assert seconds <= 10
    asked = {"token": hold.access[-1][0], **app.credentials}  # not recorded, for neither were the uses
    until(lambda: hot.client.wire.ask("POST", "/introspect", asked).status == 200)
    assert json.loads(hot.client.wire.ask("POST", "/introspect", asked).body)["active"] is bool(grace)
    hot.judge()


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
