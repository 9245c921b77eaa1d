"""The append-only record, and what must reach the outside because of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, insert, select

from ..domain.event import OutboxMessage, SecurityEvent
from .database import Database
from .rows import Rows
from .tables import outbox, security_events

EVENT = Rows(SecurityEvent, security_events)
MESSAGE = Rows(OutboxMessage, outbox)
_E = security_events.c

_ADD_EVENT = insert(security_events)
_OF_USER = (
    select(*EVENT.columns)
    .where(_E.user_id == bindparam("owner"))
    .order_by(_E.at.desc(), _E.id)
    .limit(bindparam("most"))
)
_ADD_MESSAGE = insert(outbox)
_PENDING = select(*MESSAGE.columns).order_by(outbox.c.due_at, outbox.c.id).limit(bindparam("most"))


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


class SqlOutbox:
    """Implements ``ports.Outbox``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, messages: Sequence[OutboxMessage]) -> None:
        """In the transaction of what they report, so that neither exists without the other."""
        with self._db.work():
            for message in messages:
                self._db.count(_ADD_MESSAGE, MESSAGE.parameters(message))

    def pending(self, limit: int) -> Sequence[OutboxMessage]:
        """Longest due first."""
        return MESSAGE.read_all(self._db.rows(_PENDING, {"most": limit}))
