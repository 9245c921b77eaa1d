"""Throttles: exact under parallel attempts, forgetting with time, and a refusal costs nothing.

Each of these holds in SQL and in Redis alike.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from idp.domain.master_key import MasterKeys
from idp.domain.ports import Stores
from idp.domain.throttle import Brake
from idp.paths import MIGRATIONS, ROOT
from idp.storage.database import Database
from idp.storage.stores import build_stores
from idp.storage.throttles import SqlThrottles

from ..builders import NOW
from ..redis_server import RedisServer
from .attempts import PLACE
from .hot import hot_stores
from .people import race

ACCOUNT = Brake(b"account", 3, 60)


@pytest.fixture(params=["sql", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    """Where Redis is, if there is one."""
    if request.param == "sql":
        return None
    server: RedisServer = request.getfixturevalue("redis")
    return server.url


@pytest.fixture
def stores(engine: Engine, master_keys: MasterKeys, redis_url: str | None) -> Stores:
    if redis_url is None:
        return build_stores(engine, master_keys, MIGRATIONS)
    return hot_stores(engine, redis_url)


def test_room_for_so_many(stores: Stores) -> None:
    assert [stores.throttles.take([ACCOUNT], NOW) for _ in range(4)] == [0, 0, 0, 60]
    assert stores.throttles.take([ACCOUNT], NOW + timedelta(seconds=59.5)) == 1
    assert stores.throttles.take([ACCOUNT], NOW + timedelta(seconds=60)) == 0


def test_fifty_attempts_in_parallel(stores: Stores) -> None:
    brakes = (PLACE, Brake(b"wide", 100, 60))
    waits = race(50, lambda number: stores.throttles.take(brakes if number % 2 else brakes[::-1], NOW))
    assert waits.count(0) == 5
    assert set(waits) == {0, 600}
    assert stores.throttles.take([Brake(b"wide", 6, 60)], NOW) == 0  # refused ones were not counted
    assert stores.throttles.take([Brake(b"wide", 6, 60)], NOW) == 60


def test_the_longest_wait_is_told(stores: Stores) -> None:
    for _ in range(3):
        stores.throttles.take([ACCOUNT, PLACE], NOW)
    for _ in range(2):
        stores.throttles.take([PLACE], NOW)
    assert stores.throttles.take([ACCOUNT, PLACE], NOW) == 600


def test_a_right_guess_is_given_back(stores: Stores) -> None:
    for _ in range(3):
        assert stores.throttles.take([ACCOUNT, PLACE], NOW) == 0
    stores.throttles.give_back([ACCOUNT, PLACE], NOW)
    assert stores.throttles.take([ACCOUNT, PLACE], NOW) == 0
    assert stores.throttles.take([ACCOUNT, PLACE], NOW) == 60


def test_nothing_is_given_back_twice_over(stores: Stores) -> None:
    stores.throttles.give_back([ACCOUNT], NOW)
    stores.throttles.take([ACCOUNT], NOW)
    for _ in range(5):
        stores.throttles.give_back([ACCOUNT], NOW)
    assert [stores.throttles.take([ACCOUNT], NOW) for _ in range(4)] == [0, 0, 0, 60]


def test_cleared(stores: Stores) -> None:
    for _ in range(3):
        stores.throttles.take([ACCOUNT, PLACE], NOW)
    stores.throttles.clear([ACCOUNT])
    assert stores.throttles.take([ACCOUNT], NOW) == 0


def test_a_brake_without_room_refuses_everybody(stores: Stores) -> None:
    assert stores.throttles.take([Brake(b"never", 0, 60), ACCOUNT], NOW) == 60
    assert [stores.throttles.take([ACCOUNT], NOW) for _ in range(4)] == [0, 0, 0, 60]


def test_across_processes(engine: Engine, redis_url: str | None) -> None:
    """Two processes of ten attempts each share one limit."""
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.storage.attempts", url, *([redis_url] if redis_url else [])]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    assert sum(int(process.communicate(timeout=100)[0]) for process in processes) == PLACE.limit


@pytest.mark.parametrize("moment", ["before", "while"])
def test_without_redis_sql_counts(engine: Engine, moment: str) -> None:
    """Never "no limit" (I13): neither where it was never there, nor where it goes in the middle."""
    with RedisServer() as server:
        stores = hot_stores(engine, server.url)
        if moment == "while":
            assert stores.throttles.take([ACCOUNT], NOW) == 0
        server.kill()
        assert [stores.throttles.take([ACCOUNT], NOW) for _ in range(5)] == [0, 0, 0, 60, 60]
        stores.throttles.give_back([ACCOUNT], NOW)
        assert stores.throttles.take([ACCOUNT], NOW) == 0
        stores.throttles.clear([ACCOUNT])
        assert stores.throttles.take([ACCOUNT], NOW) == 0


def test_a_guess_is_given_back_where_it_was_counted(engine: Engine) -> None:
    """Else a right password, while Redis goes, would uncount wrong ones in SQL; and the other way round."""
    with RedisServer() as server:
        stores = hot_stores(engine, server.url)
        while not server.cli("KEYS", "t:*"):  # it may be slow to answer on a loaded machine
            stores.throttles.clear([ACCOUNT])
            assert stores.throttles.take([ACCOUNT], NOW) == 0
        server.kill()
        others = hot_stores(engine, server.url).throttles
        assert [others.take([ACCOUNT], NOW) for _ in range(3)] == [0, 0, 0]
        stores.throttles.give_back([ACCOUNT], NOW)
        assert others.take([ACCOUNT], NOW) > 0
        server.start()
        others.give_back([ACCOUNT], NOW)
        assert SqlThrottles(Database(engine)).take([ACCOUNT], NOW) == 0


def test_nonsense_in_redis_is_no_room_and_no_limit(engine: Engine, redis: RedisServer) -> None:
    """A counter that cannot be read begins anew, with its limit."""
    stores = hot_stores(engine, redis.url)
    stores.throttles.take([ACCOUNT], NOW)
    (key,) = redis.cli("KEYS", "t:*")
    for nonsense in (("SET", "rubbish"), ("RPUSH", "a list"), ("SET", "-3:99999999999999")):
        redis.cli("DEL", key)
        redis.cli(nonsense[0], key, nonsense[1])
        assert [stores.throttles.take([ACCOUNT], NOW) for _ in range(4)] == [0, 0, 0, 60]


def test_counters_go_away_by_themselves(engine: Engine, redis: RedisServer) -> None:
    hot_stores(engine, redis.url).throttles.take([ACCOUNT], NOW)
    (key,) = redis.cli("KEYS", "t:*")
    assert 60_000 < redis.cli("PTTL", key) <= 120_000
