"""The breaker: after three failures in a row one probe a second, and closed by the first answer."""

from __future__ import annotations

import pytest

from idp.storage import breaker as module
from idp.storage.breaker import FAILURES, PAUSE_SECONDS, Breaker

from .people import race


class Hands:
    """A clock moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(module, "monotonic", hands)
    return hands


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def breaker(hands: Hands, told: list[bool]) -> Breaker:
    return Breaker("redis", told.append)


def broken(breaker: Breaker) -> Breaker:
    for _ in range(FAILURES):
        breaker.failed()
    return breaker


def test_a_few_failures_open_it(breaker: Breaker, told: list[bool]) -> None:
    for _ in range(FAILURES - 1):
        breaker.failed()
        assert breaker.allows()
    breaker.failed()
    assert (breaker.open, breaker.allows(), told) == (True, False, [True])


def test_failures_that_are_not_in_a_row_do_not(breaker: Breaker) -> None:
    for _ in range(10):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert not breaker.open


def test_one_probe_at_a_time(breaker: Breaker, hands: Hands) -> None:
    broken(breaker)
    hands.now += PAUSE_SECONDS
    assert race(16, lambda _number: breaker.allows()).count(True) == 1
    hands.now += PAUSE_SECONDS
    assert breaker.allows()
    assert not breaker.allows()


def test_an_answer_closes_it(breaker: Breaker, hands: Hands, told: list[bool]) -> None:
    broken(breaker)
    hands.now += PAUSE_SECONDS
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert breaker.allows()
    assert told == [True, False]


def test_it_is_told_once(breaker: Breaker, told: list[bool]) -> None:
    broken(broken(breaker))
    breaker.succeeded()
    breaker.succeeded()
    assert told == [True, False]
