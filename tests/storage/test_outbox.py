"""The outbox: claims are leases, outcomes are fenced, lanes take turns."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from idp.domain.outbox import Backlog, MessageState, OutboxMessage, Search
from idp.domain.ports import Stores

from ..builders import NOW, a_client, a_message
from .people import race

SECOND = timedelta(seconds=1)
LEASE = NOW + timedelta(minutes=1)


def a_notice(client_id: str = "photos", **members: object) -> OutboxMessage:
    """A back-channel logout notice for a client."""
    return a_message(kind="backchannel_logout", client_id=client_id, **members)


def claim(
    stores: Stores, now: datetime = NOW, *, limit: int = 10, share: int = 10, lanes: tuple[str, ...] = (),
    only: bool = False,
) -> list[OutboxMessage]:  # fmt: skip
    return list(stores.outbox.claim(now, now + timedelta(minutes=1), limit, share, lanes=lanes, only=only))


def kept(stores: Stores, message: OutboxMessage) -> OutboxMessage:
    """As the row is now."""
    (found,) = stores.outbox.list(Search(id=message.id), 2)
    return found


# ── claims ────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_comes_back_as_it_was(stores: Stores) -> None:
    later = a_message(due_at=NOW + SECOND)
    now = a_notice(payload={"sid": "s", "n": [1]}, sid=uuid4(), user_id=uuid4(), session_id=uuid4())
    stores.outbox.put([later, now])
    stores.outbox.put([])
    assert stores.outbox.pending(10) == (now, later)
    assert stores.outbox.pending(1) == (now,)


@pytest.mark.promise("P2")
def test_a_message_shares_the_fate_of_its_transaction(stores: Stores) -> None:
    def fails() -> None:
        with stores.work():
            stores.outbox.put([a_message()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert stores.outbox.pending(10) == ()


def test_a_claim_is_a_lease(stores: Stores) -> None:
    message, later = a_message(), a_message(due_at=NOW + SECOND)
    stores.outbox.put([message, later])
    assert stores.outbox.due(NOW)
    assert claim(stores) == [replace(message, attempts=1, claimed_until=LEASE)]
    assert not stores.outbox.due(NOW)
    assert claim(stores) == []
    assert claim(stores, LEASE - SECOND) == [replace(later, attempts=1, claimed_until=LEASE + 59 * SECOND)]
    assert claim(stores, LEASE) == [replace(message, attempts=2, claimed_until=LEASE + 60 * SECOND)]


def test_longest_due_first_and_no_more_than_asked_for(stores: Stores) -> None:
    messages = [a_message(due_at=NOW - number * SECOND) for number in range(5)]
    stores.outbox.put(messages)
    assert [message.id for message in claim(stores, limit=2)] == [messages[4].id, messages[3].id]


def test_lanes_take_turns(stores: Stores) -> None:
    """A hundred for one receiver, due for long, do not delay the one for another."""
    stores.outbox.put([a_notice("dead", due_at=NOW - timedelta(hours=1)) for _ in range(100)])
    stores.outbox.put([a_notice("photos"), a_message()])
    assert Counter(message.lane for message in claim(stores, limit=4)) == {"dead": 2, "photos": 1, "mail": 1}
    assert Counter(message.lane for message in claim(stores, share=3)) == {"dead": 3}


def test_some_lanes_or_every_other(stores: Stores) -> None:
    stores.outbox.put([a_notice("dead"), a_notice("photos"), a_message()])
    assert {message.lane for message in claim(stores, lanes=("dead", "mail"))} == {"photos"}
    assert claim(stores, only=True) == []
    assert {message.lane for message in claim(stores, lanes=("dead",), only=True)} == {"dead"}
    assert {message.lane for message in claim(stores)} == {"mail"}


def test_two_workers_never_hold_the_same_message(stores: Stores) -> None:
    """Eight claim side by side until nothing is left; every message went to one of them."""
    stores.outbox.put([a_notice(f"app {number % 3}") for number in range(60)])

    def work(_number: int) -> list[UUID]:
        mine: list[UUID] = []
        while stores.outbox.due(NOW):
            mine += [message.id for message in claim(stores, limit=3)]
        return mine

    held = [name for mine in race(8, work) for name in mine]
    assert len(held) == len(set(held)) == 60


def test_a_claim_waits_for_no_other(stores: Stores) -> None:
    """A worker that stops in the middle of its claim delays nobody on PostgreSQL; SQLite has one writer."""
    stores.outbox.put([a_message() for _ in range(2)])
    claimed, go_on = threading.Event(), threading.Event()
    held: list[OutboxMessage] = []

    def stopped() -> None:
        with stores.work():
            held.extend(claim(stores, limit=1))
            claimed.set()
            go_on.wait(20)

    worker = threading.Thread(target=stopped)
    worker.start()
    assert claimed.wait(20)
    timer = threading.Timer(1, go_on.set)
    timer.start()
    (mine,) = claim(stores, limit=1)
    go_on.set()
    worker.join()
    timer.cancel()
    assert mine.id != held[0].id


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────────


def test_delivered(stores: Stores) -> None:
    stores.outbox.put([a_message()])
    (message,) = claim(stores)
    stores.outbox.delivered(message, NOW)
    assert kept(stores, message).state is MessageState.DELIVERED
    assert claim(stores, LEASE) == []
    stores.outbox.forget(message)
    assert stores.outbox.list(Search(), 10) == ()


def test_postponed_and_given_up(stores: Stores) -> None:
    stores.outbox.put([a_message()])
    (first,) = claim(stores)
    assert stores.outbox.postpone(first, NOW + SECOND, "status 500\x00\nof\ud800 a stranger" + "x" * 1000)
    assert kept(stores, first).last_error == ("status 500  of  a stranger" + "x" * 1000)[:300]
    assert claim(stores) == []
    (second,) = claim(stores, NOW + SECOND)
    assert second.attempts == 2
    assert stores.outbox.give_up(second, NOW, "status 500")
    assert kept(stores, second).state is MessageState.GAVE_UP
    assert not stores.outbox.due(LEASE + timedelta(days=1))


def test_released_as_if_never_claimed(stores: Stores) -> None:
    message = a_message()
    stores.outbox.put([message])
    (claimed,) = claim(stores)
    assert stores.outbox.release(claimed)
    assert not stores.outbox.release(claimed)
    assert kept(stores, message) == message


def test_an_overtaken_claim_changes_nothing(stores: Stores) -> None:
    """Its worker slept past the lease; another has the message now. But what has arrived has arrived."""
    stores.outbox.put([a_message()])
    (late,) = claim(stores)
    (current,) = claim(stores, LEASE)
    assert not stores.outbox.postpone(late, LEASE, "late")
    assert not stores.outbox.give_up(late, LEASE, "late")
    assert not stores.outbox.release(late)
    assert kept(stores, current) == current
    stores.outbox.delivered(late, LEASE)
    assert not stores.outbox.postpone(current, LEASE, "status 500")
    assert kept(stores, current).state is MessageState.DELIVERED


# ── questions ─────────────────────────────────────────────────────────────────────────────────────


def test_searching_and_trying_again(stores: Stores) -> None:
    ada, sid = uuid4(), uuid4()
    given_up, waiting = a_notice("photos", user_id=ada, sid=sid), a_notice("mail", created_at=NOW + SECOND)
    stores.outbox.put([given_up])
    stores.outbox.give_up(claim(stores)[0], NOW, "status 400")
    stores.outbox.put([waiting])
    everything = stores.outbox.list(Search(), 10)
    assert [message.id for message in everything] == [waiting.id, given_up.id]
    for search in (
        Search(state=MessageState.GAVE_UP), Search(user_id=ada), Search(client_id="photos"), Search(sid=sid),
        Search(kind="backchannel_logout", id=given_up.id),
    ):  # fmt: skip
        assert [message.id for message in stores.outbox.list(search, 10)] == [given_up.id]
    assert stores.outbox.list(Search(state=MessageState.DELIVERED), 10) == ()
    assert stores.outbox.retry(Search(client_id="photos"), NOW + SECOND) == 1
    again = kept(stores, given_up)
    assert (again.state, again.attempts, again.due_at) == (MessageState.WAITING, 0, NOW + SECOND)
    claimed = claim(stores, NOW + SECOND)
    assert stores.outbox.retry(Search(), NOW + 2 * SECOND) == 0, "a worker holds them"
    stores.outbox.delivered(claimed[0], NOW)
    assert stores.outbox.retry(Search(id=claimed[0].id), LEASE + timedelta(hours=1)) == 0, "it has arrived"


def test_who_was_told_of_a_persons_sign_outs(stores: Stores) -> None:
    ada, session, app = uuid4(), uuid4(), a_client(client_name="Photos")
    stores.clients.add(app)
    told = a_notice(app.client_id, user_id=ada, session_id=session, created_at=NOW + SECOND)
    gone = a_notice("deleted", user_id=ada, session_id=session)
    others = a_notice(app.client_id, user_id=uuid4(), session_id=session)
    old = a_notice(app.client_id, user_id=ada, session_id=session, created_at=NOW - SECOND)
    stores.outbox.put([told, gone, others, old, a_message(user_id=ada, session_id=session)])
    stores.outbox.delivered(told, NOW)
    first, second = stores.outbox.tellings(ada, NOW)
    assert (first.client_name, first.state, first.session_id) == ("Photos", MessageState.DELIVERED, session)
    assert (second.client_id, second.client_name, second.state) == ("deleted", None, MessageState.WAITING)


def test_the_backlog(stores: Stores) -> None:
    assert list(stores.outbox.backlog()) == []
    stores.outbox.put([a_message(), a_message(due_at=NOW - SECOND), a_notice()])
    stores.outbox.delivered(stores.outbox.list(Search(kind="backchannel_logout"), 1)[0], NOW)
    assert list(stores.outbox.backlog()) == [Backlog(kind="mail", waiting=2, oldest_due=NOW - SECOND)]
