"""Signing in: one refusal for every cause, brakes that lock nobody out, and a new secret at every proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp.domain.device import Origin
from idp.domain.session import EndReason, OtherDevices, WholeDevice, WholeUser
from idp.domain.user import User
from idp.errors import SignInRefused, Throttled
from idp.services.sessions import secret_hash
from idp.services.sign_in import SignedIn

from ..provider import PASSWORD, Provider

HOME, AWAY = Origin(address="192.0.2.1", user_agent="Chrome"), Origin(address="198.51.100.1", user_agent="curl")


def check(
    provider: Provider, email: str = "ada@example.com", password: str = PASSWORD, origin: Origin = HOME,
    device: str | None = None,
) -> User:  # fmt: skip
    return provider.services.sign_in.check_password(email, password, origin=origin, device_secret=device)


def begin(
    provider: Provider, user: User, device: str | None = None, session: str | None = None, **more: bool
) -> SignedIn:
    with provider.stores.work():
        return provider.services.sign_in.begin(
            user, origin=HOME, device_secret=device, session_secret=session, **more
        )  # fmt: skip


@pytest.mark.promise("P7")
def test_of_the_secret_of_a_session_a_hash_is_kept(provider: Provider) -> None:
    done = begin(provider, provider.person())
    kept = provider.stores.sessions.get(done.session.id)
    assert kept is not None
    assert kept.secret_hash == done.session.secret_hash == secret_hash(done.session_secret)
    assert done.session_secret.encode() not in kept.secret_hash


# ── the password ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@example.com", "  ada@example.com "])
def test_the_right_password(provider: Provider, email: str) -> None:
    assert check(provider, email).email == "ada@example.com"


@pytest.mark.spec("ASVS", "6.3.8")
def test_every_cause_is_refused_alike(alone: Provider) -> None:
    bob = alone.person("bob@example.com")
    with alone.stores.work():
        alone.services.accounts.disable(bob)
    deleted = alone.person("eve@example.com")
    with alone.stores.work():
        alone.services.accounts.delete(deleted)
    words = set()
    for email, password in (
        ("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("bob@example.com", PASSWORD),
        ("eve@example.com", PASSWORD), ("", ""), ("ada@example.com", ""), ("ada@example.com", PASSWORD + " "),
        ("ada@example.com", "x" * 2000),
    ):  # fmt: skip
        with pytest.raises(SignInRefused) as caught:
            check(alone, email, password, replace(HOME, address=f"192.0.2.{len(words) + 9}"))
        words.add(str(caught.value))
    assert len(words) == 1


@pytest.mark.spec("ASVS", "6.3.1")
def test_guesses_are_slowed_and_the_known_browser_is_not(alone: Provider) -> None:
    """ASVS 6.1.1, CVE-2024-1722: no lock that a stranger can turn."""
    known = begin(alone, alone.person()).device_secret
    for _ in range(10):
        with pytest.raises(SignInRefused):
            check(alone, password="wrong", origin=AWAY)
    with pytest.raises(Throttled) as caught:
        check(alone, origin=AWAY)
    assert caught.value.retry_after > 0
    for spelling in ("ADA@EXAMPLE.COM", " ada@example.com"):
        with pytest.raises(Throttled):
            check(alone, spelling, origin=AWAY)
    assert check(alone, origin=HOME), "from elsewhere it goes on"
    assert check(alone, origin=AWAY, device=known), "and from a browser that is known"
    with alone.clock.later(1000):
        assert check(alone, origin=AWAY)


@pytest.mark.spec("ASVS", "6.3.1")
def test_one_address_over_many_accounts_is_slowed(alone: Provider) -> None:
    for number in range(10):
        with pytest.raises(SignInRefused):
            check(alone, f"user{number}@example.com", "wrong", AWAY)
    with pytest.raises(Throttled):
        check(alone, "another@example.com", "wrong", AWAY)


def test_right_passwords_count_nothing(alone: Provider) -> None:
    for _ in range(15):
        check(alone)


# ── the session ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("ASVS", "7.2.4")
def test_a_new_proof_renews_the_session_and_kills_the_old_secret(alone: Provider) -> None:
    """CVE-2024-28197."""
    ada = alone.person()
    first = begin(alone, ada)
    with alone.clock.later(60):
        second = begin(alone, ada, first.device_secret, first.session_secret)
    current = alone.services.sessions.current
    assert second.session.id == first.session.id
    assert second.session_secret != first.session_secret
    assert current(first.session_secret, HOME) is None
    found = current(second.session_secret, HOME)
    assert found is not None
    assert found.session.auth_time > first.session.auth_time


def test_a_planted_cookie_is_never_adopted(alone: Provider) -> None:
    planted = "A" * 43
    signed_in = begin(alone, alone.person(), planted, planted)
    assert planted not in (signed_in.session_secret, signed_in.device_secret)
    assert alone.services.sessions.current(planted, HOME) is None


def test_somebody_else_in_the_same_browser_ends_the_session_that_was_there(alone: Provider) -> None:
    ada, bob = alone.person(), alone.person("bob@example.com")
    hers = begin(alone, ada)
    his = begin(alone, bob, hers.device_secret, hers.session_secret)
    assert alone.services.sessions.current(hers.session_secret, HOME) is None
    assert his.session.id != hers.session.id
    ended = alone.stores.sessions.get(hers.session.id)
    assert ended is not None
    assert ended.end_reason == "renewed_sign_in"


def test_a_device_is_known_by_its_cookie_which_changes_each_time(alone: Provider) -> None:
    ada = alone.person()
    first = begin(alone, ada)
    second = begin(alone, ada, first.device_secret)
    assert (first.new_device, second.new_device) == (True, False)
    assert second.session.device_id == first.session.device_id
    assert second.device_secret != first.device_secret
    third = begin(alone, ada, first.device_secret)
    assert third.new_device, "whoever knows the old cookie knows nothing now"


@pytest.mark.parametrize("aim", ["this device", "the others", "everything"])
def test_a_device_that_was_signed_out_is_a_stranger(both: Provider, aim: str) -> None:
    """It may be lost: its cookie neither opens the known browser's lane nor keeps the mail away."""
    ada = both.person()
    lost, kept = begin(both, ada), begin(both, ada)
    target = {
        "this device": WholeDevice(ada.id, lost.session.device_id),
        "the others": OtherDevices(ada.id, kept.session.device_id), "everything": WholeUser(ada.id),
    }[aim]  # fmt: skip
    with both.stores.work():
        both.services.sessions.end_session(target, EndReason.ACCOUNT_PAGE, by="test")
    for _ in range(10):
        with pytest.raises(SignInRefused):
            check(both, password="wrong", origin=AWAY)
    with pytest.raises(Throttled):
        check(both, origin=AWAY, device=lost.device_secret)
    if aim != "everything":
        assert check(both, origin=AWAY, device=kept.device_secret)
        assert not begin(both, ada, kept.device_secret).new_device
    assert begin(both, ada, lost.device_secret).new_device
    assert lost.session.device_id in {device.id for device in both.stores.devices.of_user(ada.id)}, "still shown"


def test_two_people_in_one_browser_keep_a_device_each(alone: Provider) -> None:
    ada, bob = alone.person(), alone.person("bob@example.com")
    hers = begin(alone, ada)
    his = begin(alone, bob, hers.device_secret)
    again = begin(alone, ada, his.device_secret)
    assert again.session.device_id == hers.session.device_id != his.session.device_id


def test_to_be_remembered_or_not(alone: Provider) -> None:
    ada = alone.person()
    plain, kept = begin(alone, ada), begin(alone, ada, persistent=True)
    assert not plain.session.persistent
    assert kept.session.persistent
    assert kept.session.idle_seconds == alone.settings.session_remember_life
    renewed = begin(alone, ada, kept.device_secret, kept.session_secret)
    assert renewed.session.persistent, "a proof on the way keeps what was chosen"


@pytest.mark.promise("P1")
def test_an_ended_session_is_not_renewed(alone: Provider) -> None:
    ada = alone.person()
    first = begin(alone, ada)
    with alone.stores.work():
        alone.services.accounts.disable(ada)
        alone.services.accounts.enable(ada)
    second = begin(alone, ada, first.device_secret, first.session_secret)
    assert second.session.id != first.session.id
