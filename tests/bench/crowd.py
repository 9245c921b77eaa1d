"""Live sessions by the ten thousand and by the million, made by PostgreSQL itself; their tokens made here.

Each is a person's sign-in on a device of its own with one app, four to a person, as in life. Ids follow from
numbers, so that the refresh token of any of them can be computed with the master key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine

from idp.domain.master_key import MasterKeys
from idp.domain.refresh import format_token

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
TABLES = ("devices", "sessions", "client_sessions", "refresh_families")
_ID = "md5('{kind}' || i)::uuid"
_NUMBERS = "FROM generate_series({first}, {last}) i"
_FILL = (
    (
        "INSERT INTO users (id, email, email_key, email_verified, claims, created_at, updated_at) SELECT {u}, i || "
        "'@crowd.example', i || '@crowd.example', true, '{{\"name\": \"Ada Lovelace\"}}', now(), now() {numbers} "
        "WHERE i % 4 = 0"
    ),
    (
        "INSERT INTO devices (id, user_id, secret_hash, user_agent, created_at, last_seen_at) "
        "SELECT {d}, {owner}, sha256(('d' || i)::bytea), '{agent}', now(), now() {numbers}"
    ),
    (
        "INSERT INTO sessions (id, user_id, device_id, secret_hash, factors, created_at, last_seen_at, idle_seconds, "
        "expires_at, persistent, address, user_agent) SELECT {s}, {owner}, {d}, sha256(('s' || i)::bytea), "
        "jsonb_build_array(jsonb_build_array('pwd', now()::text)), now(), now(), 1209600, now() + interval '90 days', "
        "false, '203.0.113.77', '{agent}' {numbers}"
    ),
    (
        "INSERT INTO client_sessions (id, user_id, session_id, device_id, client_id, offline, scope, created_at, "
        "last_used_at) SELECT {c}, {owner}, {s}, {d}, '{app}', false, '{scope}', now(), now() {numbers}"
    ),
    (
        "INSERT INTO refresh_families (id, client_session_id, user_id, client_id, counter, rotated_at, scope, "
        "resources, claims, auth_time, acr, amr, created_at, idle_seconds, expires_at) "
        "SELECT {f}, {c}, {owner}, '{app}', 0, now(), '{scope}', '[]', '{{}}', now(), "
        "'aal1', '[\"pwd\"]', now(), 2592000, now() + interval '1 year' {numbers}"
    ),
)


@dataclass(frozen=True)
class Crowd:
    """Sessions number ``first``, a multiple of four, to ``last``, of one app."""

    first: int
    last: int
    app: str
    scope: tuple[str, ...]

    def fill(self, engine: Engine) -> None:
        """Put them into the tables. Checks of foreign keys are left out: they would take minutes for a million."""
        names = {kind: _ID.format(kind=kind) for kind in "udscf"}
        told = {
            **names, "owner": "md5('u' || (i - i % 4))::uuid", "app": self.app, "scope": json.dumps(self.scope),
            "agent": AGENT, "numbers": _NUMBERS.format(first=self.first, last=self.last),
        }  # fmt: skip
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET session_replication_role = replica")
            for statement in _FILL:
                connection.exec_driver_sql(statement.format(**told).replace("%", "%%"))
            connection.exec_driver_sql("SET session_replication_role = origin")
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")  # else whoever reads next writes what this has left behind

    def refresh_tokens(self, keys: MasterKeys, step: int = 1) -> Iterator[str]:
        """The first token of every ``step``-th of them."""
        for number in range(self.first, self.last + 1, step):
            yield format_token(keys, keys.current.key_id, named("f", number), 0, self.app)


def named(kind: str, number: int) -> UUID:
    """The id that PostgreSQL makes of the same."""
    return UUID(hashlib.md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest())


def bytes_each(connection: Connection, count: int) -> dict[str, tuple[float, float]]:
    """For each table: bytes of a session's row, and with all that belongs to the table, indexes above all."""
    found = {}
    for table in TABLES:
        sizes = connection.exec_driver_sql(
            f"SELECT pg_relation_size('{table}'), pg_total_relation_size('{table}')"
        ).one()
        found[table] = (sizes[0] / count, sizes[1] / count)
    return found


def hot_share(connection: Connection) -> float:
    """Which share of all refreshes stayed within their page (HOT), since statistics were reset."""
    connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
    updated, hot = connection.exec_driver_sql(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'refresh_families'"
    ).one()
    return hot / updated if updated else 0.0
