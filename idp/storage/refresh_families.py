"""Refresh families: one row for ever, moved on by one statement (P3, P6; design.md 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Text, and_, bindparam, exists, insert, or_, select, update

from ..domain.refresh import UNBOUND, RefreshFamily
from .database import Database
from .liveness import CLIENT_SESSION_LIVE, FAMILY_WITHIN_ENDS, HELD, NOW
from .rows import Rows
from .tables import client_sessions, refresh_families

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
        or_(_F.jkt.is_(None), _F.jkt == bindparam("jkt", type_=Text)),
        or_(_F.x5t.is_(None), _F.x5t == bindparam("x5t", type_=Text)),
        FAMILY_WITHIN_ENDS,
        exists().select_from(HELD).where(_HOLDS, CLIENT_SESSION_LIVE),
    )
    .values(counter=_F.counter + bindparam("step", type_=BigInteger), rotated_at=NOW)
    .returning(*FAMILY.columns)
)
_GET = (
    select(*FAMILY.columns, and_(FAMILY_WITHIN_ENDS, CLIENT_SESSION_LIVE).label("live"))
    .select_from(HELD.join(refresh_families, _HOLDS))
    .where(_KEY)
)


class SqlRefreshFamilies:
    """Implements ``ports.RefreshFamilies``."""

    def __init__(self, database: Database) -> None:
        self._db = database

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
            "jkt": confirmation.get("jkt"), "x5t": confirmation.get("x5t#S256"), "step": step,
        }  # fmt: skip
        rows = self._db.hot_changed(_ROTATE, asked)
        return FAMILY.read(rows[0]) if rows else None

    def get(self, family_id: UUID, now: datetime) -> tuple[RefreshFamily, bool] | None:
        """The family, and whether it and everything it hangs on is live."""
        row = self._db.hot_row(_GET, {"key": family_id, "now": now})
        return None if row is None else (FAMILY.read(row), bool(row[-1]))
