"""Accounts: made once, disabled, deleted without a trace of the person (ASVS 6.2, CVE-2026-55670)."""

from __future__ import annotations

import pytest

from idp.domain.device import Origin
from idp.domain.user import User
from idp.errors import Conflict, InputRefused, NotFound, SignInRefused, Throttled
from idp.services.accounts import email_problem, password_problem

from ..provider import PASSWORD, Provider, running

HERE = Origin(address="192.0.2.1", user_agent="Chrome")


@pytest.mark.spec("ASVS", "6.2.4")
@pytest.mark.parametrize(
    "password", ["", "short", "1234567", "password", "PASSWORD", "12345678", "ada@example.com", "x" * 1025, "é" * 600]
)
def test_a_password_that_cannot_be_taken(password: str) -> None:
    assert password_problem(password, "ada@example.com")


@pytest.mark.spec("ASVS", "6.2.5")
@pytest.mark.parametrize(
    "password", [PASSWORD, "x7$kQ!9z", "ohne umlaute geht es auch", "пароль подлиннее", "x y" * 40]
)
def test_length_and_rarity_are_all_that_is_asked(password: str) -> None:
    assert password_problem(password, "ada@example.com") is None


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@x@y", "a" * 300 + "@x.example"]
)
def test_an_address_that_cannot_be_taken(email: str) -> None:
    assert email_problem(email)


def test_one_address_one_account(alone: Provider) -> None:
    for spelling in ("ADA@example.com", "\uff41da@example.com", " ada@example.com"):
        with pytest.raises((Conflict, InputRefused)):
            alone.services.accounts.create(spelling, PASSWORD, {})
    with pytest.raises(InputRefused) as caught:
        register(alone, "ada@example.com")
    assert set(caught.value.problems) == {"email"}


def register(provider: Provider, email: str, name: str = "") -> User:
    accounts = provider.services.accounts
    draft = accounts.draft(email, PASSWORD, name, HERE)
    with provider.stores.work():
        return accounts.register(draft, HERE)


def test_registration_can_be_closed(database: str) -> None:
    with running(database, user_registration=False) as closed, pytest.raises(NotFound):
        register(closed, "new@example.com")


def test_registration_is_slowed_by_address(alone: Provider) -> None:
    for number in range(20):
        with pytest.raises(InputRefused):
            alone.services.accounts.draft(f"n{number}@example.com", "short", "", HERE)
    with pytest.raises(Throttled):
        register(alone, "new@example.com")


def test_a_name_cannot_disguise_itself(alone: Provider) -> None:
    user = register(alone, "new@example.com", "Ad\u202ea\0\n\u200b ")
    assert user.claims == {"name": "Ada"}
    assert not user.email_verified


def test_a_deleted_person_leaves_a_tombstone_and_a_free_address(alone: Provider) -> None:
    ada = alone.person()
    with alone.stores.work():
        alone.services.accounts.delete(ada)
    left = alone.stores.users.get(ada.id)
    assert left is not None
    assert (left.email, left.password_hash, dict(left.claims), left.live) == ("", None, {}, False)
    assert "ada@example.com" not in repr(alone.rows()["users"])
    again = alone.person()
    assert again.id != ada.id, "sub is never reused"


@pytest.mark.promise("P7")
def test_nothing_of_a_deleted_person_stays_but_ids_and_times(both: Provider) -> None:
    ada, bob = both.person(claims={"nickname": "Countess"}), both.person("bob@example.com", name="Bob")
    browser = both.sign_in(ada)
    both.tokens(both.register(), browser, scope="openid offline_access")
    assert browser.session is not None
    both.stores.devices.rename(ada.id, browser.session.device_id, "Kitchen")
    with pytest.raises(SignInRefused):
        both.services.sign_in.check_password("ada@example.com", "wrong", origin=HERE, device_secret=None)
    both.sign_in(bob)
    with both.stores.work():
        both.services.accounts.delete(both.services.accounts.get(ada.id))
    mine = repr([row for rows in both.rows("users", "throttles").values() for row in rows if ada.id in row])
    for trace in ("192.0.2.1", "Chrome", "Kitchen", "ada@", "Lovelace", "Countess"):
        assert trace not in mine, trace
    assert "Chrome" in repr(both.rows()["devices"]), "of Bob"


def test_disabled_and_enabled(alone: Provider) -> None:
    ada = alone.person()
    with alone.stores.work():
        disabled = alone.services.accounts.disable(ada)
        enabled = alone.services.accounts.enable(disabled)
    assert (disabled.live, enabled.live) == (False, True)


@pytest.mark.promise("P7")
def test_only_argon2id_is_kept(alone: Provider) -> None:
    stored = alone.stores.users.by_email("ada@example.com")
    assert stored is not None
    assert (stored.password_hash or "").startswith("$argon2id$")
