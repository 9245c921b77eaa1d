"""What is done to a stage while it is under load: each injection breaks one thing and mends it again."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from idp.errors import Conflict, IdpError

from .stage import Stage, Worker
from .tcp_proxy import TcpProxy


@dataclass(frozen=True)
class Injection:
    """``act`` returns when what it broke is whole again. ``weight``: how often, beside the others."""

    name: str
    act: Callable[[Stage, random.Random], object]
    weight: int = 2


def _pause(chance: random.Random, least: float, most: float) -> None:
    time.sleep(chance.uniform(least, most))


def _one(stage: Stage, chance: random.Random) -> Worker:
    return chance.choice(stage.workers)


# ── workers ───────────────────────────────────────────────────────────────────────────────────────


def kill_worker(stage: Stage, chance: random.Random) -> None:
    """In the middle of whatever it is doing; its parent starts another."""
    _one(stage, chance).kill()
    _pause(chance, 0.5, 2)


def kill_server(stage: Stage, chance: random.Random) -> None:
    """The parent and its worker; started again from outside."""
    worker = _one(stage, chance)
    worker.provider.crash()
    _pause(chance, 0, 1)
    worker.provider.start()


def kill_every_server(stage: Stage, chance: random.Random) -> None:
    """As a power cut of the machine that they run on."""
    for worker in stage.workers:
        worker.provider.crash()
    _pause(chance, 0, 1)
    stage.start(stage.workers)


def restart_server(stage: Stage, chance: random.Random) -> None:
    """SIGTERM, and again: what a deployment does."""
    worker = _one(stage, chance)
    worker.provider.stop()
    worker.provider.start()


def freeze_worker(stage: Stage, chance: random.Random) -> None:
    """SIGSTOP for less than an answer may take: everything that it was about to do, it does later."""
    worker = _one(stage, chance)
    worker.signal(signal.SIGSTOP)
    _pause(chance, 0.5, 2.5)
    worker.signal(signal.SIGCONT)


def shift_clock(stage: Stage, chance: random.Random) -> None:
    """One worker lives a minute ahead, or behind."""
    worker = _one(stage, chance)
    worker.shift(chance.choice((-60, 60)))
    _pause(chance, 2, 6)
    worker.shift(0)


def shift_every_clock(stage: Stage, chance: random.Random) -> None:
    """The machine's clock is a minute ahead, or behind: an embedded database has that of its machine."""
    seconds = chance.choice((-60, 60))
    for worker in stage.workers:
        worker.clock.write_text(f"{seconds:+}")
    _pause(chance, 2, 6)
    for worker in stage.workers:
        worker.clock.write_text("0")


def rotate_keys(stage: Stage, chance: random.Random) -> None:
    """Several times in a row, each as an operator in a hurry would."""
    for _ in range(chance.randint(1, 3)):
        try:
            with stage.operator.services.work():
                stage.operator.services.keys.rotate(force=True)
        except (Conflict, IdpError):
            return
        _pause(chance, 0.2, 2.5)


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────


def restart_postgres(stage: Stage, chance: random.Random) -> None:
    """Immediate shutdown and start: it recovers from its log."""
    assert stage.postgres is not None
    stage.postgres.kill()
    stage.postgres.start()


def kill_postgres(stage: Stage, chance: random.Random) -> None:
    """SIGKILL of all of it."""
    assert stage.postgres is not None
    stage.postgres.kill_9()
    _pause(chance, 0, 2)
    stage.postgres.start()


def stop_postgres(stage: Stage, chance: random.Random, seconds: float = 30) -> None:
    """Away for half a minute."""
    assert stage.postgres is not None
    stage.postgres.kill()
    time.sleep(seconds)
    stage.postgres.start()


def pause_postgres(stage: Stage, chance: random.Random) -> None:
    """SIGSTOP: connections stand and nothing answers."""
    assert stage.postgres is not None
    stage.postgres.pause()
    _pause(chance, 1, 6)
    stage.postgres.resume()


def exhaust_postgres(stage: Stage, chance: random.Random) -> None:
    """Somebody else has every connection, and the workers lose theirs."""
    assert stage.postgres is not None
    for proxy in _databases(stage):
        proxy.tear()
    with stage.postgres.exhausted():
        _pause(chance, 2, 5)


def cut_one_from_postgres(stage: Stage, chance: random.Random) -> None:
    """One worker's network: torn, or silent, or slow."""
    proxy = chance.choice(_databases(stage))
    fault = chance.choice((proxy.cut, proxy.hold, lambda: proxy.hold(up=False), lambda: proxy.slow(0.3)))
    with proxy.failing(fault):
        _pause(chance, 1, 5)


def _databases(stage: Stage) -> list[TcpProxy]:
    return [worker.database for worker in stage.workers if worker.database is not None]


# ── Redis ─────────────────────────────────────────────────────────────────────────────────────────


def restart_redis(stage: Stage, chance: random.Random) -> None:
    """Killed; empty when it comes back."""
    assert stage.redis is not None
    stage.redis.kill()
    _pause(chance, 0, 4)
    stage.redis.start()


def flush_redis(stage: Stage, chance: random.Random) -> None:
    """FLUSHALL, several times."""
    assert stage.redis is not None
    for _ in range(chance.randint(1, 8)):
        stage.redis.cli("FLUSHALL")
        _pause(chance, 0.05, 1)


def pause_redis(stage: Stage, chance: random.Random) -> None:
    """SIGSTOP: it comes back with everything it had, and with whatever was sent meanwhile."""
    assert stage.redis is not None
    with stage.redis.paused():
        _pause(chance, 1, 8)


def slow_redis(stage: Stage, chance: random.Random) -> None:
    """Slower than the budget, or just within it, for everybody."""
    seconds = chance.choice((0.03, 0.1, 0.5))
    for proxy in _redis(stage):
        proxy.slow(seconds)
    _pause(chance, 2, 5)
    _heal(_redis(stage))


def cut_one_from_redis(stage: Stage, chance: random.Random) -> None:
    """One worker's network: torn, silent, late; the others read on."""
    proxy = chance.choice(_redis(stage))
    with proxy.failing(chance.choice((proxy.cut, proxy.hold, lambda: proxy.hold(up=False), lambda: proxy.slow(0.4)))):
        _pause(chance, 1, 6)


def flap_redis(stage: Stage, chance: random.Random) -> None:
    """Now here, now gone, for each worker at its own times."""
    proxies = _redis(stage)
    for _ in range(chance.randint(4, 12)):
        proxy = chance.choice(proxies)
        chance.choice((proxy.cut, proxy.hold, proxy.heal, proxy.heal, proxy.tear))()
        _pause(chance, 0.1, 0.7)
    _heal(proxies)


def fill_redis(stage: Stage, chance: random.Random) -> None:
    """Out of memory: it reads and refuses to write."""
    assert stage.redis is not None
    stage.redis.cli("CONFIG", "SET", "maxmemory", "1")
    _pause(chance, 1, 5)
    stage.redis.cli("CONFIG", "SET", "maxmemory", "0")


def lose_primary(stage: Stage, chance: random.Random) -> None:
    """A primary of the Cluster dies; its replica is promoted; it comes back as a replica, empty."""
    assert stage.cluster is not None
    dead = chance.choice([one for one in stage.cluster.servers if one.info("replication")["role"] == "master"])
    dead.kill()
    _pause(chance, 3, 8)
    dead.start()


def _redis(stage: Stage) -> list[TcpProxy]:
    return [worker.redis for worker in stage.workers if worker.redis is not None]


def _heal(proxies: Sequence[TcpProxy]) -> None:
    for proxy in proxies:
        proxy.heal()


def kill_courier(stage: Stage, chance: random.Random) -> None:
    """kill -9 of ``idp worker``, and another one."""
    stage.stop_courier()
    _pause(chance, 0, 2)
    stage.start_courier()


# ── SQLite ────────────────────────────────────────────────────────────────────────────────────────


def hold_writer(stage: Stage, chance: random.Random) -> None:
    """Another program has the writer's lock, for longer than anybody may wait (F-30)."""
    with closing(sqlite3.connect(stage.sqlite_path, timeout=20, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _pause(chance, 1, 8)
        other.execute("ROLLBACK")


def fill_disk(stage: Stage, chance: random.Random) -> None:
    """Not a byte is left where the database lives (F-29)."""
    with stage.disk.full():
        _pause(chance, 1, 5)


WORKERS = (
    Injection("worker killed", kill_worker, 6),
    Injection("server killed", kill_server),
    Injection("all servers killed", kill_every_server, 1),
    Injection("server restarted", restart_server),
    Injection("worker frozen", freeze_worker),
    Injection("idp worker killed", kill_courier, 1),
    Injection("keys rotated", rotate_keys),
    Injection("clock of a worker shifted by a minute", shift_clock),
)
POSTGRES = (
    Injection("PostgreSQL restarted at once", restart_postgres),
    Injection("PostgreSQL killed", kill_postgres),
    Injection("PostgreSQL away for 30 s", stop_postgres, 1),
    Injection("PostgreSQL stopped by SIGSTOP", pause_postgres),
    Injection("PostgreSQL out of connections", exhaust_postgres),
    Injection("one worker cut off from PostgreSQL", cut_one_from_postgres, 3),
)
REDIS = (
    Injection("Redis killed, back empty", restart_redis, 3),
    Injection("FLUSHALL", flush_redis, 4),
    Injection("Redis stopped by SIGSTOP", pause_redis, 3),
    Injection("Redis slow", slow_redis, 3),
    Injection("one worker cut off from Redis", cut_one_from_redis, 5),
    Injection("Redis flapping", flap_redis, 3),
    Injection("Redis out of memory", fill_redis),
)
CLUSTER = (Injection("a primary of the Redis Cluster lost", lose_primary, 10),)
SQLITE = (
    Injection("clock of the machine shifted by a minute", shift_every_clock),
    Injection("writer's lock held by another program", hold_writer, 3),
    Injection("disk full", fill_disk, 3),
)
OF_KIND = {
    "sqlite": (*WORKERS[:-1], *SQLITE), "postgresql": (*WORKERS, *POSTGRES), "redis": (*WORKERS, *POSTGRES, *REDIS),
    "cluster": (*WORKERS[:2], *CLUSTER),
}  # fmt: skip


def fitting(stage: Stage) -> Sequence[Injection]:
    """Those that this stage can have."""
    return OF_KIND[stage.kind]
