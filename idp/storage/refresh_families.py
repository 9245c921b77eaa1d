"""Refresh families: one row for ever, moved on by one statement (P3, P6; design.md 4.1).

On PostgreSQL that statement also notes the activity of the client session and its Session, where a minute
has passed since they were last noted: three statements would be three round trips and three durable commits.
Noting waits for nobody (SKIP LOCKED): whoever holds such a row notes the same or ends it, and an ending, which
locks from the Session down, must never meet a refresh that locks from the family up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    insert,
    or_,
    select,
    update,
)

from ..domain.authorization_details import Detail
from ..domain.refresh import UNBOUND, RefreshFamily
from .database import Database
from .liveness import CLIENT_SESSION_LIVE, FAMILY_WITHIN_ENDS, HELD, NOW, SESSION_LIVE
from .recently import MINUTE, Recently
from .rows import Rows
from .tables import client_sessions, refresh_families, sessions

FAMILY = Rows(RefreshFamily, refresh_families)
_F = refresh_families.c
_KEY = _F.id == bindparam("key")
_HOLDS = client_sessions.c.id == _F.client_session_id

_ADD = insert(refresh_families)
_ROTATE = (
    update(refresh_families)
    .where(
        _KEY,
        _F.counter == bindparam("presented"),
        _F.client_id == bindparam("asker"),
        or_(_F.jkt.is_(None), _F.jkt == bindparam("proven_jkt", type_=Text)),  # Core sets what is named as a column is
        or_(_F.x5t.is_(None), _F.x5t == bindparam("proven_x5t", type_=Text)),
        FAMILY_WITHIN_ENDS,
        exists().select_from(HELD).where(_HOLDS, CLIENT_SESSION_LIVE),
    )
    .values(counter=_F.counter + bindparam("step", type_=BigInteger), rotated_at=NOW)
    .returning(*FAMILY.columns)
)
_MOVED = _ROTATE.cte("moved")
_STALE = bindparam("stale", type_=sessions.c.last_seen_at.type)


def _noted(table: Table, time: Column[datetime], found: Select[tuple[UUID]]) -> CTE:
    """The UPDATE of ``time`` in the row that ``found`` finds, if that is old and nobody holds the row."""
    free = found.where(time < _STALE).with_for_update(of=table, key_share=True, skip_locked=True).correlate(None)
    return update(table).where(table.c.id == free.scalar_subquery()).values({time: NOW}).cte(f"noted_{table.name}")


_HELD_BY_IT = client_sessions.c.id == _MOVED.c.client_session_id
_USED = select(client_sessions.c.id).where(_HELD_BY_IT, client_sessions.c.ended_at.is_(None))
_SEEN = (
    select(sessions.c.id)
    .join(client_sessions, client_sessions.c.session_id == sessions.c.id)
    .where(_HELD_BY_IT, client_sessions.c.offline.is_(False), SESSION_LIVE)
)
_ROTATE_AND_NOTE = select(*(_MOVED.c[column.name] for column in FAMILY.columns)).add_cte(
    _noted(client_sessions, client_sessions.c.last_used_at, _USED),
    _noted(sessions, sessions.c.last_seen_at, _SEEN),
)
_GET = (
    select(*FAMILY.columns, and_(FAMILY_WITHIN_ENDS, CLIENT_SESSION_LIVE).label("live"))
    .select_from(HELD.join(refresh_families, _HOLDS))
    .where(_KEY)
)
_DETAILS_OF = (
    select(_F.client_id, _F.authorization_details)
    .select_from(HELD.join(refresh_families, _HOLDS))
    .where(
        client_sessions.c.user_id == bindparam("owner", type_=_F.user_id.type),
        cast(_F.authorization_details, Text) != "[]",
        FAMILY_WITHIN_ENDS,
        CLIENT_SESSION_LIVE,
    )
    .order_by(_F.created_at, _F.id)
)


class SqlRefreshFamilies:
    """Implements ``ports.RefreshFamilies``."""

    def __init__(self, database: Database, touched: Recently) -> None:
        self._db = database
        self._touched = touched

    def add(self, family: RefreshFamily) -> None:
        """Born at a redemption."""
        self._db.hot_count(_ADD, FAMILY.parameters(family))

    def rotate(
        self,
        family_id: UUID,
        presented: int,
        client_id: str,
        now: datetime,
        confirmation: Mapping[str, str] = UNBOUND,
        *,
        step: int = 1,
    ) -> RefreshFamily | None:
        """Advance the counter if ``presented`` is current, its key proven and everything live, else write nothing.

        Of several that race, the row lock lets one pass; PostgreSQL then tests the others against the
        new version of the row, where the counter has moved on.
        """
        asked = {
            "key": family_id, "presented": presented, "asker": client_id, "now": now,
            "proven_jkt": confirmation.get("jkt"), "proven_x5t": confirmation.get("x5t#S256"), "step": step,
        }  # fmt: skip
        if self._db.sqlite:
            rows = self._db.hot_changed(_ROTATE, asked)
            return FAMILY.read(rows[0]) if rows else None
        rows = self._db.hot_changed(_ROTATE_AND_NOTE, asked | {"stale": now - MINUTE})
        if not rows:
            return None
        family = FAMILY.read(rows[0])
        self._touched.first(family.client_session_id, now)
        return family

    def get(self, family_id: UUID, now: datetime) -> tuple[RefreshFamily, bool] | None:
        """The family, and whether it and everything it hangs on is live."""
        row = self._db.hot_row(_GET, {"key": family_id, "now": now})
        return None if row is None else (FAMILY.read(row), bool(row[-1]))

    def details_of(self, user_id: UUID, now: datetime) -> Sequence[tuple[str, tuple[Detail, ...]]]:
        """What clients may do by details that this person has granted and that still lives."""
        return [(row[0], row[1]) for row in self._db.rows(_DETAILS_OF, {"owner": user_id, "now": now})]
