"""Ending: each target ends what design.md section 5 says, once, and nothing slips through behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from idp.domain.ports import Stores
from idp.domain.session import (
    ClientOfUser,
    ClientSession,
    Ended,
    EndReason,
    EndTarget,
    OneClientSession,
    OtherDevices,
    OtherSessions,
    ThisSession,
    WholeClient,
    WholeDevice,
    WholeUser,
)

from ..builders import NOW, a_client, a_client_session, a_code, a_refresh_family, a_user
from .people import SignedIn, joined, race, sign_in


@dataclass(frozen=True)
class World:
    """Ada on two devices with two apps (one offline), Bob on one."""

    here: SignedIn
    there: SignedIn
    bob: SignedIn
    rows: dict[str, ClientSession]
    mail: str


@pytest.fixture
def world(stores: Stores) -> World:
    here = sign_in(stores)
    mail = a_client()
    stores.clients.add(mail)
    there = sign_in(stores, user=here.user, client=here.client)
    bob = sign_in(stores, client=here.client)
    rows = {
        "here photos": joined(stores, here),
        "here mail offline": joined(stores, here, mail, offline=True),
        "there photos": joined(stores, there),
        "there mail offline": joined(stores, there, mail, offline=True),
        "bob photos": joined(stores, bob),
    }
    return World(here, there, bob, rows, mail.client_id)


CASES: dict[str, tuple[Callable[[World], EndTarget], set[str], set[str]]] = {
    "this session": (lambda w: ThisSession(w.here.session.id), {"here"}, {"here photos"}),
    "whole device": (
        lambda w: WholeDevice(w.here.user.id, w.here.device.id), {"here"}, {"here photos", "here mail offline"},
    ),
    "other devices": (
        lambda w: OtherDevices(w.here.user.id, w.here.device.id), {"there"}, {"there photos", "there mail offline"},
    ),
    "other sessions": (
        lambda w: OtherSessions(w.here.user.id, w.here.session.id), {"there"}, {"there photos", "there mail offline"},
    ),
    "whole user": (
        lambda w: WholeUser(w.here.user.id), {"here", "there"},
        {"here photos", "here mail offline", "there photos", "there mail offline"},
    ),
    "whole client": (
        lambda w: WholeClient(w.here.client.client_id), set(), {"here photos", "there photos", "bob photos"},
    ),
    "client of user": (
        lambda w: ClientOfUser(w.here.user.id, w.mail), set(), {"here mail offline", "there mail offline"},
    ),
    "one client session": (lambda w: OneClientSession(w.rows["here photos"].id), set(), {"here photos"}),
}  # fmt: skip


@pytest.mark.promise("P2")
@pytest.mark.parametrize("case", CASES)
def test_each_target(stores: Stores, world: World, case: str) -> None:
    target, sessions, client_sessions = CASES[case]
    with stores.work():
        ended = stores.sessions.end(target(world), EndReason.ACCOUNT_PAGE, "user:ada", NOW)
    people = {"here": world.here, "there": world.there, "bob": world.bob}
    assert {session.id for session in ended.sessions} == {people[name].session.id for name in sessions}
    assert {cs.id for cs in ended.client_sessions} == {world.rows[name].id for name in client_sessions}
    for name, row in world.rows.items():
        liveness = stores.client_sessions.liveness(row.id, NOW)
        assert liveness is not None
        assert liveness.live is (name not in client_sessions), name
    for name, person in people.items():
        found = stores.sessions.get(person.session.id)
        assert found is not None
        assert found.live(NOW) is (name not in sessions)
    with stores.work():
        assert stores.sessions.end(target(world), EndReason.ADMINISTRATOR, "later", NOW).nothing


@pytest.mark.spec("ASVS 5.0", "8.2.2")
def test_a_device_is_its_persons(stores: Stores, world: World) -> None:
    """Somebody else who names it ends nothing, whoever forgot to ask before."""
    with stores.work():
        assert stores.sessions.end(
            WholeDevice(world.bob.user.id, world.here.device.id), EndReason.ACCOUNT_PAGE, "user:bob", NOW
        ).nothing
    found = stores.sessions.get(world.here.session.id)
    assert found is not None
    assert found.live(NOW)


def test_what_is_written(stores: Stores, world: World) -> None:
    with stores.work():
        ended = stores.sessions.end(ThisSession(world.here.session.id), EndReason.RP_LOGOUT, "user:ada", NOW)
    session = replace(world.here.session, ended_at=NOW, end_reason=EndReason.RP_LOGOUT, ended_by="user:ada")
    cs = replace(world.rows["here photos"], ended_at=NOW, end_reason=EndReason.RP_LOGOUT)
    assert ended == Ended(sessions=(session,), client_sessions=(cs,))
    assert stores.sessions.get(session.id) == session
    assert stores.client_sessions.get(cs.id) == cs


@pytest.mark.promise("P1")
def test_an_offline_client_session_outlives_its_session(stores: Stores, world: World) -> None:
    row = world.rows["here mail offline"]
    family = a_refresh_family(row)
    stores.refresh_families.add(family)
    with stores.work():
        stores.sessions.end(ThisSession(world.here.session.id), EndReason.SIGNED_OUT, "user", NOW)
    assert stores.refresh_families.rotate(family.id, 0, row.client_id, NOW) is not None


@pytest.mark.parametrize("case", ["whole user", "whole client", "client of user"])
def test_outstanding_codes_are_used_up(stores: Stores, world: World, case: str) -> None:
    target = CASES[case][0](world)
    client = stores.clients.get(world.mail if case == "client of user" else world.here.client.client_id)
    assert client is not None
    code, other = a_code(world.here.session, client), a_code(world.bob.session, a_client(client_id=world.mail))
    stores.codes.add(code)
    stores.codes.add(other)
    with stores.work():
        stores.sessions.end(target, EndReason.APP_REMOVED, "user", NOW)
    assert not stores.codes.claim(code.code_hash, NOW)
    assert stores.codes.claim(other.code_hash, NOW)


RACES: dict[str, Callable[[SignedIn], EndTarget]] = {
    "this session": lambda who: ThisSession(who.session.id),
    "whole device": lambda who: WholeDevice(who.user.id, who.device.id),
    "other sessions": lambda who: OtherSessions(who.user.id, UUID(int=0)),
    "whole user": lambda who: WholeUser(who.user.id),
    "whole client": lambda who: WholeClient(who.client.client_id),
    "client of user": lambda who: ClientOfUser(who.user.id, who.client.client_id),
}


@pytest.mark.promise("P1")
@pytest.mark.parametrize("case", RACES)
def test_no_redemption_survives_an_ending(stores: Stores, case: str) -> None:
    """Redemptions (claim, lock, join) race one ending: each is refused or ended, none is left live."""
    for _round in range(6):
        who = sign_in(stores)
        codes = [a_code(who.session, who.client) for _ in range(5)]
        for code in codes:
            stores.codes.add(code)

        def act(
            number: int, who: SignedIn = who, hashes: tuple[bytes, ...] = tuple(code.code_hash for code in codes)
        ) -> None:
            with stores.work():
                if number == len(hashes):
                    stores.sessions.end(RACES[case](who), EndReason.ADMINISTRATOR, "admin", NOW)
                elif stores.codes.claim(hashes[number], NOW) and stores.sessions.lock_live(who.session.id, NOW):
                    cs = stores.client_sessions.join(a_client_session(who.session, who.client))
                    stores.codes.redeemed(hashes[number], cs.id)

        race(len(codes) + 1, act)
        assert stores.client_sessions.of_user(who.user.id) == ()


@pytest.mark.promise("P1")
def test_no_rotation_survives_an_ending(stores: Stores) -> None:
    """A rotation that commits after the ending is born dead; every later one is refused."""
    for _round in range(10):
        who = sign_in(stores)
        cs = joined(stores, who)
        family = a_refresh_family(cs)
        stores.refresh_families.add(family)

        def act(number: int, cs: ClientSession = cs, key: UUID = family.id) -> None:
            if number == 0:
                with stores.work():
                    stores.sessions.end(OneClientSession(cs.id), EndReason.TOKEN_REVOKED, "client", NOW)
            else:
                stores.refresh_families.rotate(key, 0, cs.client_id, NOW)

        race(6, act)
        found = stores.refresh_families.get(family.id, NOW)
        assert found is not None
        assert found[1] is False
        assert stores.refresh_families.rotate(family.id, found[0].counter, cs.client_id, NOW) is None


def test_two_endings_report_each_row_once(stores: Stores) -> None:
    who = sign_in(stores)
    apps = [a_client() for _ in range(5)]
    for app in apps:
        stores.clients.add(app)
        joined(stores, who, app)

    def end(number: int) -> Ended:
        target = WholeUser(who.user.id) if number % 2 else ThisSession(who.session.id)
        with stores.work():
            return stores.sessions.end(target, EndReason.ADMINISTRATOR, f"admin{number}", NOW)

    endings = race(8, end)
    assert sum(len(ended.sessions) for ended in endings) == 1
    assert sum(len(ended.client_sessions) for ended in endings) == 5


def test_nobody_to_end(stores: Stores) -> None:
    with stores.work():
        assert stores.sessions.end(WholeUser(a_user().id), EndReason.ADMINISTRATOR, "admin", NOW).nothing
