"""The feed: a reading is a reading, and what fails is none."""

from __future__ import annotations

import asyncio

import pytest

from idp.streams import feed as feeds
from idp.streams.feed import EVERY, LONGEST_PAUSE, Feed, Reading
from idp.streams.window import Window

from .in_memory import Hand, Log


class Listener:
    """A feed over a log in memory, and what it has said."""

    def __init__(self, log: Log) -> None:
        self.clock = Hand()
        self.window = Window()
        self.readings: list[Reading] = []
        self.feed = Feed(log, self.clock, self.window, self.readings.append, self.clock.monotonic)

    def rounds(self, count: int = 1) -> list[float]:
        """So many rounds; the pauses after them."""

        async def go() -> list[float]:
            return [await self.feed.round() for _ in range(count)]

        return asyncio.run(go())


def test_the_first_rounds_read_all_there_is() -> None:
    log = Log()
    log.end("a", "b")
    listener = Listener(log)
    assert listener.rounds(2) == [0.0, pytest.approx(EVERY)]
    [reading] = listener.readings
    assert [entry.value for entry in reading.entries] == ["a", "b"]
    assert reading.complete
    assert reading.news
    assert listener.window.head == 2


def test_nothing_new_is_a_reading_too() -> None:
    listener = Listener(Log())
    listener.rounds(3)
    assert [(reading.complete, reading.news) for reading in listener.readings] == [(True, False), (True, False)]


def test_a_long_log_is_complete_when_all_of_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only then is it news: who is woken before would stand at a place that proves nothing."""
    monkeypatch.setattr(feeds, "BATCH", 2)
    log = Log()
    log.end(*"abcde")
    listener = Listener(log)
    assert listener.rounds(4)[:3] == [0.0, 0.0, 0.0], "no pause until it has caught up"
    assert [reading.complete for reading in listener.readings] == [False, False, True]
    assert listener.readings[-1].news
    listener.rounds()
    assert not listener.readings[-1].news


def test_a_full_window_is_where_a_very_long_log_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LIMIT", 3)
    log = Log()
    log.end(*"abcdefgh")
    listener = Listener(log)
    listener.rounds(2)
    assert (listener.window.floor, len(listener.window)) == (5, 3)


@pytest.mark.promise("P5")
def test_a_log_that_cannot_be_read_makes_no_reading_and_longer_pauses() -> None:
    log = Log()
    listener = Listener(log)
    listener.rounds(2)
    log.down = True
    pauses = listener.rounds(12)
    assert len(listener.readings) == 1
    assert pauses == sorted(pauses)
    assert pauses[0] > EVERY
    assert pauses[-1] == LONGEST_PAUSE
    log.down = False
    log.end("a")
    assert listener.rounds() == [pytest.approx(EVERY)]
    assert [entry.value for entry in listener.readings[-1].entries] == ["a"]


def test_a_restored_log_is_read_anew() -> None:
    """Its head is below what was read: other entries will get these numbers."""
    log = Log()
    log.end(*"abc")
    listener = Listener(log)
    listener.rounds(2)
    log.entries, log.last = log.entries[:1], 1
    listener.rounds(3)
    assert listener.readings[1].restored
    assert not listener.readings[1].complete
    assert (listener.window.head, len(listener.window)) == (1, 1)
    assert not listener.readings[-1].restored
