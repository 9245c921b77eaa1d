"""The sweeper: every table has an end to its rows, taken in bounded batches (P6).

What stays: users (tombstones keep a ``sub`` from being used again), clients, resources, consents. Of clients
that describe themselves at a URL those go that nobody allows anything: they are read again when they come.
Order matters: what refers to a row goes before it. Rows that somebody holds are skipped and taken on
the next round.

Why 35 days after an ending: the account page shows four weeks of what has ended. Why an interaction
stays for an hour after its end: whoever comes back to it is told that it has expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Delete, Integer, Table, and_, bindparam, delete, exists, or_, select, tuple_

from .columns import SecondsAfter, UtcDateTime
from .database import Database
from .liveness import NEEDS_NO_SESSION
from .polled_tables import polled_requests
from .tables import (
    assertion_ids,
    client_sessions,
    clients,
    codes,
    consents,
    devices,
    initial_access_tokens,
    interactions,
    outbox,
    pushed_requests,
    refresh_families,
    revocations,
    security_events,
    sessions,
    settling,
    throttles,
)  # fmt: skip

_LIMIT = bindparam("batch", type_=Integer)
_BEFORE = bindparam("before", type_=UtcDateTime())
_C, _S, _F, _D = client_sessions.c, sessions.c, refresh_families.c, devices.c

_SHOWN = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Rows of ``table`` for which ``useless`` holds, ``age`` before now being ``_BEFORE``."""

    table: Table
    useless: ColumnElement[bool]
    age: timedelta = timedelta(0)

    def statement(self) -> Delete:
        """Delete a batch. Locks are skipped on PostgreSQL; SQLite has none."""
        key = tuple(self.table.primary_key.columns)
        row = key[0] if len(key) == 1 else tuple_(*key)
        batch = select(*key).where(self.useless).limit(_LIMIT).with_for_update(skip_locked=True, of=self.table)
        return delete(self.table).where(row.in_(batch))


_UNUSED_CLIENT_SESSION = and_(
    _C.ended_at.is_(None), NEEDS_NO_SESSION, _C.last_used_at < _BEFORE,
    ~exists().where(_F.client_session_id == _C.id),
)  # fmt: skip
"""An offline one whose last refresh family is gone: no token of it can be alive any more."""

_SWEEPS = (
    _Sweep(codes, codes.c.expires_at < _BEFORE, timedelta(days=1)),
    _Sweep(polled_requests, polled_requests.c.expires_at < _BEFORE, timedelta(days=1)),
    _Sweep(interactions, interactions.c.expires_at < _BEFORE, timedelta(hours=1)),
    _Sweep(pushed_requests, pushed_requests.c.expires_at < _BEFORE, timedelta(days=1)),  # as long as an interaction
    _Sweep(
        refresh_families,
        and_(
            _F.created_at < _BEFORE,  # what ended before was made before: an index knows that
            or_(_F.expires_at < _BEFORE, SecondsAfter(_F.rotated_at, _F.idle_seconds) < _BEFORE),
        ),
        _SHOWN,
    ),
    _Sweep(client_sessions, or_(_C.ended_at < _BEFORE, _UNUSED_CLIENT_SESSION), _SHOWN),
    _Sweep(sessions, and_(_S.ended_at < _BEFORE, ~exists().where(_C.session_id == _S.id)), _SHOWN),
    _Sweep(
        devices,
        and_(
            _D.last_seen_at < _BEFORE,
            ~exists().where(_S.device_id == _D.id),
            ~exists().where(_C.device_id == _D.id),
        ),
        timedelta(days=400),
    ),
    _Sweep(revocations, revocations.c.expires_at < _BEFORE),
    _Sweep(security_events, security_events.c.at < _BEFORE, timedelta(days=400)),
    _Sweep(outbox, outbox.c.created_at < _BEFORE, timedelta(days=30)),
    _Sweep(throttles, throttles.c.expires_at < _BEFORE),
    _Sweep(assertion_ids, assertion_ids.c.expires_at < _BEFORE),
    _Sweep(initial_access_tokens, initial_access_tokens.c.expires_at < _BEFORE, _SHOWN),
    _Sweep(
        clients,
        and_(
            clients.c.metadata_expires_at < _BEFORE,
            clients.c.disabled_at.is_(None),  # an operator's no is not forgotten
            ~exists().where(consents.c.client_id == clients.c.client_id),
            ~exists().where(_C.client_id == clients.c.client_id),
        ),
        _SHOWN,
    ),
    _Sweep(settling, settling.c.known_at < _BEFORE, timedelta(hours=1)),
)
_STATEMENTS = tuple((sweep, sweep.statement()) for sweep in _SWEEPS)


class SqlSweeper:
    """Implements ``ports.Sweeper``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def sweep(self, now: datetime, batch: int) -> Mapping[str, int]:
        """Delete up to ``batch`` rows of each table; how many it was, by table."""
        return {
            sweep.table.name: self._db.count(statement, {"before": now - sweep.age, "batch": batch})
            for sweep, statement in _STATEMENTS
        }
