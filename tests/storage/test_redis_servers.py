"""Sentinel and Cluster: who is primary, who must confirm, and what a failover changes without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from idp.domain.session import Liveness
from idp.errors import ConfigurationError
from idp.storage import redis_link, redis_servers
from idp.storage.hot_copy import HotCopy
from idp.storage.redis_servers import SHARDS, Most
from idp.storage.redis_url import servers

from ..redis_server import RedisCluster, RedisServer, Sentinels, until
from .hot import Tally, hot_copy

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "BUDGET_SECONDS", 1.0)
    monkeypatch.setattr(redis_link, "WAIT_SECONDS", 2.0)


def fill(copy: HotCopy, sid: UUID) -> bool:
    """A look-up and its fill; did it become a lease?"""
    ticket = copy.look_up(sid).ticket
    if ticket is None:
        return False
    copy.fill(
        ticket, Liveness(sid=sid, user_id=uuid4(), client_id="app", live=True, until=datetime(2100, 1, 1, tzinfo=UTC))
    )
    return copy.look_up(sid).lease is not None


# ── cluster ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with RedisCluster(3, replicas=1) as cluster:
        yield cluster


def test_shards_lie_all_over_a_cluster(cluster: RedisCluster) -> None:
    found = servers(cluster.url, 0, lambda _opened: None)
    assert len(found.links()) == 3
    assert {found.primary(shard) for shard in SHARDS} == set(found.links())
    assert {found.replicas(shard) for shard in SHARDS} == {1}
    assert servers(cluster.url, 2, lambda _opened: None).replicas("00") == 2


def test_a_cluster_is_one_hot_copy(cluster: RedisCluster) -> None:
    copy, sids = hot_copy(cluster.url), [uuid4() for _ in range(40)]
    assert all(fill(copy, sid) for sid in sids)
    assert copy.mark(sids)
    assert all(copy.look_up(sid).ended for sid in sids)
    held = [server.cli("DBSIZE") for server in cluster.servers]
    assert sum(held) % 2 == 0  # every replica has it too: that was the receipt
    assert all(held)


def test_a_primary_of_a_cluster_is_lost(cluster: RedisCluster) -> None:
    """Its replica takes over; everything goes on by itself, and what was confirmed is still there."""
    tally = Tally()
    copy = hot_copy(cluster.url, tally)
    sids = [uuid4() for _ in range(60)]
    assert copy.mark(sids)
    lost = cluster.at(int(copy._servers.primary("00").address.partition(":")[2]))
    lost.kill()
    until(lambda: all(copy.look_up(sid).ended for sid in sids))
    fresh = UUID(bytes=b"\x00" + uuid4().bytes[1:])
    until(lambda: fill(copy, fresh))
    assert not copy.mark([fresh])  # the one that is gone was there a minute ago and cannot confirm
    assert copy.look_up(fresh).ended
    lost.start()
    until(lambda: copy.mark([fresh]))


# ── sentinel ──────────────────────────────────────────────────────────────────────────────────────


def test_sentinels_tell_the_primary_before_and_after_it_is_lost() -> None:
    with RedisServer() as first, first.replica() as second, Sentinels(first) as sentinels:
        until(lambda: len(sentinels.servers[0].cli("SENTINEL", "REPLICAS", "idp")) == 1)
        copy, sid, later = hot_copy(sentinels.url), uuid4(), uuid4()
        assert fill(copy, sid)
        assert copy._servers.replicas("") == 1
        assert copy.mark([sid])
        first.kill()
        until(lambda: sentinels.primary() == second.port)
        until(lambda: copy.look_up(sid).ended)
        until(lambda: fill(copy, later))
        assert not copy.mark([later])  # Sentinel lists the former primary as a replica that is down
        first.start()
        until(lambda: copy.mark([later]))
        assert first.info("replication")["role"] == "slave"


# ── what is remembered ────────────────────────────────────────────────────────────────────────────


def test_a_replica_that_is_gone_counts_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(redis_servers, "monotonic", lambda: now)
    most = Most()
    assert [most.of("a", count) for count in (1, 2, 0, 1)] == [1, 2, 2, 2]
    now += redis_servers.REMEMBERED_SECONDS - 1
    assert most.of("a", 0) == 2
    now += 2
    assert most.of("a", 0) == 0
    assert most.of("b", 1) == 1


@pytest.mark.parametrize(
    "url", ["http://x", "redis+sentinel://a:1", "redis+cluster://:1", "redis+x://a", "redis://a:b"]
)
def test_a_url_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigurationError, match="IDP_REDIS_URL"):
        servers(url, 0, lambda _opened: None)
