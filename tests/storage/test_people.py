"""Users, devices and consents."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Event
from time import sleep
from uuid import uuid4

import pytest

from idp.domain.ports import Stores
from idp.domain.session import OtherDevices, WholeDevice, WholeUser
from idp.errors import Conflict
from idp.storage import pages

from ..builders import NOW, a_client, a_device, a_hash, a_user, an_event
from .people import race, sign_in

LATER = NOW + timedelta(seconds=61)


def test_a_user_comes_back_as_it_was(stores: Stores) -> None:
    ada = a_user(password_changed_at=NOW, disabled_at=LATER, password_hash=None)
    stores.users.add(ada)
    assert stores.users.get(ada.id) == ada
    assert stores.users.get(uuid4()) is None
    assert stores.users.list() == (ada,)


def test_one_address_is_one_account(stores: Stores) -> None:
    """CVE-2025-24806: neither case nor a compatibility form makes a second account."""
    ada = a_user(email="Ada@Example.com")
    stores.users.add(ada)
    assert stores.users.by_email(" ada@example.COM ") == ada
    assert stores.users.by_email("ａda@example.com") == ada
    assert stores.users.by_email("") is None
    with pytest.raises(Conflict):
        stores.users.add(a_user(email="aDA@example.com"))


def test_two_tombstones_and_a_new_account(stores: Stores) -> None:
    ada, bob = a_user(), a_user()
    stores.users.add(ada)
    stores.users.add(bob)
    for user in (ada, bob):
        stores.users.save(replace(user, email="", claims={}, deleted_at=NOW))
    assert stores.users.by_email(ada.email) is None
    stores.users.add(a_user(email=ada.email))


def test_save_replaces_but_never_the_birth(stores: Stores) -> None:
    ada = a_user()
    stores.users.add(ada)
    changed = replace(ada, email="new@example.com", claims={"name": "A"}, updated_at=LATER, created_at=LATER)
    stores.users.save(changed)
    assert stores.users.get(ada.id) == replace(changed, created_at=NOW)
    assert stores.users.by_email("new@example.com") is not None
    assert stores.users.by_email(ada.email) is None


def test_a_conflict_leaves_the_transaction_usable(stores: Stores) -> None:
    ada, bob = a_user(), a_user()
    stores.users.add(ada)
    with stores.work():
        stores.users.add(bob)
        with pytest.raises(Conflict):
            stores.users.add(a_user(email=ada.email))
        with pytest.raises(Conflict):
            stores.users.save(replace(bob, email=ada.email))
        stores.users.save(replace(bob, claims={}))
    found = stores.users.get(bob.id)
    assert found is not None
    assert found.claims == {}


def test_lists_leave_nobody_out_but_the_deleted(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 3)
    people = [a_user(created_at=NOW + timedelta(seconds=number // 4)) for number in range(9)]
    apps = [a_client(created_at=NOW + timedelta(seconds=number // 4)) for number in range(9)]
    for person, app in zip(people, apps, strict=True):
        stores.users.add(person)
        stores.clients.add(app)
    gone = people.pop(5)
    stores.users.save(replace(gone, email="", deleted_at=NOW))
    assert list(stores.users.list()) == sorted(people, key=lambda user: (user.created_at, user.id.hex))
    assert list(stores.clients.list()) == sorted(apps, key=lambda app: (app.created_at, app.client_id))


def test_traces_of_a_person_are_erased_and_nobody_elses(stores: Stores) -> None:
    ada, bob = sign_in(stores), sign_in(stores)
    for who in (ada, bob):
        stores.devices.rename(who.user.id, who.device.id, "Kitchen")
        stores.events.append(an_event(who.user, user_agent="Chrome"))
    stores.users.erase_traces(ada.user.id)
    blank = replace(ada.device, user_agent="", name=None, secret_hash=None)
    assert stores.devices.of_user(ada.user.id) == (blank,)
    assert stores.sessions.get(ada.session.id) == replace(ada.session, address="", user_agent="")
    assert [(event.address, event.user_agent) for event in stores.events.of_user(ada.user.id, 9)] == [("", "")]
    assert stores.devices.of_user(bob.user.id) == (replace(bob.device, name="Kitchen"),)
    assert stores.sessions.get(bob.session.id) == bob.session
    assert stores.events.of_user(bob.user.id, 9)[0].address


def test_racing_registrations_make_one_account(stores: Stores) -> None:
    def register(_number: int) -> bool:
        try:
            stores.users.add(a_user(email="ada@example.com"))
        except Conflict:
            return False
        return True

    assert sum(race(12, register)) == 1


def test_devices(stores: Stores) -> None:
    ada, bob = a_user(), a_user()
    stores.users.add(ada)
    stores.users.add(bob)
    cookie = a_hash()
    of_ada, of_bob = a_device(ada, secret_hash=cookie), a_device(bob, secret_hash=cookie)
    stores.devices.add(of_ada)
    stores.devices.add(of_bob)
    assert stores.devices.by_secret(cookie, ada.id) == of_ada
    assert stores.devices.by_secret(cookie, uuid4()) is None
    renewed = a_hash()
    assert stores.devices.rotate_secret(cookie, renewed) == 2
    assert stores.devices.by_secret(cookie, ada.id) is None
    assert stores.devices.by_secret(renewed, bob.id) == replace(of_bob, secret_hash=renewed)
    assert stores.devices.rename(ada.id, of_ada.id, "Kitchen")
    assert not stores.devices.rename(ada.id, of_bob.id, "Mine now")
    assert [device.name for device in stores.devices.of_user(ada.id)] == ["Kitchen"]


def test_devices_aimed_at_are_forgotten_and_stay(stores: Stores) -> None:
    ada, bob = a_user(), a_user()
    stores.users.add(ada)
    stores.users.add(bob)
    cookie = a_hash()
    first, second, third = mine = [a_device(ada, secret_hash=cookie), a_device(ada), a_device(ada)]
    others = a_device(bob, secret_hash=cookie)
    for device in (*mine, others):
        stores.devices.add(device)

    def known() -> set[object]:
        return {device.id for device in stores.devices.of_user(ada.id) if device.secret_hash}

    assert stores.devices.forget(WholeDevice(bob.id, first.id)) == 0, "not his"
    assert stores.devices.forget(WholeDevice(ada.id, first.id)) == 1
    assert known() == {second.id, third.id}
    assert stores.devices.by_secret(cookie, ada.id) is None
    assert stores.devices.forget(OtherDevices(ada.id, third.id)) == 1
    assert known() == {third.id}
    assert stores.devices.forget(WholeUser(ada.id)) == 1
    assert stores.devices.forget(WholeUser(ada.id)) == 0
    assert len(stores.devices.of_user(ada.id)) == 3
    assert stores.devices.by_secret(cookie, bob.id) == others


def test_activity_of_a_device_is_noted_once_a_minute(stores: Stores) -> None:
    ada = a_user()
    stores.users.add(ada)
    device = a_device(ada)
    stores.devices.add(device)
    stores.devices.seen(device.id, device.user_agent, NOW + timedelta(seconds=59))
    assert stores.devices.of_user(ada.id)[0].last_seen_at == NOW
    stores.devices.seen(device.id, "Firefox", NOW + timedelta(seconds=120))
    assert stores.devices.of_user(ada.id) == (
        replace(device, last_seen_at=NOW + timedelta(seconds=120), user_agent="Firefox"),
    )


def test_consent_grows_until_withdrawn(stores: Stores) -> None:
    ada, app = a_user(), a_client()
    stores.users.add(ada)
    stores.clients.add(app)
    assert stores.consents.get(ada.id, app.client_id) is None
    stores.consents.allow(ada.id, app.client_id, ("openid", "email"), NOW)
    grown = stores.consents.allow(ada.id, app.client_id, ("email", "profile"), LATER)
    assert grown.scopes == ("openid", "email", "profile")
    assert (grown.created_at, grown.updated_at) == (NOW, LATER)
    assert stores.consents.get(ada.id, app.client_id) == grown
    assert stores.consents.of_user(ada.id) == (grown,)
    assert stores.consents.withdraw(ada.id, app.client_id)
    assert not stores.consents.withdraw(ada.id, app.client_id)
    stores.consents.allow(ada.id, app.client_id, ("openid",), NOW)
    assert stores.consents.withdraw_client(app.client_id) == 1


def test_racing_consents_lose_nothing(stores: Stores) -> None:
    ada, app = a_user(), a_client()
    stores.users.add(ada)
    stores.clients.add(app)
    race(10, lambda number: stores.consents.allow(ada.id, app.client_id, (f"scope{number}",), NOW))
    found = stores.consents.get(ada.id, app.client_id)
    assert found is not None
    assert set(found.scopes) == {f"scope{number}" for number in range(10)}


@pytest.mark.promise("P1")
def test_a_withdrawal_waits_for_whoever_holds_the_consent(stores: Stores) -> None:
    """So what a redemption creates under a consent is there to be ended once the withdrawal goes on."""
    ada, app = a_user(), a_client()
    stores.users.add(ada)
    stores.clients.add(app)
    stores.consents.allow(ada.id, app.client_id, ("openid",), NOW)
    held, order = Event(), []

    def act(number: int) -> None:
        if number == 0:
            with stores.work():
                assert stores.consents.hold(ada.id, app.client_id) is not None
                held.set()
                sleep(0.3)
                order.append("created")
            return
        held.wait(5)
        with stores.work():
            stores.consents.withdraw(ada.id, app.client_id)
            order.append("withdrawn")

    race(2, act)
    assert order == ["created", "withdrawn"]
    with stores.work():
        assert stores.consents.hold(ada.id, app.client_id) is None


def test_several_clients_at_once(stores: Stores) -> None:
    first, second = a_client(), a_client()
    for client in (first, second, a_client()):
        stores.clients.add(client)
    found = stores.clients.some([first.client_id, second.client_id, "nobody"])
    assert found == {first.client_id: first, second.client_id: second}
    assert stores.clients.some([]) == {}
