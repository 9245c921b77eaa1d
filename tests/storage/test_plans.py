"""At twelve thousand sessions PostgreSQL walks indexes, wherever somebody waits for the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, Executable, create_engine, text

from idp.domain.session import EndReason
from idp.paths import MIGRATIONS
from idp.storage import client_sessions, codes, devices, endings, refresh_families, sessions
from idp.storage.cleanup import _STATEMENTS as SWEEPS
from idp.storage.migrate import upgrade
from idp.storage.prepared import Prepared

from ..builders import NOW
from ..postgres import PostgresServer

SESSIONS, ONE = 12_000, "00000000-0000-4000-8000-000000000001"
BIG = ("devices", "sessions", "client_sessions", "refresh_families", "users")
FILL = (
    "CREATE FUNCTION pg_temp.n(int, text) RETURNS uuid AS $$ SELECT md5($1::text || $2)::uuid $$ LANGUAGE SQL",
    """INSERT INTO clients (client_id, client_name, origin, redirect_uris, post_logout_redirect_uris, grant_types,
       token_endpoint_auth_method, application_type, scope, metadata, trusted, created_at, updated_at)
       SELECT 'app-' || i, 'x', 'operator', '[]', '[]', '[]', 'none', 'web', '[]', '{}', false, now(), now()
       FROM generate_series(1, 50) i""",
    """INSERT INTO users (id, email, email_key, email_verified, claims, created_at, updated_at)
       SELECT pg_temp.n(i, 'u'), i || '@x', i || '@x', true, '{}', now(), now() FROM generate_series(1, 3000) i""",
    """INSERT INTO devices (id, user_id, secret_hash, user_agent, created_at, last_seen_at)
       SELECT pg_temp.n(i, 'd'), pg_temp.n(1 + i % 3000, 'u'), sha256(i::text::bytea), 'x', now(), now()
       FROM generate_series(1, %(n)s) i""",
    """INSERT INTO sessions (id, user_id, device_id, secret_hash, factors, created_at, last_seen_at, idle_seconds,
       expires_at, persistent, address, user_agent)
       SELECT pg_temp.n(i, 's'), pg_temp.n(1 + i % 3000, 'u'), pg_temp.n(i, 'd'), sha256(i::text::bytea), '[]', now(),
       now(), 1000, now() + interval '90 days', false, '', '' FROM generate_series(1, %(n)s) i""",
    """INSERT INTO client_sessions (id, user_id, session_id, device_id, client_id, offline, scope, created_at,
       last_used_at) SELECT pg_temp.n(i, 'c'), pg_temp.n(1 + i % 3000, 'u'), pg_temp.n(i, 's'), pg_temp.n(i, 'd'),
       'app-' || 1 + i % 50, false, '[]', now(), now() FROM generate_series(1, %(n)s) i""",
    """INSERT INTO refresh_families (id, client_session_id, user_id, client_id, counter, rotated_at, scope, resources,
       claims, auth_time, acr, amr, created_at, idle_seconds, expires_at)
       SELECT pg_temp.n(i, 'f'), pg_temp.n(i, 'c'), pg_temp.n(1 + i % 3000, 'u'), 'app-' || 1 + i % 50, 0, now(), '[]',
       '[]', '{}', now(), 'aal1', '[]', now(), 1000, now() + interval '1 year' FROM generate_series(1, %(n)s) i""",
    "VACUUM ANALYZE",
)


@pytest.fixture(scope="module")
def filled(postgres: PostgresServer) -> Iterator[Engine]:
    engine = create_engine(postgres.new_database(), isolation_level="AUTOCOMMIT")  # without our limits of time
    upgrade(engine, MIGRATIONS)
    with engine.connect() as connection:
        for statement in FILL:
            connection.exec_driver_sql(statement.replace("%(n)s", str(SESSIONS)).replace("%", "%%"))
    yield engine
    engine.dispose()


def plan(engine: Engine, statement: Executable, **values: Any) -> str:
    """The plan for these values."""
    prepared = Prepared(statement, engine.dialect)
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN {prepared.text}", prepared._bound(values))
        return "\n".join(row[0] for row in cursor.fetchall())


def scanned(text_of_plan: str) -> list[str]:
    """The large tables that are read from one end to the other."""
    return [name for name in BIG if f"Seq Scan on {name}" in text_of_plan]


def some(engine: Engine, kind: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(f"SELECT md5('77{kind}')::uuid")).scalar_one())


VALUES = {"user_id_": "u", "device_id_": "d", "session_id_": "s", "sid_": "c"}


@pytest.mark.parametrize("target", endings._STATEMENTS, ids=lambda kind: kind.__name__)
def test_endings_walk_indexes(filled: Engine, target: type) -> None:
    """Also those that concern one client: a fiftieth of all here."""
    found = endings._STATEMENTS[target]
    values: dict[str, Any] = {name: some(filled, kind) for name, kind in VALUES.items()}
    values |= {"client_id_": "app-7", "now": NOW, "why": EndReason.SIGNED_OUT, "who": "operator"}
    parts = [part for pair in (found.sessions, found.client_sessions) if pair for part in (pair.lock, pair.write)]
    for statement in (*parts, *(found.codes or ())):
        known = {name: value for name, value in values.items() if f"%({name})s" in _text(filled, statement)}
        assert scanned(plan(filled, statement, **known)) == []


def _text(engine: Engine, statement: Executable) -> str:
    return Prepared(statement, engine.dialect).text


LOOKS: dict[str, tuple[Executable, dict[str, str]]] = {
    "sessions of a user": (sessions._OF_USER, {"owner": "u"}),
    "client sessions of a user": (client_sessions._OF_USER, {"owner": "u"}),
    "devices of a user": (devices._OF_USER, {"owner": "u"}),
    "offline ones of a session": (client_sessions._OFFLINE_OF, {"of_session": "s"}),
    "liveness": (client_sessions._LIVENESS, {"key": "c"}),
    "userinfo": (client_sessions._LIVENESS_WITH_USER, {"key": "c"}),
    "the session of a code": (sessions._LOCK_LIVE, {"key": "s"}),
    "a family": (refresh_families._GET, {"key": "f"}),
    "a rotation": (refresh_families._ROTATE, {"key": "f"}),
    "a rotation that notes activity": (refresh_families._ROTATE_AND_NOTE, {"key": "f"}),
    "a code": (codes._GET, {}),
}


@pytest.mark.parametrize("name", LOOKS)
def test_looks_walk_indexes(filled: Engine, name: str) -> None:
    statement, keys = LOOKS[name]
    values: dict[str, Any] = {name: some(filled, kind) for name, kind in keys.items()}
    rest = {"now": NOW, "since": NOW, "presented": 0, "asker": "app-7", "key": b"x", "step": 1, "stale": NOW}
    rest |= {"proven_jkt": None, "proven_x5t": None}
    assert scanned(plan(filled, statement, **(rest | values))) == []


def test_the_session_of_a_cookie_is_found_by_its_hash(filled: Engine) -> None:
    assert scanned(plan(filled, sessions._BY_SECRET, hash=b"\\0" * 32)) == []


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda pair: pair[0].table.name)
def test_a_sweep_of_refresh_families_reads_the_old_ones_alone(filled: Engine, sweep: Any) -> None:
    """The others read their table, in the background, in batches; this one would read the largest."""
    kind, statement = sweep
    found = plan(filled, statement, before=NOW, batch=200)
    if kind.table.name == "refresh_families":
        assert "ix_refresh_families_created_at" in found
        assert scanned(found) == []


def test_refreshes_stay_in_their_page(filled: Engine) -> None:
    """P6: HOT updates, for no index holds what rotates. In any order, each row more than once."""
    with filled.connect() as connection:
        connection.execute(text("SELECT pg_stat_reset()"))
        for seed in range(3):
            connection.exec_driver_sql(f"SELECT setseed(0.{seed})")
            ids = connection.execute(text("SELECT id FROM refresh_families ORDER BY random() LIMIT 1500")).all()
            for (key,) in ids:
                connection.execute(
                    text("UPDATE refresh_families SET counter = counter + 1, rotated_at = now() WHERE id = :key"),
                    {"key": key},
                )
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        row = connection.execute(
            text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'refresh_families'")
        ).one()
    assert row[1] >= 0.95 * row[0] > 0
