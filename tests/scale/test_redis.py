"""A provider of two workers over a Redis Cluster of six and over Sentinel: a primary is lost; no answer is wrong.

What the copy itself does then is in ``tests/storage/test_redis_servers.py``; this is seen from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.races.play import Answer, App, Held, Play
from tests.redis_server import RedisCluster, RedisServer, Sentinels, until
from tests.running import RunningProvider, operating, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("redis scale"), pytest.mark.timeout(900)]

Lose = Callable[[], RedisServer]


@contextmanager
def a_cluster() -> Iterator[tuple[str, Lose]]:
    with RedisCluster(3, replicas=1) as cluster:

        def lose() -> RedisServer:
            lost = next(server for server in cluster.servers if server.info("replication")["role"] == "master")
            lost.kill()
            return lost

        yield cluster.url, lose


@contextmanager
def a_sentinel() -> Iterator[tuple[str, Lose]]:
    with RedisServer() as first, first.replica() as second, Sentinels(first) as sentinels:
        until(lambda: len(sentinels.servers[0].cli("SENTINEL", "REPLICAS", "idp")) == 1)

        def lose() -> RedisServer:
            first.kill()
            until(lambda: sentinels.primary() == second.port)
            return first

        yield sentinels.url, lose


@pytest.fixture(params=[a_cluster, a_sentinel], ids=["cluster", "sentinel"])
def scene(
    request: pytest.FixtureRequest, postgres: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[tuple[Play, Lose]]:
    """``redis_server`` says what is missing."""
    with ExitStack() as stack:
        url, lose = stack.enter_context(request.param())
        settings = {"IDP_REDIS_URL": url, "IDP_TRUSTED_PROXIES": "127.0.0.1"}
        provider = RunningProvider(tmp_path / "provider", postgres.new_database(), settings=settings)
        operator = stack.enter_context(operating(provider))
        stack.enter_context(running(provider))
        yield Play(provider, operator), lose
        assert "Traceback" not in provider.log.read_text()


@pytest.mark.promise("P1")
@pytest.mark.promise("P5")
def test_a_primary_is_lost_and_whoever_signed_out_stays_out(scene: tuple[Play, Lose]) -> None:
    play, lose = scene
    app = play.app()
    held = [play.holding(app) for _ in range(6)]
    look_at(play, app, held, alive=True)
    acknowledged(lambda: play.revoke(app, held[0].tokens["refresh_token"]))
    look_at(play, app, held[:1], alive=False)
    lost = lose()
    look_at(play, app, held[:1], alive=False)
    look_at(play, app, held[1:], alive=True)
    acknowledged(lambda: play.revoke(app, held[1].tokens["refresh_token"]))
    look_at(play, app, held[:2], alive=False)
    look_at(play, app, held[2:], alive=True)
    lost.start()
    for one in held[2:4]:
        acknowledged(lambda one=one: play.revoke(app, one.tokens["refresh_token"]))  # type: ignore[misc]
    look_at(play, app, held[:4], alive=False)
    look_at(play, app, held[4:], alive=True)


def look_at(play: Play, app: App, held: list[Held], *, alive: bool) -> None:
    """Often, on connections of their own, so that both workers are asked and leases are filled and used."""
    for _ in range(4):
        for one in held:
            assert play.introspect(app, one.tokens["access_token"]) is alive


def acknowledged(act: Callable[[], Answer]) -> None:
    """As RFC 7009 section 2.2.1 has it: 503 means that the token may still live, and to ask again later."""
    end = time.monotonic() + 60
    while not (answer := act()).ok:
        assert answer.unknown, answer
        assert time.monotonic() < end
        time.sleep(0.5)
