"""The hot copy over a real Redis: what it answers, what it costs, and what it makes of nonsense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from idp.domain.ports import Stores
from idp.domain.session import EndReason, Liveness, OneClientSession
from idp.storage.hot_client_sessions import Lately
from idp.storage.hot_copy import HotCopy

from ..builders import NOW
from ..redis_server import RedisServer
from .hot import Tally, hot_copy, hot_stores, live
from .people import joined, sign_in

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


def a_liveness(**members: object) -> Liveness:
    usual = {"sid": uuid4(), "user_id": uuid4(), "client_id": str(uuid4()), "live": True, "until": UNTIL}
    return Liveness(**usual | members)  # type: ignore[arg-type]


def fill(copy: HotCopy, found: Liveness) -> None:
    ticket = copy.look_up(found.sid).ticket
    assert ticket is not None
    copy.fill(ticket, found)


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def copy(redis: RedisServer, tally: Tally) -> HotCopy:
    return hot_copy(redis.url, tally)


@pytest.mark.parametrize(
    "found",
    [
        a_liveness(),
        a_liveness(until=None),
        a_liveness(client_id="a client: with colons, and {braces}"),
        a_liveness(until=datetime(1969, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_lease_says_what_the_record_said(copy: HotCopy, found: Liveness) -> None:
    fill(copy, found)
    assert copy.look_up(found.sid).lease == found
    assert copy.look_up(uuid4()).lease is None


def test_a_mark_stands_for_the_life_of_every_token(redis: RedisServer, copy: HotCopy) -> None:
    found = a_liveness()
    fill(copy, found)
    assert copy.mark([found.sid])
    assert copy.look_up(found.sid).ended
    (key,) = redis.cli("KEYS", "s:*")
    assert 950_000 < redis.cli("PTTL", key) <= 960_000


def test_many_marks_at_once(redis: RedisServer, copy: HotCopy) -> None:
    sids = [uuid4() for _ in range(700)]
    assert copy.mark(sids)
    assert all(copy.look_up(sid).ended for sid in sids)


def test_a_lease_runs_out_by_the_clock_of_redis(redis: RedisServer, copy: HotCopy) -> None:
    found = a_liveness()
    fill(copy, found)
    (key,) = redis.cli("KEYS", "s:*")
    assert 0 < redis.cli("PTTL", key) <= 2000
    past = redis.cli("GET", key).split(":", 2)
    redis.cli("SET", key, f"a:{int(past[1]) - 2001}:{past[2]}")
    assert copy.look_up(found.sid).lease is None


def test_a_lease_longer_than_leases_are_is_none(redis: RedisServer, copy: HotCopy) -> None:
    """The clock of Redis was set back by an hour while it stood (F-12)."""
    found = a_liveness()
    fill(copy, found)
    (key,) = redis.cli("KEYS", "s:*")
    mark, deadline, rest = redis.cli("GET", key).split(":", 2)
    redis.cli("SET", key, f"{mark}:{int(deadline) + 3_600_000}:{rest}")
    assert copy.look_up(found.sid).lease is None


@pytest.mark.parametrize(
    "nonsense",
    [
        ("SET", "rubbish"), ("SET", ""), ("SET", "a:"), ("SET", "a:99999999999999999999:-:u:c"), ("SET", "X"),
        ("RPUSH", "a list"), ("HSET", "a", "hash"), ("SADD", "a set"),
    ],
)  # fmt: skip
def test_nonsense_is_a_miss_and_is_put_right(
    redis: RedisServer, copy: HotCopy, tally: Tally, nonsense: tuple[str, ...]
) -> None:
    found = a_liveness()
    fill(copy, found)
    (key,) = redis.cli("KEYS", "s:*")
    redis.cli("DEL", key)
    redis.cli(nonsense[0], key, *nonsense[1:])
    tally.take()
    fill(copy, found)
    assert tally.take() == {"look-up miss": 1, "fill filled": 1}
    assert copy.look_up(found.sid).lease == found
    redis.cli("DEL", key)
    redis.cli(nonsense[0], key, *nonsense[1:])
    assert copy.mark([found.sid])
    assert copy.look_up(found.sid).ended


def test_a_nonsensical_generation_is_made_anew(redis: RedisServer, copy: HotCopy) -> None:
    found = a_liveness()
    copy.look_up(found.sid)
    (key,) = redis.cli("KEYS", "gen:*")
    redis.cli("DEL", key)
    redis.cli("RPUSH", key, "a list")
    fill(copy, found)
    assert copy.look_up(found.sid).lease == found


def test_scripts_are_sent_again_to_a_server_that_forgot_them(redis: RedisServer, copy: HotCopy) -> None:
    found = a_liveness()
    fill(copy, found)
    redis.cli("SCRIPT", "FLUSH")
    assert copy.look_up(found.sid).lease == found
    redis.cli("SCRIPT", "FLUSH")
    assert copy.mark([found.sid])
    assert copy.look_up(found.sid).ended


def test_a_live_lease_costs_little(redis: RedisServer, copy: HotCopy) -> None:
    """The issue allows 250 bytes, all of Redis's own keeping included; many of the shape of a real one."""
    fill(copy, a_liveness())
    (key,) = redis.cli("KEYS", "s:*")
    lease, count = redis.cli("GET", key), 20_000
    before = _kept(redis)
    with redis.client() as client:
        pipe = client.pipeline(transaction=False)
        for number in range(count):
            pipe.set(f"{key[:6]}{number:0{len(key) - 6}}", lease, px=600_000)
        pipe.execute()
    each = (_kept(redis) - before) / count
    assert each <= 250, each


def _kept(redis: RedisServer) -> int:
    """Bytes of the keys, their values and both hash tables. ``used_memory`` would count the buffers of connections
    too, which Redis gives back when it likes."""
    with redis.client() as client:
        found = client.memory_stats()
    tables = found["db.0"]
    return int(found["dataset.bytes"] + tables["overhead.hashtable.main"] + tables["overhead.hashtable.expires"])


# ── the stores over it ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stores(engine: Engine, redis: RedisServer, tally: Tally) -> Stores:
    return hot_stores(engine, redis.url, tally)


def test_the_record_is_read_once_a_lease(stores: Stores, tally: Tally) -> None:
    held = joined(stores, sign_in(stores))
    tally.take()
    assert live(stores, held, NOW)
    assert live(stores, held, NOW)
    assert live(stores, held, NOW)
    assert tally.take() == {"look-up miss": 1, "look-up hit": 2, "fill filled": 1}


def test_redis_is_asked_from_the_second_question_on(engine: Engine, redis: RedisServer, tally: Tally) -> None:
    stores = hot_stores(engine, redis.url, tally, every=False)
    held = joined(stores, sign_in(stores))
    tally.take()
    for expected in ({"look-up first": 1}, {"look-up miss": 1, "fill filled": 1}, {"look-up hit": 1}):
        assert live(stores, held, NOW)
        assert tally.take() == expected
    with stores.work():
        stores.sessions.end(OneClientSession(held.id), EndReason.TOKEN_REVOKED, "client", NOW)
    assert stores.tombstones.write([held.id])
    assert not live(stores, held, NOW)
    assert tally.take() == {"mark confirmed": 1, "look-up ended": 1}


def test_what_was_told_dead_at_the_first_question_is_told_dead_elsewhere(engine: Engine, redis: RedisServer) -> None:
    """I2: the ending is committed and not yet marked; another worker has a lease."""
    first, leased = hot_stores(engine, redis.url, every=False), hot_stores(engine, redis.url)
    held = joined(first, sign_in(first))
    assert live(leased, held, NOW)
    with first.work():
        first.sessions.end(OneClientSession(held.id), EndReason.TOKEN_REVOKED, "client", NOW)
    assert not live(first, held, NOW)
    assert not live(leased, held, NOW)


def test_a_question_is_remembered_for_a_second_or_two() -> None:
    at = [0.0]
    lately, one, other = Lately(lambda: at[0]), uuid4(), uuid4()
    found = []
    for at[0], sid in ((0.1, one), (0.9, one), (1.9, one), (2.0, other), (2.8, one), (9.0, one), (9.1, other)):
        found.append(lately.again(sid))
    assert found == [False, True, True, False, True, False, False]


def test_a_natural_end_is_exact_within_a_lease(stores: Stores) -> None:
    held = joined(stores, sign_in(stores, idle_seconds=100))
    end = NOW + timedelta(seconds=100)
    assert live(stores, held, NOW)
    assert live(stores, held, end - timedelta(milliseconds=1))
    assert not live(stores, held, end)


def test_activity_after_the_lease_counts(stores: Stores) -> None:
    """A lease that carries an older natural end says nothing of the time after it."""
    held = joined(stores, sign_in(stores, idle_seconds=100))
    assert live(stores, held, NOW)
    stores.client_sessions.touch(held.id, NOW + timedelta(seconds=61))
    assert live(stores, held, NOW + timedelta(seconds=120))


def test_only_an_end_that_somebody_made_is_marked(stores: Stores, redis: RedisServer) -> None:
    """The clock of one worker may be wrong; what it takes for over must not be over for all."""
    held = joined(stores, sign_in(stores, idle_seconds=100))
    assert not live(stores, held, NOW + timedelta(seconds=200))
    assert live(stores, held, NOW)


def test_what_the_record_says_has_ended_is_marked(stores: Stores, engine: Engine, tally: Tally) -> None:
    held = joined(stores, sign_in(stores))
    with stores.work():
        stores.sessions.end(OneClientSession(held.id), EndReason.TOKEN_REVOKED, "client", NOW)
    tally.take()
    assert not live(stores, held, NOW)
    assert not live(stores, held, NOW)
    assert tally.take() == {"look-up miss": 1, "look-up ended": 1}


def test_inside_a_transaction_the_record_answers(stores: Stores, tally: Tally) -> None:
    who = sign_in(stores)
    tally.take()
    with stores.work():
        held = joined(stores, who)
        assert live(stores, held, NOW)
    assert tally.take() == {}


def test_marks_are_settled_by_time_where_nobody_confirms(engine: Engine, tally: Tally) -> None:
    stores = hot_stores(engine, "redis://127.0.0.1:1", tally)
    first, second = uuid4(), uuid4()
    assert not stores.tombstones.write([first])
    assert tally.take() == {"mark unconfirmed": 1}
    left = stores.tombstones.unsettled_for([first])
    assert 2.5 < left <= 2.75
    assert stores.tombstones.unsettled_for([first]) <= left
    assert stores.tombstones.unsettled_for([first, second]) > 2.5
