"""What proves freshness: a sign in time, on a connection whose ordinary delay is known."""

from __future__ import annotations

import pytest

from idp.resource_server.freshness import Lateness

BOUND = 0.25
SERVER = 9000.0  # the server's clock has nothing to do with ours


def late(*signs: tuple[float, float]) -> list[bool]:
    """Each sign is when it was sent and how long it took, in seconds after we asked at 100."""
    lateness = Lateness(BOUND, asked=100.0)
    return [lateness.read_at(100.0 + sent + delay, SERVER + sent) is None for sent, delay in signs]


def test_ordinary_delay_is_no_lateness() -> None:
    assert late((0.1, 0.2), (0.2, 0.2), (0.3, 0.21), (0.4, 0.2)) == [False] * 4


def test_what_stood_in_a_buffer_proves_nothing() -> None:
    assert late((0.1, 0.01), (0.2, 0.25), (0.3, 0.27), (0.4, 2.0), (2.5, 0.01)) == [False, False, True, True, False]


def test_the_smallest_delay_counts_even_if_it_comes_later() -> None:
    assert late((0.1, 0.3), (0.5, 0.3), (0.9, 0.01), (1.3, 0.3)) == [False, False, False, True]


def test_without_an_early_first_sign_nothing_is_known() -> None:
    """A relay that delays all alike, or a buffer let go at once."""
    assert late((0.1, 0.5), (0.2, 0.4), (0.3, 0.3), (5.0, 0.5)) == [True] * 4
    assert late((0.1, 5.0), (5.0, 0.1)) == [True, True]


def test_clocks_that_drift_apart_become_late_and_not_wrong() -> None:
    lateness = Lateness(BOUND, asked=0.0)
    assert lateness.read_at(0.1, SERVER) is not None
    assert lateness.read_at(1000.1, SERVER + 999.9) is not None
    assert lateness.read_at(2000.1, SERVER + 1999.7) is None


def test_a_sign_is_believed_from_the_reading_and_not_from_its_receipt() -> None:
    lateness = Lateness(BOUND, asked=100.0)
    assert lateness.read_at(100.01, SERVER) == pytest.approx(100.01)
    assert lateness.read_at(101.21, SERVER + 1.0) == pytest.approx(101.01)  # 200 ms in a buffer: 50 ms are left
