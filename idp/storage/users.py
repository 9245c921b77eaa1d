"""Users. The unique ``email_key`` is the address as compared; a tombstone has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, select, update

from ..domain.user import User, email_key
from ..errors import Conflict
from .database import Database
from .pages import Pages
from .rows import USER
from .tables import devices, pairwise_subjects, security_events, sessions, users
from .upsert import insert_or_nothing

_ADD = insert_or_nothing(users)
_GET = select(*USER.columns).where(users.c.id == bindparam("key"))
_HOLD = _GET.with_for_update(key_share=True)
_BY_EMAIL = select(*USER.columns).where(users.c.email_key == bindparam("key"), users.c.deleted_at.is_(None))
_EXISTING = select(*USER.columns).where(users.c.deleted_at.is_(None))
_ALL = Pages(_EXISTING, users.c.created_at, users.c.id, UUID(int=0))
_SAVE = update(users).where(users.c.id == bindparam("key"))
_OWNER = bindparam("owner", type_=Uuid)
_ERASE = (
    update(sessions).where(sessions.c.user_id == _OWNER).values(address="", user_agent=""),
    update(devices).where(devices.c.user_id == _OWNER).values(user_agent="", name=None, secret_hash=None),
    update(security_events).where(security_events.c.user_id == _OWNER).values(address="", user_agent=""),
    delete(pairwise_subjects).where(pairwise_subjects.c.user_id == _OWNER),
)


class SqlUsers:
    """Implements ``ports.Users``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, user: User) -> None:
        """Raises Conflict if the address is taken."""
        if not self._db.count(_ADD, USER.parameters(user) | _compared(user)):
            raise Conflict("the address is taken")

    def get(self, user_id: UUID) -> User | None:
        """By id, in whatever state."""
        return USER.read_one(self._db.hot_row(_GET, {"key": user_id}))

    def hold(self, user_id: UUID) -> User | None:
        """The same, under a lock that every other change of this row, and every other ``hold``, waits for."""
        return USER.read_one(self._db.row(_HOLD, {"key": user_id}))

    def by_email(self, email: str) -> User | None:
        """By the address as compared; tombstones are not found."""
        return USER.read_one(self._db.row(_BY_EMAIL, {"key": email_key(email)}))

    def list(self) -> Sequence[User]:
        """Oldest first, without tombstones."""
        return _ALL.read(self._db, USER)

    def save(self, user: User) -> None:
        """Replace all but ``id`` and ``created_at``; raises Conflict and leaves the transaction usable."""
        with self._db.savepoint():
            changes = USER.changes(user, "id", "created_at") | _compared(user)
            self._db.count(_SAVE, {"key": user.id} | changes)

    def erase_traces(self, user_id: UUID) -> None:
        """Sessions before devices, as endings lock them."""
        with self._db.work():
            for statement in _ERASE:
                self._db.count(statement, {"owner": user_id})


def _compared(user: User) -> dict[str, Any]:
    return {"email_key": None if user.deleted_at is not None else email_key(user.email) or None}
