"""Throttles: exact under parallel attempts, forgetting with time, and a refusal costs nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

from sqlalchemy import Engine

from idp.domain.ports import Stores
from idp.domain.throttle import Brake
from idp.paths import ROOT

from ..builders import NOW
from .attempts import PLACE
from .people import race

ACCOUNT = Brake(b"account", 3, 60)


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


def test_across_processes(engine: Engine) -> None:
    """Two processes of ten attempts each share one limit."""
    command = [sys.executable, "-m", "tests.storage.attempts", engine.url.render_as_string(hide_password=False)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    assert sum(int(process.communicate(timeout=100)[0]) for process in processes) == PLACE.limit
