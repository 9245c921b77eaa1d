"""Sessions and client sessions: what is live, what is noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from idp.domain.ports import Stores
from idp.domain.session import EndReason, Factor, OneClientSession, ThisSession

from ..builders import DAY, NOW, a_client, a_client_session, a_hash
from .people import joined, race, sign_in

LATER = NOW + timedelta(seconds=61)
IDLE = timedelta(seconds=100)


def test_a_session_comes_back_as_it_was(stores: Stores) -> None:
    who = sign_in(stores, factors=(Factor(method="pwd", at=NOW), Factor(method="otp", at=LATER)), persistent=True)
    assert stores.sessions.get(who.session.id) == who.session
    assert stores.sessions.by_secret(who.session.secret_hash) == (who.session, who.user)
    assert stores.sessions.get(uuid4()) is None
    assert stores.sessions.by_secret(a_hash()) is None


@pytest.mark.parametrize(
    ("at", "live"),
    [
        (NOW, True),
        (NOW + IDLE - timedelta(microseconds=1), True),
        (NOW + IDLE, False),
        (NOW + DAY, False),
    ],
)
def test_live_is_what_the_domain_says(stores: Stores, at: datetime, live: bool) -> None:
    who = sign_in(stores, idle_seconds=100)
    cs = joined(stores, who)
    assert who.session.live(at) is live
    with stores.work():
        assert (stores.sessions.lock_live(who.session.id, at) is not None) is live
    found = stores.client_sessions.liveness(cs.id, at)
    assert found is not None
    assert found.live is live
    assert [key for key, _ in stores.sessions.due(at, 10)] == ([] if live else [who.session.id])


def test_due_says_which_end(stores: Stores) -> None:
    idle = sign_in(stores, idle_seconds=100)
    absolute = sign_in(stores, expires_at=NOW + IDLE)
    sign_in(stores)
    assert set(stores.sessions.due(NOW + IDLE, 10)) == {
        (idle.session.id, EndReason.IDLE),
        (absolute.session.id, EndReason.ABSOLUTE),
    }
    assert len(stores.sessions.due(NOW + IDLE, 1)) == 1


def test_a_disabled_person_has_nothing_live(stores: Stores) -> None:
    who = sign_in(stores)
    cs = joined(stores, who, offline=True)
    stores.users.save(replace(who.user, disabled_at=NOW))
    with stores.work():
        assert stores.sessions.lock_live(who.session.id, NOW) is None
    found = stores.client_sessions.liveness_with_user(cs.id, NOW)
    assert found is not None
    assert not found[0].live


def test_a_disabled_client_has_nothing_live(stores: Stores) -> None:
    who = sign_in(stores)
    cs = joined(stores, who, offline=True)
    stores.clients.save(replace(who.client, disabled_at=NOW))
    found = stores.client_sessions.liveness(cs.id, NOW)
    assert found is not None
    assert not found.live


def test_an_unknown_sid_is_nothing(stores: Stores) -> None:
    assert stores.client_sessions.liveness(uuid4(), NOW) is None
    assert stores.client_sessions.liveness_with_user(uuid4(), NOW) is None
    assert stores.client_sessions.get(uuid4()) is None


def test_liveness_names_whom_it_belongs_to(stores: Stores) -> None:
    who = sign_in(stores)
    cs = joined(stores, who)
    found = stores.client_sessions.liveness_with_user(cs.id, NOW)
    assert found is not None
    liveness, user, metadata = found
    assert metadata == who.client.metadata
    assert (liveness.sid, liveness.user_id, liveness.client_id) == (cs.id, who.user.id, who.client.client_id)
    assert user == who.user


def test_a_client_session_of_a_device_grant_needs_no_session(stores: Stores) -> None:
    who = sign_in(stores)
    first = joined(stores, who, session_id=None)
    second = joined(stores, who, session_id=None)
    assert first.id != second.id
    found = stores.client_sessions.liveness(first.id, NOW + 200 * DAY)
    assert found is not None
    assert found.live


def test_a_proof_renews_the_cookie(stores: Stores) -> None:
    who = sign_in(stores, idle_seconds=100)
    factors, cookie = (Factor(method="pwd", at=LATER),), a_hash()
    assert stores.sessions.prove(who.session.id, factors, cookie, LATER, None)
    proved = stores.sessions.get(who.session.id)
    assert proved == replace(who.session, factors=factors, secret_hash=cookie, last_seen_at=LATER)
    assert stores.sessions.prove(who.session.id, factors, cookie, LATER, (True, 99))
    proved = stores.sessions.get(who.session.id)
    assert proved is not None
    assert proved.persistent


def test_the_dead_are_not_raised(stores: Stores) -> None:
    """Activity noted a moment after the idle end must not make the session live again (I2)."""
    who = sign_in(stores, idle_seconds=100)
    cs = joined(stores, who, offline=True)
    after = NOW + IDLE
    stores.sessions.touch(who.session.id, after, "192.0.2.9")
    stores.client_sessions.touch(cs.id, after)
    assert not stores.sessions.prove(who.session.id, who.session.factors, a_hash(), after, None)
    assert stores.sessions.get(who.session.id) == who.session


def test_activity_is_noted_once_a_minute(stores: Stores) -> None:
    who = sign_in(stores)
    stores.sessions.touch(who.session.id, NOW + timedelta(seconds=59), "192.0.2.7")
    assert stores.sessions.get(who.session.id) == who.session
    stores.sessions.touch(who.session.id, NOW + timedelta(seconds=120), "192.0.2.7")
    assert stores.sessions.get(who.session.id) == replace(
        who.session, last_seen_at=NOW + timedelta(seconds=120), address="192.0.2.7"
    )


def test_activity_of_a_client_is_activity_of_its_session(stores: Stores) -> None:
    who = sign_in(stores)
    cs = joined(stores, who)
    stores.client_sessions.touch(cs.id, LATER)
    stores.client_sessions.touch(cs.id, LATER + timedelta(seconds=30))
    assert stores.client_sessions.get(cs.id) == replace(cs, last_used_at=LATER)
    found = stores.sessions.get(who.session.id)
    assert found is not None
    assert found.last_seen_at == LATER


def test_use_in_the_background_is_no_activity_of_a_session(stores: Stores) -> None:
    """Otherwise an app with offline access would keep the browser's idle end away for ever."""
    who = sign_in(stores)
    cs = joined(stores, who, offline=True)
    stores.client_sessions.touch(cs.id, LATER)
    assert stores.client_sessions.get(cs.id) == replace(cs, last_used_at=LATER)
    assert stores.sessions.get(who.session.id) == who.session


def test_of_user_shows_open_and_lately_ended(stores: Stores) -> None:
    old = sign_in(stores)
    recent = sign_in(stores, user=old.user, client=old.client, last_seen_at=LATER)
    with stores.work():
        stores.sessions.end(ThisSession(old.session.id), EndReason.SIGNED_OUT, "user", NOW)
    shown = [session.id for session in stores.sessions.of_user(old.user.id, NOW)]
    assert shown == [recent.session.id, old.session.id]
    assert [session.id for session in stores.sessions.of_user(old.user.id, LATER)] == [recent.session.id]


def test_joining_again_widens(stores: Stores) -> None:
    who = sign_in(stores)
    first = joined(stores, who, scope=("openid",))
    again = joined(stores, who, scope=("email", "openid"), offline=True, last_used_at=LATER)
    assert again == replace(first, scope=("openid", "email"), offline=True, last_used_at=LATER)
    narrower = joined(stores, who, scope=("openid",), last_used_at=LATER)
    assert narrower == again
    assert stores.client_sessions.get(first.id) == again


def test_joining_after_an_end_is_a_new_one(stores: Stores) -> None:
    who = sign_in(stores)
    first = joined(stores, who)
    with stores.work():
        stores.sessions.end(OneClientSession(first.id), EndReason.TOKEN_REVOKED, "client", NOW)
    assert joined(stores, who).id != first.id


def test_client_sessions_of_a_user(stores: Stores) -> None:
    who = sign_in(stores)
    other = a_client()
    stores.clients.add(other)
    online, offline = joined(stores, who), joined(stores, who, other, offline=True, last_used_at=LATER)
    assert stores.client_sessions.of_user(who.user.id) == (offline, online)
    with stores.work():
        stores.sessions.end(ThisSession(who.session.id), EndReason.SIGNED_OUT, "user", NOW)
    assert stores.client_sessions.of_user(who.user.id) == (offline,)


def test_racing_joins_make_one(stores: Stores) -> None:
    who = sign_in(stores)

    def join(number: int) -> object:
        with stores.work():
            assert stores.sessions.lock_live(who.session.id, NOW) is not None
            wanted = a_client_session(who.session, who.client, scope=(f"scope{number}",))
            return stores.client_sessions.join(wanted).id

    assert len(set(race(12, join))) == 1
    assert len(stores.client_sessions.of_user(who.user.id)[0].scope) == 12


def test_racing_joins_without_the_lock_make_one(stores: Stores) -> None:
    who = sign_in(stores)
    assert len({cs.id for cs in race(8, lambda _number: joined(stores, who))}) == 1
