"""Workers die in the middle of something (F-15 to F-17) and are replaced while others serve (F-19)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.faults.people import Hold
from tests.faults.stage import Worker
from tests.faults.wire import Answer, Proxy

from .counts import WORKERS_KILLED
from .gate import Gate, commits_wait
from .scene import Play, until


@pytest.mark.fault("F-15")
def test_workers_are_killed_at_random(hot: Play) -> None:
    """Each operation ends ok, failed or unknown, and asking again tells which; nothing stays locked."""
    with hot.crowd():
        for round_ in WORKERS_KILLED:
            time.sleep(0.5)
            victim = hot.stage.workers[round_ % len(hot.stage.workers)]
            victim.kill()
            until(lambda victim=victim: ready(hot, victim))
    hot.judge()


def ready(play: Play, worker: Worker) -> bool:
    """Does it answer, and does its database?"""
    client = play.at(worker)
    try:
        return client.wire.ask("GET", "/readyz").status == 200
    finally:
        client.wire.close()


def killed_before_it_answers(play: Play, worker: Worker, gate: Gate, act: Callable[[], object]) -> None:
    """What it asked for is done, and the database's answer is held on its way: then it is killed."""
    assert worker.database is not None
    thread = threading.Thread(target=act)
    with worker.database.failing(lambda: None):
        with gate:
            thread.start()
            until(gate.waited_for, 5)
            worker.database.hold(up=False)
        until(gate.passed)
        worker.kill()
        thread.join()
    until(lambda: ready(play, worker))


def counter_of(play: Play, hold: Hold) -> int:
    """In storage."""
    return play.stage.counters([hold.families[0].name])[hold.families[0].name]


@pytest.mark.fault("F-16")
def test_a_worker_dies_between_the_commit_of_a_refresh_and_its_answer(hot: Play) -> None:
    worker, other = hot.stage.workers[:2]
    hold = hot.holding()
    family = hold.families[0]
    client = hot.at(worker)
    form = {"grant_type": "refresh_token", "refresh_token": family.token, **hold.app.credentials}
    answers: list[Answer] = []
    row = f"SELECT 1 FROM refresh_families WHERE id = '{UUID(family.name)}' FOR UPDATE"
    gate = Gate(hot.stage.plain_url, row, lambda: counter_of(hot, hold) == 1)
    killed_before_it_answers(hot, worker, gate, lambda: answers.append(client.wire.ask("POST", "/token", form)))
    assert answers[0].status == 0, "it was to die before it answers"
    retried = hot.at(other)
    hold.families[0].unsure = True
    assert retried.rotate(hold, family), "the retry gets the successor (I4, I8)"
    assert (family.counter, counter_of(hot, hold)) == (1, 1)
    assert retried.rotate(hold, family), "and the successor works"
    hot.judge()


@pytest.mark.fault("F-17")
def test_a_worker_dies_between_the_commit_of_an_ending_and_its_tombstone(hot: Play) -> None:
    """Nobody was told that it is done; it is all the same, everywhere, once the leases have run out."""
    worker, other = hot.stage.workers[:2]
    hold = hot.holding()
    until(lambda: hot.leased(hold, other))
    answers: list[Answer] = []
    with commits_wait(hot.stage.plain_url, "client_sessions") as lock:
        gate = Gate(hot.stage.plain_url, lock, lambda: hot.stage.ended(hold.sid))
        killed_before_it_answers(hot, worker, gate, lambda: answers.append(hot.revoke(hold, worker)))
    assert answers[0].status == 0, "it was to die before it answers"
    began = time.monotonic()
    until(lambda: hot.active(hold, other) is False)
    assert time.monotonic() - began < 10
    until(lambda: hot.revoke(hold, other).status == 200)
    hot.judge()


@pytest.mark.fault("F-19")
def test_servers_are_replaced_one_after_the_other(hot: Play) -> None:
    """SIGTERM, and again: nobody behind a proxy notices. What is under way is answered, whole; who is refused a
    connection was never begun with, nor was what came on a kept connection that was closed meanwhile."""
    proxy = Proxy()
    with hot.crowd(proxy=proxy):
        for worker in hot.stage.workers:
            time.sleep(0.5)
            worker.provider.stop()
            worker.provider.start()
    asked = [o for o in hot.judge() if o.at in {worker.name for worker in hot.stage.workers}]
    failed = [o for o in asked if o.status == 0 or o.status >= 500]
    starved = [o for o in failed if o.status == 503 and o.note in hot.told_of_silence()]
    print(f"{len(asked)} requests, {len(proxy.untaken)} sent again, {len(starved)} told to come again: Redis was late")
    hot.client.wire.close()  # to servers that are gone
    assert [o for o in failed if o not in starved] == []
    assert len(starved) < len(asked) / 20, "Redis answers nobody: this proves nothing"
    begun = set(hot.stage.begun.read_text().split())
    assert len(begun) >= len(asked), "the application does not note what it begins with: this proves nothing"
    assert begun.intersection(proxy.untaken) == set(), "sent a second time, though it had been begun with"
