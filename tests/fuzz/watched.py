"""The rows that nothing thrown may change: the victim's, and everybody's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, bindparam, or_, select, text

from idp.storage import tables
from idp.storage.polled_tables import polled_requests
from idp.storage.trusted_issuers import trusted_issuers

ALLOWED_ABOUT_THE_VICTIM = ("sign_in.refused",)
_OWNER, _APP = bindparam("owner"), bindparam("app")
# Whoever knows a request_uri may have it answered, by whomever (RFC 9126 section 7.1): that uses it up.
_PUSHED = [column for column in tables.pushed_requests.c if column.name != "used_at"]
_QUERIES: dict[str, Any] = {
    "users": select(tables.users).where(tables.users.c.id == _OWNER),
    "clients": select(tables.clients).where(tables.clients.c.client_id.in_([_APP, "api"])),
    "interactions": select(tables.interactions).where(tables.interactions.c.id_hash == bindparam("interaction")),
    "revocations": select(tables.revocations).where(
        tables.revocations.c.value.in_([bindparam("text"), bindparam("sid"), _APP])
    ),
    "security_events": select(tables.security_events).where(
        tables.security_events.c.user_id == _OWNER,
        tables.security_events.c.kind.not_in(ALLOWED_ABOUT_THE_VICTIM),
    ),
    "outbox": text("SELECT * FROM outbox WHERE CAST(payload AS TEXT) LIKE :like"),
    **{
        table.name: select(table).where(table.c.user_id == _OWNER)
        for table in (
            tables.devices, tables.sessions, tables.client_sessions, tables.refresh_families, tables.codes,
            tables.consents, tables.pairwise_subjects,
        )
    },
    "polled_requests": select(polled_requests).where(
        or_(polled_requests.c.user_id == _OWNER, polled_requests.c.client_id == _APP)
    ),
    "pushed_requests": select(*_PUSHED).where(tables.pushed_requests.c.client_id == _APP),
    "assertion_ids": select(tables.assertion_ids).where(tables.assertion_ids.c.client_id == _APP),
    **{
        table.name: select(table)
        for table in (
            tables.resources, tables.scopes, tables.signing_keys, tables.detail_types, tables.initial_access_tokens,
            trusted_issuers,
        )
    },
}  # fmt: skip


def rows_of(engine: Engine, owner: UUID, app: str, sid: str, interaction_hash: str) -> dict[str, list[str]]:
    """Every such row as text, by table."""
    named = {
        "owner": owner, "app": app, "like": f"%{owner}%", "interaction": bytes.fromhex(interaction_hash),
        "text": str(owner), "sid": sid,
    }  # fmt: skip
    with engine.connect() as connection:
        return {name: _read(connection, query, named) for name, query in _QUERIES.items()}


def _read(connection: Connection, query: Any, named: dict[str, Any]) -> list[str]:
    return sorted(repr(tuple(row)) for row in connection.execute(query, named))
