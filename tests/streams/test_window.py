"""The window: what it promises of every place, and what it forgets."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from idp.streams.window import Window

from ..builders import NOW
from .in_memory import Log

HOUR = 3600.0


def filled(count: int, limit: int = 100) -> tuple[Window, Log]:
    log, window = Log(), Window(limit)
    log.end(*(f"sid {number}" for number in range(1, count + 1)))
    window.extend(log.page(0, 1000))
    return window, log


def numbers(entries: tuple[str, ...]) -> list[int]:
    return [json.loads(entry)["seq"] for entry in entries]


def test_what_follows_a_place() -> None:
    window, _log = filled(5)
    part = window.after(2, 10)
    assert part is not None
    assert (part.head, part.more, numbers(part.entries)) == (5, False, [3, 4, 5])


def test_a_part_that_is_cut_off_says_where() -> None:
    window, _log = filled(5)
    part = window.after(0, 2)
    assert part is not None
    assert (part.head, part.more, numbers(part.entries)) == (2, True, [1, 2])


def test_a_place_ahead_of_it_has_nothing_yet_and_moves_nobody_back() -> None:
    """A page from storage may be newer than the last reading."""
    window, _log = filled(5)
    part = window.after(7, 10)
    assert part is not None
    assert (part.head, part.entries) == (7, ())


def test_too_much_is_forgotten_from_below_and_the_floor_says_so() -> None:
    window, _log = filled(10, limit=4)
    window.trim(0.0)
    assert (len(window), window.floor) == (4, 6)
    assert window.after(5, 10) is None
    part = window.after(6, 10)
    assert part is not None
    assert numbers(part.entries) == [7, 8, 9, 10]


def test_what_no_token_needs_is_forgotten_and_the_floor_stays() -> None:
    window, log = filled(3)
    log.end("later", at=NOW + timedelta(hours=2))
    window.extend(log.page(3, 1000))
    window.trim((NOW + timedelta(hours=2)).timestamp())
    part = window.after(0, 10)
    assert part is not None
    assert (window.floor, numbers(part.entries)) == (0, [4])


def test_a_clock_that_runs_ahead_hides_nothing_new() -> None:
    window, _log = filled(3)
    window.trim((NOW + timedelta(days=1)).timestamp())
    assert len(window) == 3


@given(st.lists(st.integers(0, 7), max_size=20), st.integers(1, 12), st.data())
def test_whoever_moves_by_what_is_given_gets_everything_once(sizes: list[int], limit: int, data: st.DataObject) -> None:
    """From any place, in parts of any size, while the log grows and the window forgets."""
    log, window, place, seen = Log(), Window(limit), 0, []
    for size in sizes:
        log.end(*(str(number) for number in range(size)))
        window.extend(log.page(window.head, 1000))
        window.trim(0.0)
        if data.draw(st.booleans()):
            part = window.after(place, data.draw(st.integers(1, 5)))
            if part is None:  # further back than the window: storage has it
                page = log.page(place, 3)
                seen += [entry.seq for entry in page.entries]
                place = page.head
            else:
                seen += numbers(part.entries)
                place = part.head
    while place < log.last:
        page = log.page(place, 100)
        seen += [entry.seq for entry in page.entries]
        place = page.head
    assert seen == list(range(1, log.last + 1))
