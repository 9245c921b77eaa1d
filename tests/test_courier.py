"""Many at a time, and nobody starved by those who do not answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from idp.courier import Courier
from idp.domain.outbox import OutboxMessage, Search
from idp.domain.ports import Stores
from idp.errors import Unavailable
from idp.services.deliveries import Deliveries, DeliveryFailed, Handler

from .builders import a_message

PATIENCE_SECONDS = 60.0


class Receivers:
    """Those in ``dead`` hold whoever comes until it is over, and then fail."""

    def __init__(self, *dead: str) -> None:
        self.dead = set(dead)
        self.over = threading.Event()
        self.at_once: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.got: list[OutboxMessage] = []
        self._lock = threading.Lock()

    def send(self, message: OutboxMessage) -> None:
        with self._lock:
            self.at_once[message.lane] += 1
            self.at_once["all"] += 1
            for lane in (message.lane, "all"):
                self.most[lane] = max(self.most[lane], self.at_once[lane])
        try:
            if message.lane in self.dead:
                self.over.wait(PATIENCE_SECONDS)
                raise DeliveryFailed("no answer")
            time.sleep(0.01)
            with self._lock:
                self.got.append(message)
        finally:
            with self._lock:
                self.at_once[message.lane] -= 1
                self.at_once["all"] -= 1


def notices(*lanes: str) -> list[OutboxMessage]:
    return [a_message(kind="backchannel_logout", client_id=lane) for lane in lanes]


def delivering(stores: Stores, receivers: Receivers) -> Deliveries:
    kinds = ("backchannel_logout", "mail", "tombstone")
    return Deliveries(stores, dict.fromkeys(kinds, Handler(send=receivers.send)))


@contextmanager
def at_work(courier: Courier) -> Iterator[threading.Event]:
    """It runs; it has ended afterwards."""
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def soon(enough: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not enough():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_everything_due_is_delivered_once(stores: Stores) -> None:
    receivers = Receivers()
    messages = notices(*(f"app {number % 7}" for number in range(40)))
    stores.outbox.put(messages)
    Courier(delivering(stores, receivers), 6).drain(threading.Event())
    assert sorted(message.id for message in receivers.got) == sorted(message.id for message in messages)
    assert receivers.most["all"] <= 6


def test_the_dead_have_half_at_most(stores: Stores) -> None:
    """Three receivers that never answer, with long queues due before anybody else's."""
    receivers = Receivers("dead 1", "dead 2", "dead 3")
    stores.outbox.put(notices(*(["dead 1", "dead 2", "dead 3"] * 20)))
    courier = Courier(delivering(stores, receivers), 4)
    courier._quick["well"] = None  # as after its first answer
    with at_work(courier):
        soon(lambda: receivers.at_once["all"] == 2)
        stores.outbox.put(notices(*(["well"] * 30)))
        soon(lambda: len(receivers.got) == 30)
        assert receivers.at_once["all"] == 2
        assert max(receivers.most[lane] for lane in receivers.dead) == 1, "one at a time"
        receivers.over.set()


def test_mails_and_tombstones_wait_for_no_notice(stores: Stores) -> None:
    """Every thread is held by receivers that were quick until now."""
    receivers = Receivers("app 1", "app 2", "app 3", "app 4")
    stores.outbox.put(notices(*sorted(receivers.dead) * 5))
    courier = Courier(delivering(stores, receivers), 4)
    courier._quick |= dict.fromkeys(receivers.dead)
    with at_work(courier):
        soon(lambda: receivers.at_once["all"] == 4)
        stores.outbox.put([a_message(kind=kind) for kind in ("mail", "tombstone") * 3])
        soon(lambda: len(receivers.got) == 6)
        assert receivers.at_once["all"] == 4
        receivers.over.set()


def test_whoever_answers_quickly_is_known_for_it(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one that does not, or is slow about it."""
    receivers = Receivers("flaky")
    receivers.over.set()
    courier = Courier(delivering(stores, receivers), 4)
    for dead, patience, quick in (("flaky", 60.0, {"app"}), ("", 60.0, {"app", "flaky"}), ("", 0.001, set())):
        receivers.dead = {dead}
        monkeypatch.setattr("idp.courier.QUICK_SECONDS", patience)
        stores.outbox.put([*notices("flaky", "app"), a_message(kind="mail")])
        courier.drain(threading.Event())
        assert set(courier._quick) == quick


def test_only_so_many_are_remembered(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.courier._REMEMBERED", 3)
    monkeypatch.setattr("idp.courier.QUICK_SECONDS", 60.0)
    receivers = Receivers()
    stores.outbox.put(notices(*(f"app {number}" for number in range(10))))
    courier = Courier(delivering(stores, receivers), 4)
    courier.drain(threading.Event())
    assert len(receivers.got) == 10
    assert len(courier._quick) == 3


def test_what_is_under_way_comes_to_its_end(stores: Stores) -> None:
    receivers = Receivers("slow")
    stores.outbox.put(notices("slow"))
    with at_work(Courier(delivering(stores, receivers), 2)) as stop:
        soon(lambda: receivers.at_once["slow"] == 1)
        stop.set()
        time.sleep(0.1)
        receivers.over.set()
    (message,) = stores.outbox.list(Search(), 2)
    assert message.last_error == "no answer", "its outcome was written"


@pytest.mark.promise("I12")
def test_a_database_that_is_away_for_a_while(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the loop nor a message is lost; what was sent and not written down is sent again."""
    receivers, outbox = Receivers(), type(stores.outbox)
    right, failures = outbox.delivered, [Unavailable("away"), Unavailable("away")]

    def fails(self: object, message: OutboxMessage, now: object) -> None:
        if failures:
            raise failures.pop()
        right(self, message, now)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "delivered", fails)
    monkeypatch.setattr("idp.services.deliveries.LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr("idp.services.deliveries.MARGIN", timedelta(0))
    stores.outbox.put(notices("photos", "wiki"))
    with at_work(Courier(delivering(stores, receivers), 4)):
        soon(lambda: not stores.outbox.pending(1))
    assert len(receivers.got) == 4
    assert len({message.id for message in receivers.got}) == 2
