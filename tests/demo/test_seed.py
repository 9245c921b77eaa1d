"""What is seeded, that it may be repeated, and that a later run on other ports is brought in line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from idp.demo.people import ADA, GRACE
from idp.demo.places import API_ID, APP_ID, JOB_ID, Places, places_on
from idp.demo.seed import seed
from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.ports import Stores
from idp.domain.user import PROFILE_CLAIMS
from idp.paths import MIGRATIONS
from idp.storage.database import engine_options
from idp.storage.migrate import upgrade
from idp.storage.stores import build_stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    url = f"sqlite:///{tmp_path / 'idp.sqlite'}"
    engine = create_engine(url, **engine_options(url))
    upgrade(engine, MIGRATIONS)
    yield build_stores(engine, MasterKeys([MasterKey(bytes(32))]), MIGRATIONS)
    engine.dispose()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_on(8000, 8001, 8002, tmp_path)


def test_everything_is_there_and_repeating_changes_nothing(stores: Stores, places: Places) -> None:
    seed(stores, places)
    secret, user = places.secret(APP_ID), stores.users.by_email(ADA.email)
    seed(stores, places)
    assert places.secret(APP_ID) == secret
    assert stores.users.by_email(ADA.email) == user
    assert len(stores.users.list()) == 2
    assert {client.client_id for client in stores.clients.list()} == {APP_ID, API_ID, JOB_ID}
    assert list(stores.resources.of_server(API_ID)) == [places.api]
    assert set(stores.resources.scopes(["notes.read", "notes.write"])) == {"notes.read", "notes.write"}


def test_ada_has_every_standard_claim(stores: Stores, places: Places) -> None:
    seed(stores, places)
    ada = stores.users.by_email(ADA.email)
    assert ada is not None
    assert {*PROFILE_CLAIMS, "address", "phone_number", "phone_number_verified"} <= ada.claims.keys()
    for person in (ADA, GRACE):
        user = stores.users.by_email(person.email)
        assert user is not None
        assert stores.passwords.verify(user.password_hash, person.password)


def test_the_secret_is_kept_as_a_hash(stores: Stores, places: Places) -> None:
    seed(stores, places)
    app = stores.clients.get(APP_ID)
    assert app is not None
    assert app.secret_hash == hashlib.sha256(places.secret(APP_ID).encode()).digest()


def test_what_people_changed_stays(stores: Stores, places: Places) -> None:
    seed(stores, places)
    ada = stores.users.by_email(ADA.email)
    assert ada is not None
    stores.users.save(replace(ada, password_hash=stores.passwords.hash("something else")))
    seed(stores, places)
    again = stores.users.by_email(ADA.email)
    assert again is not None
    assert stores.passwords.verify(again.password_hash, "something else")


def test_other_ports_move_the_clients_and_the_resource(stores: Stores, places: Places) -> None:
    seed(stores, places)
    moved = replace(places, app="http://127.0.0.1:9001", api="http://127.0.0.2:9002")
    seed(stores, moved)
    app = stores.clients.get(APP_ID)
    assert app is not None
    assert app.redirect_uris == ("http://127.0.0.1:9001/callback",)
    assert list(stores.resources.of_server(API_ID)) == ["http://127.0.0.2:9002"]


def test_a_lost_secrets_file_is_made_anew(stores: Stores, places: Places) -> None:
    seed(stores, places)
    before = places.secret(APP_ID)
    (places.data_dir / "demo-clients.json").unlink()
    seed(stores, places)
    app = stores.clients.get(APP_ID)
    assert app is not None
    assert places.secret(APP_ID) != before
    assert app.secret_hash == hashlib.sha256(places.secret(APP_ID).encode()).digest()
