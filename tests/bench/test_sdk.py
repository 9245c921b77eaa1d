"""The benchmark of the SDK: what it says about memory holds anywhere, what it says about time is its own."""

from __future__ import annotations

from tests.bench.sdk import ENTRIES, memory


def test_a_hundred_thousand_revocations_take_less_than_twenty_megabytes() -> None:
    entries = 20_000
    assert memory(entries) * ENTRIES / entries < 20
