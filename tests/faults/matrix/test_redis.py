"""Redis fails in every way (F-01 to F-09, F-14): it changes how long an answer takes, never the answer (I9)."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace

import pytest

from tests.faults.checker import figures
from tests.faults.endings import SHOWS_AN_ENDING
from tests.faults.history import Operation, now
from tests.faults.stage import Worker
from tests.faults.tcp_proxy import TcpProxy

from .counts import FLAP_SECONDS, FLAPS, REDIS_AWAY_SECONDS, REDIS_STOPPED_SECONDS
from .gate import Gate
from .scene import Play, until


def redis_of(worker: Worker) -> TcpProxy:
    """The worker's way to Redis."""
    assert worker.redis is not None
    return worker.redis


def only_endings_waited(operations: list[Operation]) -> None:
    """Without Redis an ending may be told to come again, and so may whoever would have to say that it is done:
    readings of what somebody has asked to end, and the list that shows how a person's other devices ended. Nothing
    else may, not even once."""
    asked: dict[str, float] = {}
    for o in operations:
        for subject in o.subjects if o.asks_end else ():
            asked[subject] = min(o.invoke, asked.get(subject, o.invoke))
    busy = [
        o for o in operations if o.status == 503 and not o.asks_end and o.what != SHOWS_AN_ENDING
        and not any(asked.get(subject, o.complete) < o.complete for subject in o.subjects)
    ]  # fmt: skip
    assert busy == [], "\n".join(map(str, busy[:5]))


@pytest.mark.fault("F-01")
def test_redis_is_killed(hot: Play) -> None:
    assert hot.stage.redis is not None
    with hot.crowd():
        time.sleep(1)
        hot.stage.redis.kill()
        try:
            time.sleep(REDIS_AWAY_SECONDS)
            statuses = wrong_secrets(hot, 60)
        finally:
            hot.stage.redis.start()
        time.sleep(1)
    only_endings_waited(hot.judge())
    assert 429 in statuses, "throttles count on without Redis (I13)"


def wrong_secrets(play: Play, count: int) -> set[int]:
    """A guesser at one address: what he is answered."""
    form = {"token": "x", "client_id": play.apps[0].client_id, "client_secret": "wrong"}
    ask = play.client.wire.ask
    return {ask("POST", "/introspect", form, X_Forwarded_For="192.0.2.77").status for _ in range(count)}


@pytest.mark.fault("F-02")
def test_redis_restarts_empty(hot: Play) -> None:
    assert hot.stage.redis is not None
    with hot.crowd():
        for _ in range(4):
            time.sleep(1)
            hot.stage.redis.kill()
            hot.stage.redis.start()
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-03")
def test_redis_stops_and_goes_on_with_what_it_knew(hot: Play) -> None:
    assert hot.stage.redis is not None
    with hot.crowd():
        time.sleep(1)
        with hot.stage.redis.paused():
            time.sleep(REDIS_STOPPED_SECONDS)
        time.sleep(2)
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-04")
@pytest.mark.fault("F-05")
@pytest.mark.parametrize("fault", ["slow", "half open"])
def test_redis_answers_late_or_never(hot: Play, fault: str) -> None:
    proxies = [redis_of(worker) for worker in hot.stage.workers]
    with hot.crowd():
        time.sleep(1)
        for proxy in proxies:
            proxy.slow(0.5) if fault == "slow" else proxy.hold()
        time.sleep(4)
        for proxy in proxies:
            proxy.heal()
        time.sleep(1)
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-06")
@pytest.mark.parametrize("fault", ["cut", "hold"])
def test_what_a_worker_without_redis_ends_no_other_worker_accepts(hot: Play, fault: str) -> None:
    cut_off, other = hot.stage.workers[:2]
    lease_seen = waited = False
    for _ in range(20):
        hold = hot.holding()
        until(lambda hold=hold: hot.leased(hold, other))
        with redis_of(cut_off).failing(getattr(redis_of(cut_off), fault)):
            began = now()
            first = hot.revoke(hold, cut_off)
            lease_seen |= bool(hot.active(hold, other))
            until(lambda hold=hold: hot.revoke(hold, cut_off).status == 200)
            in_time = now() - began >= 2.0
            assert in_time or hot.marked(hold), "acknowledged before every lease had run out"
            assert hot.active(hold, other) is False
        waited |= in_time and first.status == 503
        if waited and lease_seen:
            break
    assert waited, "another process was quicker each time to repeat the mark: this proves nothing"
    assert lease_seen, "the other worker never answered from its lease: this proves nothing"
    hot.judge()


@pytest.mark.fault("F-06")
@pytest.mark.parametrize("kind", ["sign_out", "log_out", "end_device", "end_others", "revoke"])
def test_whoever_repeats_an_ending_is_not_told_too_soon(hot: Play, kind: str) -> None:
    """A browser that asks again because no confirmation came: a second "nothing to end" is no confirmation."""
    for _ in range(10):  # another process may be quick to repeat the mark
        operations = ended_without_redis(hot, kind)
        assert [o for o in operations if o.asks_end and o.outcome == "ok"]
        if [o for o in operations if o.asks_end and o.outcome == "info"]:
            return
    raise AssertionError("acknowledged at once: this proves nothing")


def ended_without_redis(play: Play, kind: str) -> list[Operation]:
    """At a worker that is cut off from Redis, while another one is asked again and again; judged."""
    cut_off, other = play.stage.workers[:2]
    person = play.person()
    holds = [play.holding(scene=play.scene(person)) for _ in range(2)]
    until(lambda: all(play.leased(hold, other) for hold in holds))
    endings = replace(play.endings, client=play.at(cut_off))
    with redis_of(cut_off).failing(redis_of(cut_off).hold):
        aim = {"sign_out": holds[0].scene, "log_out": holds[0].scene, "revoke": holds[0]}.get(kind, person)
        ending = threading.Thread(target=getattr(endings, kind), args=(aim,))
        ending.start()
        while ending.is_alive():
            for hold in holds:
                play.introspect(hold, other)
        ending.join()
    return play.judge()


@pytest.mark.fault("F-07")
def test_redis_flaps(hot: Play) -> None:
    with hot.crowd():
        for _ in FLAPS:
            for worker in hot.stage.workers:
                redis_of(worker).cut()
            time.sleep(FLAP_SECONDS)
            for worker in hot.stage.workers:
                redis_of(worker).heal()
            time.sleep(FLAP_SECONDS)
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-08")
def test_redis_is_flushed_again_and_again(hot: Play) -> None:
    assert hot.stage.redis is not None
    with hot.crowd():
        for _ in range(20):
            time.sleep(0.25)
            hot.stage.redis.cli("FLUSHALL")
    operations = hot.judge()
    only_endings_waited(operations)
    assert figures(operations)["readings"]["dead"], "nothing was ended: this proves nothing"


@pytest.mark.fault("F-09")
def test_redis_is_full(hot: Play) -> None:
    assert hot.stage.redis is not None
    worker = hot.stage.workers[0]
    with hot.crowd():
        time.sleep(1)
        hot.stage.redis.cli("CONFIG", "SET", "maxmemory", "1")
        try:
            hold = hot.holding()
            assert hot.revoke(hold, worker).status == 503, "a tombstone that is refused confirms nothing"
            until(lambda: hot.revoke(hold, worker).status == 200)
            time.sleep(2)
        finally:
            hot.stage.redis.cli("CONFIG", "SET", "maxmemory", "0")
        time.sleep(1)
    only_endings_waited(hot.judge())


@pytest.mark.fault("F-14")
def test_a_worker_whose_breaker_is_open_marks_an_ending_all_the_same(hot: Play) -> None:
    doubting, other = hot.stage.workers[:2]
    for _ in range(3):
        hold = hot.holding()
        until(lambda hold=hold: hot.leased(hold, other))
        with redis_of(doubting).failing(redis_of(doubting).cut):
            for _ in range(6):
                hot.active(hold, doubting)
        answer = hot.revoke(hold, doubting)  # its breaker is open still, and its network whole
        if answer.status == 200:
            assert hot.active(hold, other) is False
        until(lambda hold=hold: hot.revoke(hold, doubting).status == 200)
    hot.judge()


@pytest.mark.fault("F-18")
def test_a_fill_that_comes_late_is_refused(hot: Play) -> None:
    """A worker misses, reads "live" in SQL, and stands still; the session ends; the worker goes on and fills."""
    slow, other = hot.stage.workers[:2]
    assert slow.database is not None
    assert hot.stage.redis is not None
    for how in ("held", "stopped"):
        hold = hot.holding()
        until(lambda hold=hold: hot.leased(hold, slow))
        hot.stage.redis.cli("FLUSHALL")
        asking = threading.Thread(target=hot.introspect, args=(hold, slow))
        with slow.database.failing(lambda: None):
            table = "LOCK TABLE client_sessions IN ACCESS EXCLUSIVE MODE"
            with Gate(hot.stage.plain_url, table, lambda: True) as gate:
                asking.start()
                until(gate.waited_for, 5)
                slow.database.hold(up=False)  # what SQL says of this moment, "live", is held on its way
            if how == "stopped":
                slow.signal(signal.SIGSTOP)
            until(lambda hold=hold: hot.revoke(hold, other).status == 200)
            time.sleep(0.6)
        slow.signal(signal.SIGCONT)
        asking.join()
        for _ in range(5):
            assert hot.active(hold, other) is False, how
    hot.judge()
