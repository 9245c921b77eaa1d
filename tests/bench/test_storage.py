"""The measure of storage: blind to what may move, sharp for what may not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, update

from idp.storage.client_sessions import CLIENT_SESSION
from idp.storage.clients import CLIENT
from idp.storage.codes import CODE
from idp.storage.devices import DEVICE
from idp.storage.events import EVENT
from idp.storage.refresh_families import FAMILY
from idp.storage.rows import SESSION, USER
from idp.storage.tables import Base, refresh_families, security_events
from tests import builders
from tests.bench.storage import Storage, growth, measure

USER_OF_IT = builders.a_user()
DEVICE_OF_IT = builders.a_device(USER_OF_IT)
SESSION_OF_IT = builders.a_session(DEVICE_OF_IT)
APP = builders.a_client()
HELD = builders.a_client_session(SESSION_OF_IT, APP)
LATER = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """One session of one app, and another that is not counted as its own."""
    other = builders.a_session(DEVICE_OF_IT)
    rows = {
        "users": [USER.parameters(USER_OF_IT)], "devices": [DEVICE.parameters(DEVICE_OF_IT)],
        "clients": [CLIENT.parameters(APP)], "sessions": [SESSION.parameters(item) for item in (SESSION_OF_IT, other)],
        "client_sessions": [CLIENT_SESSION.parameters(HELD)],
        "refresh_families": [FAMILY.parameters(builders.a_refresh_family(HELD))],
        "codes": [CODE.parameters(builders.a_code(SESSION_OF_IT, APP, client_session_id=HELD.id))],
    }  # fmt: skip
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in rows:
                connection.execute(insert(table), rows[table.name])
    return engine


def look(engine: Engine) -> Storage:
    return measure(engine, HELD.id)


def test_a_session_is_the_rows_that_it_is_made_of(filled: Engine) -> None:
    seen = look(filled)
    assert {name: use.rows for name, use in seen.session.items()} == dict.fromkeys(
        ("devices", "sessions", "client_sessions", "refresh_families", "codes"), 1
    )
    assert seen.tables["sessions"].rows == 2
    assert 0 < seen.session_bytes < sum(use.bytes for use in seen.tables.values()) < seen.disk


def test_moving_a_counter_on_is_no_growth(filled: Engine) -> None:
    before = look(filled)
    for counter in (1, 1000):
        with filled.begin() as connection:
            connection.execute(update(refresh_families).values(counter=counter, rotated_at=LATER))
    assert growth(before, look(filled)) == []


def test_a_longer_row_is_growth(filled: Engine) -> None:
    before = look(filled)
    with filled.begin() as connection:
        connection.execute(update(refresh_families).values(acr="a longer word than before"))
    found = growth(before, look(filled))
    assert [line.partition(":")[0] for line in found] == ["refresh_families", "session's refresh_families"]


def test_a_row_in_any_table_is_growth(filled: Engine) -> None:
    before = look(filled)
    with filled.begin() as connection:
        connection.execute(insert(security_events), EVENT.parameters(builders.an_event(USER_OF_IT)))
    assert any(
        line.startswith("security_events: 0 rows, 0 bytes before, 1 rows") for line in growth(before, look(filled))
    )


def test_pages_that_stay_behind_are_growth(filled: Engine) -> None:
    before = look(filled)
    with filled.begin() as connection:
        events = [EVENT.parameters(builders.an_event(USER_OF_IT)) for _ in range(200)]
        connection.execute(insert(security_events), events)
    assert any(line.startswith("disk:") for line in growth(before, look(filled)))
