"""What comes of a claimed message, and when it is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from idp.domain.outbox import MessageState, OutboxMessage, Schedule, Search
from idp.domain.ports import Stores
from idp.errors import NotFound
from idp.services.deliveries import LEASE, Deliveries, DeliveryFailed, Handler, Outbox, Undeliverable, tombstones

from ..builders import NOW, a_message

SECOND = timedelta(seconds=1)


class StandingClock:
    """Moves when told to."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class Receiver:
    """Answers as it is told, and remembers."""

    def __init__(self) -> None:
        self.answers: Exception | None = None
        self.got: list[OutboxMessage] = []

    def send(self, message: OutboxMessage) -> None:
        self.got.append(message)
        if self.answers is not None:
            raise self.answers


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def outbox(stores: Stores, clock: StandingClock) -> Stores:
    """The stores, at a time that stands."""
    return replace(stores, clock=clock)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def deliveries_of(stores: Stores, receiver: Receiver, **options: object) -> Deliveries:
    return Deliveries(stores, {"mail": Handler(send=receiver.send, **options)})  # type: ignore[arg-type]


def one(deliveries: Deliveries) -> OutboxMessage:
    (message,) = deliveries.claim(10, 10, lanes=(), only=False)
    return message


def kept(stores: Stores) -> OutboxMessage:
    (message,) = stores.outbox.list(Search(), 2)
    return message


def test_delivered(outbox: Stores, receiver: Receiver) -> None:
    outbox.outbox.put([a_message()])
    deliveries = deliveries_of(outbox, receiver)
    assert deliveries.due()
    assert deliveries.deliver(one(deliveries))
    assert kept(outbox).state is MessageState.DELIVERED
    assert not deliveries.due()


def test_what_nobody_will_ask_about_is_forgotten(outbox: Stores, receiver: Receiver) -> None:
    outbox.outbox.put([a_message()])
    deliveries = deliveries_of(outbox, receiver, kept=False)
    deliveries.deliver(one(deliveries))
    assert outbox.outbox.list(Search(), 1) == ()


def test_failed_and_tried_again_later(outbox: Stores, receiver: Receiver, clock: StandingClock) -> None:
    outbox.outbox.put([a_message()])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), DeliveryFailed("status 503")
    assert not deliveries.deliver(one(deliveries)), "whoever is to get it is not well"
    message = kept(outbox)
    assert (message.state, message.attempts, message.last_error) == (MessageState.WAITING, 1, "status 503")
    assert 4 * SECOND <= message.due_at - NOW <= 6 * SECOND
    clock.at = message.due_at
    receiver.answers = None
    assert deliveries.deliver(one(deliveries))
    assert kept(outbox).state is MessageState.DELIVERED
    assert len({message.id for message in receiver.got}) == 1


def test_refused_three_times_is_enough(outbox: Stores, receiver: Receiver, clock: StandingClock) -> None:
    outbox.outbox.put([a_message()])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), DeliveryFailed("status 400", refused=True)
    for _ in range(3):
        deliveries.deliver(one(deliveries))
        clock.at += timedelta(hours=1)
    assert (kept(outbox).state, kept(outbox).last_error) == (MessageState.GAVE_UP, "status 400")
    assert not deliveries.due()


def test_what_cannot_be_is_closed_at_once(outbox: Stores, receiver: Receiver) -> None:
    outbox.outbox.put([a_message()])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), Undeliverable("there is nobody to write to")
    assert deliveries.deliver(one(deliveries)), "which says nothing about the mail server"
    assert kept(outbox).state is MessageState.GAVE_UP


def test_giving_a_notice_up_is_a_security_event(
    outbox: Stores, receiver: Receiver, clock: StandingClock
) -> None:  # fmt: skip
    ada, session = uuid4(), uuid4()
    message = a_message(user_id=ada, client_id="photos", session_id=session)
    outbox.outbox.put([message])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), DeliveryFailed("no\nroute", refused=True)
    for attempt in range(3):
        assert outbox.events.of_user(ada, 9) == (), attempt
        deliveries.deliver(one(deliveries))
        clock.at += timedelta(hours=1)
    (event,) = outbox.events.of_user(ada, 9)
    assert (event.kind, event.actor, event.client_id, event.session_id) == (
        "notice.given_up",
        "system",
        "photos",
        session,
    )
    assert event.details == {"message_id": str(message.id), "kind": "mail", "attempts": 3}


def test_whoever_was_overtaken_gives_nothing_up_and_records_nothing(outbox: Stores, receiver: Receiver) -> None:
    message = a_message(user_id=uuid4())
    outbox.outbox.put([message])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), Undeliverable("there is nobody to write to")
    claimed = one(deliveries)
    deliveries.deliver(replace(claimed, attempts=claimed.attempts - 1))
    assert kept(outbox).state is MessageState.WAITING
    assert message.user_id is not None
    assert outbox.events.of_user(message.user_id, 9) == ()


@pytest.mark.promise("I12")
def test_even_after_a_week_without_a_worker_some_attempts_are_made(
    outbox: Stores, receiver: Receiver, clock: StandingClock
) -> None:
    outbox.outbox.put([a_message()])
    clock.at += timedelta(days=7)
    deliveries, receiver.answers = deliveries_of(outbox, receiver), DeliveryFailed("status 503")
    for _ in range(3):
        deliveries.deliver(one(deliveries))
        clock.at += timedelta(hours=2)
    assert len(receiver.got) == 3
    assert kept(outbox).state is MessageState.GAVE_UP


def test_a_handler_that_breaks_is_a_failure_like_any_other(outbox: Stores, receiver: Receiver) -> None:
    outbox.outbox.put([a_message()])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), KeyError("sid")
    assert not deliveries.deliver(one(deliveries))
    assert (kept(outbox).state, kept(outbox).last_error) == (MessageState.WAITING, "KeyError")


def test_nothing_is_begun_on_the_end_of_a_lease(outbox: Stores, receiver: Receiver, clock: StandingClock) -> None:
    """A worker that slept: by the time it is done, another might be sending the same."""
    outbox.outbox.put([a_message()])
    deliveries = deliveries_of(outbox, receiver)
    message = one(deliveries)
    clock.at += LEASE - 10 * SECOND
    deliveries.deliver(message)
    assert receiver.got == []
    assert kept(outbox).attempts == 0
    assert deliveries.due()


def test_a_kind_of_a_newer_version_waits_for_one(outbox: Stores, receiver: Receiver) -> None:
    outbox.outbox.put([a_message(kind="sms")])
    deliveries = deliveries_of(outbox, receiver)
    assert deliveries.deliver(one(deliveries))
    assert (kept(outbox).state, kept(outbox).last_error) == (MessageState.WAITING, "no handler for sms")


def test_pauses_grow_to_an_hour_and_never_march_in_step() -> None:
    schedule = Schedule()
    pauses = [schedule.pause(attempts, 0.5).total_seconds() for attempts in range(1, 9)]
    assert pauses == [5, 15, 45, 135, 405, 1215, 3600, 3600]
    assert schedule.pause(1, 0.0) == 4 * SECOND
    assert schedule.pause(1000, 1.0) == 1.2 * timedelta(hours=1)


# ── operators ─────────────────────────────────────────────────────────────────────────────────────


def test_an_operator_tries_again(outbox: Stores, receiver: Receiver) -> None:
    message = a_message()
    outbox.outbox.put([message])
    deliveries, receiver.answers = deliveries_of(outbox, receiver), Undeliverable("no mail server")
    deliveries.deliver(one(deliveries))
    operator = Outbox(outbox)
    assert operator.retry(Search(id=message.id)) == 1
    assert one(deliveries).attempts == 1
    assert operator.retry(Search(id=message.id)) == 0, "a worker has it"
    with pytest.raises(NotFound):
        operator.retry(Search(id=uuid4()))


# ── marks in the hot copy ─────────────────────────────────────────────────────────────────────────


class Marks:
    """``ports.Tombstones`` whose servers confirm or not."""

    settle_seconds = 2.75

    def __init__(self) -> None:
        self.confirms = False
        self.written: list[object] = []

    def write(self, sids: object) -> bool:
        self.written.append(sids)
        return self.confirms

    def unsettled_for(self, sids: object) -> float:
        return 0.0


def test_marks_are_written_again_until_they_are_confirmed(outbox: Stores, clock: StandingClock) -> None:
    sids = [uuid4(), uuid4()]
    outbox.outbox.put([a_message(kind="tombstone", payload={"sids": [str(sid) for sid in sids]})])
    marks = Marks()
    stores = replace(outbox, tombstones=marks)
    deliveries = Deliveries(stores, {"tombstone": tombstones(stores, 900)})
    for confirms in (False, False, True):
        marks.confirms = confirms
        deliveries.deliver(one(deliveries))
        clock.at += 6 * SECOND
    assert marks.written == [sids] * 3
    assert outbox.outbox.list(Search(), 1) == ()


def test_marks_that_nobody_can_need_any_more_are_given_up(outbox: Stores, clock: StandingClock) -> None:
    """And are no event: nobody was to be told."""
    ada = uuid4()
    outbox.outbox.put([a_message(kind="tombstone", user_id=ada, payload={"sids": [str(uuid4())]})])
    stores = replace(outbox, tombstones=Marks())
    deliveries = Deliveries(stores, {"tombstone": tombstones(stores, 900)})
    clock.at += timedelta(seconds=955)
    deliveries.deliver(one(deliveries))
    assert kept(outbox).state is MessageState.WAITING
    clock.at += timedelta(seconds=10)
    deliveries.deliver(one(deliveries))
    assert kept(outbox).state is MessageState.GAVE_UP
    assert outbox.events.of_user(ada, 9) == ()
