"""Every table has an end to its rows, in bounded batches (P6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select

from idp.domain.ports import Stores
from idp.domain.session import EndReason, OneClientSession, WholeUser
from idp.domain.throttle import Brake
from idp.storage.database import Database
from idp.storage.settling import Settling
from idp.storage.system import SystemClock
from idp.storage.tables import Base

from ..builders import (
    DAY,
    NOW,
    a_code,
    a_hash,
    a_message,
    a_refresh_family,
    a_revocation,
    a_user,
    an_event,
    an_interaction,
)
from .people import SignedIn, joined, sign_in

STAYS = {"users", "clients", "resources", "scopes", "consents", "signing_keys", "turns", "devices"}


def _fill(stores: Stores, times: int = 1) -> SignedIn:
    who = sign_in(stores)
    for number in range(times):
        other = sign_in(stores, user=who.user, client=who.client)
        stores.refresh_families.add(a_refresh_family(joined(stores, other)))
        stores.codes.add(a_code(other.session, other.client))
        stores.interactions.add(an_interaction())
        stores.revocations.append([a_revocation()])
        stores.events.append(an_event(who.user))
        stores.outbox.put([a_message()])
        stores.throttles.take([Brake(b"%d" % number, 3, 60)], NOW)
        stores.assertion_ids.claim("app", a_hash(), NOW)
    with stores.work():
        stores.sessions.end(WholeUser(who.user.id), EndReason.USER_DISABLED, "admin", NOW)
    return who


def _counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.mark.promise("P6")
def test_in_the_end_nothing_is_left(stores: Stores, engine: Engine) -> None:
    _fill(stores, 3)
    stores.sweeper.sweep(NOW + 401 * DAY, 100)
    left = {name: count for name, count in _counts(engine).items() if count and name not in STAYS}
    assert left == {}
    assert _counts(engine)["devices"] == 0


@pytest.mark.promise("P6")
def test_batches_are_bounded(stores: Stores) -> None:
    _fill(stores, 5)
    first = stores.sweeper.sweep(NOW + 500 * DAY, 2)
    assert max(first.values()) == 2
    rounds = 1
    while any(stores.sweeper.sweep(NOW + 500 * DAY, 2).values()):
        rounds += 1
    assert rounds < 10


@pytest.mark.parametrize(
    ("kept", "table"),
    [
        (timedelta(0), "assertion_ids"),
        (timedelta(seconds=60), "throttles"),
        (timedelta(minutes=15), "revocations"),
        (timedelta(days=1, seconds=60), "codes"),
        (timedelta(hours=2), "interactions"),
        (timedelta(days=30), "outbox"),
        (timedelta(days=35), "client_sessions"),
        (timedelta(days=35), "sessions"),
        (timedelta(days=400), "security_events"),
        (timedelta(days=400), "devices"),
    ],
)
def test_each_table_has_its_time(stores: Stores, kept: timedelta, table: str) -> None:
    _fill(stores)
    assert stores.sweeper.sweep(NOW + kept, 100)[table] == 0
    assert stores.sweeper.sweep(NOW + kept + timedelta(seconds=1), 100)[table] > 0


def test_what_was_not_confirmed_is_forgotten_after_an_hour(stores: Stores, engine: Engine) -> None:
    """The database's own clock says since when it is known."""
    Settling(Database(engine)).seconds_since([uuid4(), uuid4()])
    now = SystemClock().now()
    assert stores.sweeper.sweep(now + timedelta(minutes=59), 100)["settling"] == 0
    assert stores.sweeper.sweep(now + timedelta(minutes=61), 100)["settling"] == 2


def test_what_is_alive_stays(stores: Stores) -> None:
    """An offline client session keeps its ended Session until it is over itself."""
    who = sign_in(stores)
    cs = joined(stores, who, offline=True)
    family = a_refresh_family(cs)
    stores.refresh_families.add(family)
    later = NOW + 60 * DAY
    assert _rotated(stores, family.id, cs.client_id, NOW + 29 * DAY)
    stores.sweeper.sweep(later, 100)
    assert stores.client_sessions.get(cs.id) is not None
    assert stores.sessions.get(who.session.id) is not None
    with stores.work():
        stores.sessions.end(OneClientSession(cs.id), EndReason.TOKEN_REVOKED, "client", later)
        stores.sessions.end(WholeUser(who.user.id), EndReason.ADMINISTRATOR, "admin", later)
    stores.sweeper.sweep(later + 36 * DAY, 100)
    assert stores.client_sessions.get(cs.id) is None
    assert stores.sessions.get(who.session.id) is None


def _rotated(stores: Stores, family: object, client_id: str, at: datetime) -> bool:
    return stores.refresh_families.rotate(family, 0, client_id, at) is not None  # type: ignore[arg-type]


def test_an_offline_client_session_without_tokens_goes(stores: Stores) -> None:
    who = sign_in(stores)
    offline, online = joined(stores, who, offline=True), joined(stores, sign_in(stores))
    stores.refresh_families.add(a_refresh_family(offline))
    stores.sweeper.sweep(NOW + 66 * DAY, 100)
    assert stores.client_sessions.get(offline.id) is None
    assert stores.client_sessions.get(online.id) is not None


def test_people_stay(stores: Stores) -> None:
    ada = a_user(email="", deleted_at=NOW)
    stores.users.add(ada)
    stores.sweeper.sweep(NOW + 4000 * DAY, 100)
    assert stores.users.get(ada.id) is not None
