"""The four ways in which an ended session comes back (reliability.md 3.1), against a real Redis; none does.

Every interleaving is forced: what happens to a slow worker happens between its look at the record and its
fill. A is a worker, B another one; each has a hot copy of its own, as processes have. ``FAILOVER_ROUNDS`` says
how often a primary is lost in each way (1; ``make faults`` has more).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

import pytest
from sqlalchemy import Engine

from idp.domain.ports import Stores
from idp.domain.session import ClientSession, EndReason, OneClientSession
from idp.storage import hot_copy as protocol
from idp.storage import redis_link
from idp.storage.hot_copy import SETTLE_SECONDS

from ..builders import NOW
from ..redis_server import RedisServer, until
from .hot import Tally, hot_copy, hot_stores, interrupted, live
from .people import joined, sign_in

FAILOVER_ROUNDS = int(os.environ.get("FAILOVER_ROUNDS", "1"))


@dataclass
class World:
    """Two workers, one session, and what the second one counts."""

    a: Stores
    b: Stores
    held: ClientSession
    server: RedisServer
    tally: Tally

    def commit(self) -> None:
        """The end, in the record alone."""
        with self.a.work():
            self.a.sessions.end(OneClientSession(self.held.id), EndReason.TOKEN_REVOKED, "client", NOW)

    def end(self) -> bool:
        """The end and its mark; may it be acknowledged at once?"""
        self.commit()
        return self.a.tombstones.write([self.held.id])

    def live(self) -> bool:
        """What B says to somebody who begins now."""
        return live(self.b, self.held, NOW)

    def slow_reader(self, act: Callable[[], None]) -> bool:
        """B looks, reads the record, ``act`` happens, B fills; what it says to the one who began before."""
        reader = interrupted(self.b, hot_copy(self.server.url, self.tally), act)
        found = reader.liveness(self.held.id, NOW)
        return found is not None and found.live


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """One that may be hurt."""
    monkeypatch.setattr(redis_link, "BUDGET_SECONDS", 5.0)
    with RedisServer() as server:
        yield server


@pytest.fixture
def world(engine: Engine, server: RedisServer) -> World:
    tally = Tally()
    a, b = hot_stores(engine, server.url), hot_stores(engine, server.url, tally)
    held = joined(a, sign_in(a))
    return World(a, b, held, server, tally)


def leases(server: RedisServer) -> list[str]:
    return [server.cli("GET", key) for key in server.cli("KEYS", "s:*")]


# ── 1. the stale fill ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P1")
def test_a_fill_finds_the_tombstone(world: World) -> None:
    """Begun before the end, it may still say "live" to the one who asked; nobody who asks later hears that."""
    assert world.slow_reader(lambda: acknowledged(world.end()))
    assert world.tally.seen["fill ended"] == 1
    assert not world.live()
    assert leases(world.server) == ["x"]


def acknowledged(fast: bool) -> None:
    assert fast


@pytest.mark.promise("P1")
def test_a_fill_comes_too_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker was stopped for longer than a fill may take, and the tombstone never came (F-17, F-18)."""
    monkeypatch.setattr(protocol, "_FILL_MS", 0)

    def pause() -> None:
        world.commit()
        begun = world.server.cli("TIME")
        until(lambda: world.server.cli("TIME")[0:1] != begun[0:1])

    assert world.slow_reader(pause)
    assert world.tally.seen["fill late"] == 1
    assert not world.live()


def test_a_fill_of_a_clock_that_was_set_back(world: World) -> None:
    """Redis's time is before that of the look-up: what it would be leased until cannot be known."""
    record = world.b.client_sessions._record  # type: ignore[attr-defined]
    copy = hot_copy(world.server.url, world.tally)
    ticket = copy.look_up(world.held.id).ticket
    assert ticket is not None
    found = record.liveness(world.held.id, NOW)
    later = type(ticket)(ticket.link, ticket.generation, ticket.seen + 60_000)
    copy.fill(later, found)
    assert world.tally.seen["fill late"] == 1
    assert leases(world.server) == []


# ── 2. unreachable at the revocation ──────────────────────────────────────────────────────────────


@pytest.mark.promise("P1")
def test_the_one_who_ends_is_cut_off(world: World, engine: Engine) -> None:
    """A cannot reach Redis, B can and holds a lease: A must not acknowledge before that has run out (F-06)."""
    assert world.live()
    cut_off = hot_stores(engine, "redis://127.0.0.1:1")
    world.commit()
    began = monotonic()
    assert not cut_off.tombstones.write([world.held.id])
    assert cut_off.tombstones.unsettled_for([world.held.id]) > SETTLE_SECONDS - 1
    until(lambda: cut_off.tombstones.unsettled_for([world.held.id]) == 0)
    assert monotonic() - began >= SETTLE_SECONDS - 0.01
    assert not world.live()
    assert world.a.tombstones.unsettled_for([world.held.id]) == 0  # every worker counts from the same moment


def test_a_server_that_is_back_has_no_old_lease(world: World) -> None:
    """Stopped with a lease in it, and let go on after more than its life (F-03)."""
    assert world.live()
    with world.server.paused():
        began = monotonic()
        world.commit()
        until(lambda: monotonic() - began > protocol.LEASE_SECONDS + 0.1)
    assert not world.live()


# ── 3. the lost write ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P1")
@pytest.mark.parametrize("loss", ["FLUSHALL", "restart"])
def test_the_tombstone_is_lost_while_a_fill_is_under_way(world: World, loss: str) -> None:
    """Acknowledged, and then Redis loses everything: the generation is lost with it (F-02, F-08)."""

    def lose() -> None:
        assert world.end()
        if loss == "FLUSHALL":
            world.server.cli("FLUSHALL")
        else:
            world.server.kill()
            world.server.start()
        live(world.a, world.held, NOW)  # somebody else makes a new generation

    assert world.slow_reader(lose)
    assert world.tally.seen["fill generation"] + world.tally.seen["fill ended"] == 1
    assert not world.live()
    world.server.cli("FLUSHALL")
    assert not world.live()


def test_without_anybody_else_the_generation_is_missing(world: World) -> None:
    def lose() -> None:
        assert world.end()
        world.server.cli("FLUSHALL")

    assert world.slow_reader(lose)
    assert world.tally.seen["fill generation"] == 1
    assert leases(world.server) == []


@pytest.mark.promise("P1")
@pytest.mark.parametrize("number", range(FAILOVER_ROUNDS))
def test_failover_to_a_replica_that_lags(world: World, engine: Engine, number: int) -> None:
    """It has the lease and not the tombstone: without its receipt nobody acknowledges (F-10)."""
    with world.server.replica() as replica:
        a, b = hot_stores(engine, world.server.url, replicas=1), hot_stores(engine, replica.url)
        assert world.live()
        until(lambda: len(leases(replica)) == 1)
        with replica.paused():
            world.commit()
            assert not a.tombstones.write([world.held.id])
            assert a.tombstones.unsettled_for([world.held.id]) > 0
            world.server.kill()
        replica.cli("REPLICAOF", "NO", "ONE")
        until(lambda: a.tombstones.unsettled_for([world.held.id]) == 0)
        assert not live(b, world.held, NOW)


@pytest.mark.promise("P1")
@pytest.mark.parametrize("number", range(FAILOVER_ROUNDS))
def test_failover_to_a_replica_that_confirmed(world: World, engine: Engine, number: int) -> None:
    """Acknowledged at once, and right: the new primary has the tombstone, and a fill of before meets it."""
    with world.server.replica() as replica:
        a, b = hot_stores(engine, world.server.url, replicas=1), hot_stores(engine, replica.url)
        assert world.live()
        world.commit()
        assert a.tombstones.write([world.held.id])
        world.server.kill()
        replica.cli("REPLICAOF", "NO", "ONE")
        assert leases(replica) == ["x"]
        assert not live(b, world.held, NOW)


def test_a_replica_is_never_believed(world: World, engine: Engine) -> None:
    """Neither its leases nor its tombstones: it refuses our scripts, and the record answers."""
    with world.server.replica() as replica:
        tally = Tally()
        lost = hot_stores(engine, replica.url, tally)
        assert world.live()
        until(lambda: len(leases(replica)) == 1)
        assert live(lost, world.held, NOW)
        assert tally.take() == {"look-up fallback": 1}
        assert not lost.tombstones.write([world.held.id])


def test_memory_is_full(world: World) -> None:
    """Tombstones are refused like everything else: the ending takes its time, the record answers (F-09)."""
    assert world.live()
    world.server.cli("CONFIG", "SET", "maxmemory", "1mb")
    world.tally.take()
    assert world.live()
    assert world.tally.take() == {"look-up fallback": 1}
    assert not world.end()
    assert not world.live()
    world.server.cli("CONFIG", "SET", "maxmemory", "0")
    assert world.a.tombstones.write([world.held.id])
    assert not world.live()


# ── 4. breakers that disagree ─────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P1")
def test_an_open_breaker_does_not_keep_a_tombstone_away(world: World) -> None:
    """A has stopped asking Redis, B reads it: A's ending still arrives there (F-14)."""
    copy = world.a.tombstones._copy  # type: ignore[attr-defined]
    (link,) = copy._servers.links()
    for _ in range(3):
        link.breaker.failed()
    assert link.breaker.open
    assert world.live()
    assert world.end()
    assert not world.live()
    assert world.tally.seen["look-up ended"] == 1
