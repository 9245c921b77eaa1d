"""The append-only record."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, insert, select

from ..domain.event import SecurityEvent
from .database import Database
from .rows import Rows
from .tables import security_events

EVENT = Rows(SecurityEvent, security_events)
_E = security_events.c

_ADD_EVENT = insert(security_events)
_OF_USER = (
    select(*EVENT.columns)
    .where(_E.user_id == bindparam("owner"))
    .order_by(_E.at.desc(), _E.id)
    .limit(bindparam("most"))
)


class SqlEvents:
    """Implements ``ports.Events``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, event: SecurityEvent) -> None:
        """One line."""
        self._db.count(_ADD_EVENT, EVENT.parameters(event))

    def of_user(self, user_id: UUID, limit: int) -> Sequence[SecurityEvent]:
        """Latest first."""
        return EVENT.read_all(self._db.rows(_OF_USER, {"owner": user_id, "most": limit}))
