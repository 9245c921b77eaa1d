"""What is done to a stage while it is under load: each injection breaks one thing and mends it again."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable
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
SQLITE = (
    Injection("writer's lock held by another program", hold_writer, 3),
    Injection("disk full", fill_disk, 3),
)


def fitting(stage: Stage) -> list[Injection]:
    """Those that this stage can have."""
    return [*WORKERS, *(SQLITE if stage.kind == "sqlite" else POSTGRES)]
