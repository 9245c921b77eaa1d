"""The hub: seats, beats, and who has to leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from idp.domain.revocation import RevocationKind
from idp.errors import Unavailable
from idp.streams.feed import Reading
from idp.streams.hub import DISMISSED, EXPIRED, HEARTBEAT, PATIENCE, RESTORED, SLOW, STOPPED, Follower, Hub

from ..builders import NOW
from .in_memory import Hand, Log, a_token


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def hub(clock: Hand) -> Hub:
    return Hub(4, clock.monotonic)


def entries(value: str, kind: RevocationKind) -> Reading:
    log = Log()
    log.end(value, kind=kind)
    return Reading(1001.0, tuple(log.entries), news=True)


# ── seats ─────────────────────────────────────────────────────────────────────────────────────────


def test_no_client_gets_more_than_half_of_the_seats(hub: Hub) -> None:
    mine = [hub.join(a_token("mine"), 60) for _ in range(2)]
    with pytest.raises(Unavailable):
        hub.join(a_token("mine"), 60)
    hub.join(a_token("yours"), 60)
    hub.leave(mine[0])
    hub.join(a_token("mine"), 60)
    assert hub.clients == {"mine", "yours"}


def test_when_all_seats_are_taken_one_is_told_when_to_come_back(hub: Hub) -> None:
    for number in range(4):
        hub.join(a_token(f"client {number}"), 60)
    with pytest.raises(Unavailable) as refused:
        hub.join(a_token("late"), 60)
    assert refused.value.retry_after > 0


def test_who_leaves_leaves_nothing_behind(hub: Hub) -> None:
    follower = hub.join(a_token(), 60)
    hub.leave(follower)
    assert len(hub) == 0
    assert hub.clients == set()


# ── beats ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_beat_comes_with_news_or_when_it_is_time(hub: Hub) -> None:
    def beats(*readings: Reading) -> list[int]:
        async def go() -> list[int]:
            found = []
            for reading in readings:
                hub.heard(reading)
                found.append(hub.beats)
            return found

        return asyncio.run(go())

    quiet = [Reading(1000.0 + step * 0.04) for step in range(5)]
    assert beats(*quiet) == [1, 1, 2, 2, 3], "the first, then as often as a heartbeat is due"
    assert HEARTBEAT <= 2 * 0.04
    assert beats(Reading(1000.17, news=True)) == [4]
    assert beats(Reading(1000.18, news=True, complete=False)) == [4], "half a reading is none"


def test_the_tick_is_when_the_last_complete_reading_began(hub: Hub) -> None:
    hub.heard(Reading(1000.5))
    hub.heard(Reading(1001.0, complete=False))
    assert hub.tick == 1000500


def test_a_fresh_reading_began_after_one_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.streams.hub.STALE", 0.05)

    async def go() -> bool:
        hub.heard(Reading(1000.0))
        waiting = asyncio.ensure_future(hub.fresh(1000.5))
        await asyncio.sleep(0)
        hub.heard(Reading(1000.4))
        await asyncio.sleep(0)
        early = waiting.done()
        hub.heard(Reading(1000.6))
        await waiting
        with pytest.raises(Unavailable):
            await hub.fresh(1001.0)
        return early

    assert asyncio.run(go()) is False


# ── leaving ───────────────────────────────────────────────────────────────────────────────────────

SECOND = timedelta(seconds=1)
CASES: dict[str, tuple[Callable[[Hub, Hand], None], str | None]] = {
    "its client was disabled": (lambda hub, _: hub.heard(entries("notes", RevocationKind.CLIENT)), DISMISSED),
    "another client was disabled": (lambda hub, _: hub.heard(entries("other", RevocationKind.CLIENT)), None),
    "its token was revoked": (lambda hub, _: hub.heard(entries("j", RevocationKind.JTI)), DISMISSED),
    "another token was revoked": (lambda hub, _: hub.heard(entries("k", RevocationKind.JTI)), None),
    "a session of that name ended": (lambda hub, _: hub.heard(entries("j", RevocationKind.SID)), None),
    "a person of that name ended": (lambda hub, _: hub.heard(entries("notes", RevocationKind.SUB)), None),
    "its client serves nothing any more": (lambda hub, _: hub.dismiss({"notes"}), DISMISSED),
    "the process stops": (lambda hub, _: hub.stop(), STOPPED),
    "another database": (lambda hub, _: hub.heard(Reading(1.0, complete=False, restored=True)), RESTORED),
}  # fmt: skip


@pytest.mark.promise("P1")
@pytest.mark.parametrize("case", CASES)
def test_who_has_to_leave(hub: Hub, clock: Hand, case: str) -> None:
    act, reason = CASES[case]

    async def go() -> Follower:
        follower = hub.join(a_token(iat=NOW - SECOND), 60)
        act(hub, clock)
        return follower

    assert asyncio.run(go()).ending == reason


def test_a_token_issued_after_its_client_was_enabled_again_stays(hub: Hub) -> None:
    async def go() -> Follower:
        follower = hub.join(a_token(iat=NOW + SECOND), 60)
        hub.heard(entries("notes", RevocationKind.CLIENT))
        return follower

    assert asyncio.run(go()).ending is None


def test_an_expired_token_ends_its_stream(hub: Hub, clock: Hand) -> None:
    async def go() -> list[str | None]:
        follower = hub.join(a_token(), 30)
        seen = []
        for seconds in (29.9, 0.2):
            clock.seconds += seconds
            hub.patrol()
            seen.append(follower.ending)
        return seen

    assert asyncio.run(go()) == [None, EXPIRED]


def test_who_does_not_take_what_it_is_sent_is_cut_off(hub: Hub, clock: Hand) -> None:
    async def go() -> tuple[Follower, Follower]:
        stuck, other = hub.join(a_token("stuck"), 60), hub.join(a_token("other"), 60)
        stuck.task = other.task = asyncio.ensure_future(asyncio.sleep(60))
        stuck.sending_since = clock.monotonic()
        clock.seconds += PATIENCE + 1
        hub.patrol()
        with pytest.raises(asyncio.CancelledError):
            await stuck.task
        return stuck, other

    stuck, other = asyncio.run(go())
    assert (stuck.ending, other.ending) == (SLOW, None)


def test_nobody_comes_in_while_it_stops(hub: Hub) -> None:
    async def go() -> None:
        hub.stop()
        with pytest.raises(Unavailable):
            hub.join(a_token(), 60)

    asyncio.run(go())
