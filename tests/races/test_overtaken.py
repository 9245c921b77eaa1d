"""A password checked, then overtaken by an operator before the session begins; and changes that cross."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from idp.domain.device import Origin
from idp.domain.master_key import MasterKeys
from idp.domain.ports import Stores
from idp.domain.user import User
from idp.errors import SignInRefused
from idp.services import Services, build
from idp.services.sign_in import SignedIn
from idp.settings import Settings

from .play import PASSWORD, ROUNDS

NEW = "a quite different battery staple"
Change = Callable[[Services, User], Any]


@dataclass(frozen=True)
class Scene:
    services: Services
    stores: Stores

    def person(self, email: str = "ada@example.com") -> User:
        with self.services.work():
            return self.services.accounts.create(email, PASSWORD, {})

    def check(self, user: User) -> User:
        return self.services.sign_in.check_password(user.email, PASSWORD, origin=Origin(), device_secret=None)

    def begin(self, user: User) -> SignedIn | None:
        try:
            with self.services.work():
                return self.services.sign_in.begin(user, origin=Origin(), device_secret=None, session_secret=None)
        except SignInRefused:
            return None


@pytest.fixture
def scene(stores: Stores, master_keys: MasterKeys, tmp_path: Path) -> Scene:
    return Scene(build(stores, Settings(data_dir=tmp_path), master_keys), stores)


def set_password(services: Services, user: User) -> None:
    with services.work():
        services.accounts.set_password(user, NEW)


def disable(services: Services, user: User) -> None:
    with services.work():
        services.accounts.disable(user)


@pytest.mark.promise("P1")
@pytest.mark.parametrize("change", [set_password, disable])
def test_a_check_that_was_overtaken_begins_no_session(scene: Scene, change: Change) -> None:
    checked = scene.check(scene.person())
    change(scene.services, checked)
    assert scene.begin(checked) is None


@pytest.mark.promise("P1")
@pytest.mark.parametrize("change", [set_password, disable])
def test_no_session_outlives_the_change_that_it_races(scene: Scene, change: Change) -> None:
    for number in range(ROUNDS):
        checked = scene.check(scene.person(f"ada{number}@example.com"))
        began, _changed = at_once(lambda who=checked: scene.begin(who), lambda who=checked: change(scene.services, who))
        if began is not None:
            assert scene.services.sessions.current(began.session_secret, Origin()) is None
        assert not [s for s in scene.services.sessions.list_of_user(checked.id) if s.ended_at is None]


def test_of_two_changes_at_once_neither_undoes_the_other(scene: Scene) -> None:
    for number in range(ROUNDS):
        user = scene.person(f"ada{number}@example.com")
        at_once(lambda who=user: disable(scene.services, who), lambda who=user: set_password(scene.services, who))
        now = scene.services.accounts.get(user.id)
        assert now.disabled_at is not None
        assert now.password_changed_at != user.password_changed_at
        assert scene.stores.passwords.verify(now.password_hash, NEW)


def test_a_better_hash_undoes_no_change_made_meanwhile(scene: Scene, master_keys: MasterKeys, tmp_path: Path) -> None:
    """The row was read before the password was checked and is written after."""
    user = scene.person()

    class Slow:
        verify = staticmethod(scene.stores.passwords.verify)

        def outdated(self, _password_hash: str) -> bool:
            return True

        def hash(self, password: str) -> str:
            set_password(scene.services, user)
            disable(scene.services, user)
            return scene.stores.passwords.hash(password)

    slow = build(replace(scene.stores, passwords=Slow()), Settings(data_dir=tmp_path), master_keys)
    checked = slow.sign_in.check_password(user.email, PASSWORD, origin=Origin(), device_secret=None)
    now = scene.services.accounts.get(user.id)
    assert now.disabled_at is not None
    assert scene.stores.passwords.verify(now.password_hash, NEW)
    assert scene.begin(checked) is None


def at_once(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(2)

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return act()

    with ThreadPoolExecutor(2) as pool:
        return [future.result(60) for future in [pool.submit(run, first), pool.submit(run, second)]]
