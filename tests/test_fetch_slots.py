"""Slots of fetches: what a stranger can cause takes none of those for the keys of clients that an operator knows."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from idp import fetch_slots
from idp.fetch_slots import NoSlot, Purpose, slot

STRANGERS = [purpose for purpose in Purpose if purpose is not Purpose.KEYS]


def test_keys_have_slots_of_their_own() -> None:
    with ExitStack() as held:
        for purpose in (Purpose.REQUEST_OBJECT, Purpose.CLIENT_DOCUMENT):
            held.enter_context(slot(purpose))
        held.enter_context(slot(Purpose.KEYS))
        held.enter_context(slot(Purpose.KEYS))


@pytest.mark.parametrize("purpose", STRANGERS)
def test_of_each_thing_that_strangers_cause_one_goes_at_a_time(purpose: Purpose) -> None:
    with slot(purpose), pytest.raises(NoSlot), slot(purpose):
        pass
    with slot(purpose):
        pass


def test_strangers_hold_two_of_our_threads_and_no_more() -> None:
    with slot(STRANGERS[0]), slot(STRANGERS[1]):
        for _ in range(2):
            with pytest.raises(NoSlot), slot(STRANGERS[2]):
                pass
    with slot(STRANGERS[2]), slot(STRANGERS[3]):
        pass


def test_keys_are_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(slot(Purpose.KEYS))
        monkeypatch.setattr(fetch_slots, "PATIENCE_SECONDS", 0.01)
        with pytest.raises(NoSlot), slot(Purpose.KEYS):
            pass
        monkeypatch.setattr(fetch_slots, "PATIENCE_SECONDS", 30.0)
        threading.Timer(0.05, held.pop_all().close).start()
        with slot(Purpose.KEYS):
            pass
