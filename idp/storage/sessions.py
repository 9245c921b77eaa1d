"""Sessions, but for their ending (``endings.py``).

Why every write repeats "is live": activity noted a moment after the idle end, by a request that began
before it, must not raise the dead (reliability.md I2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, case, func, insert, or_, select, update

from ..domain.session import Ended, EndReason, EndTarget, Factor, Session
from ..domain.user import User
from .columns import SecondsAfter
from .database import Database
from .endings import Endings
from .liveness import NOW, SESSION_LIVE, USER_LIVE
from .recently import MINUTE, Recently
from .rows import SESSION, USER
from .tables import sessions, users

_WITH_USER = sessions.join(users, users.c.id == sessions.c.user_id)
_KEY = sessions.c.id == bindparam("key")

_ADD = insert(sessions)
_GET = select(*SESSION.columns).where(_KEY)
_BY_SECRET = (
    select(*SESSION.columns, *USER.columns).select_from(_WITH_USER).where(sessions.c.secret_hash == bindparam("hash"))
)
_LOCK_LIVE = (
    select(*SESSION.columns)
    .select_from(_WITH_USER)
    .where(_KEY, SESSION_LIVE, USER_LIVE)
    .with_for_update(key_share=True, of=sessions)
)
_PROVE = (
    update(sessions)
    .where(_KEY, SESSION_LIVE)
    .values(
        factors=bindparam("proofs", type_=sessions.c.factors.type),
        secret_hash=bindparam("hash"),
        last_seen_at=NOW,
        persistent=func.coalesce(bindparam("lasting", type_=sessions.c.persistent.type), sessions.c.persistent),
        idle_seconds=func.coalesce(bindparam("idle", type_=sessions.c.idle_seconds.type), sessions.c.idle_seconds),
    )
)
_TOUCH = (
    update(sessions)
    .where(_KEY, sessions.c.last_seen_at < bindparam("stale"), SESSION_LIVE)
    .values(last_seen_at=NOW, address=bindparam("place"))
)
_OF_USER = (
    select(*SESSION.columns)
    .where(
        sessions.c.user_id == bindparam("owner"),
        or_(sessions.c.ended_at.is_(None), sessions.c.ended_at >= bindparam("since")),
    )
    .order_by(sessions.c.last_seen_at.desc(), sessions.c.id)
)
_OPEN = (
    select(sessions.c.id)
    .where(
        sessions.c.ended_at.is_(None), sessions.c.created_at <= bindparam("moment"), sessions.c.id > bindparam("place")
    )
    .order_by(sessions.c.id)
    .limit(bindparam("most"))
)
_WHY = case((sessions.c.expires_at <= NOW, EndReason.ABSOLUTE.value), else_=EndReason.IDLE.value)
_DUE = (
    select(sessions.c.id, _WHY)
    .where(
        sessions.c.ended_at.is_(None),
        or_(
            sessions.c.expires_at <= NOW,
            SecondsAfter(sessions.c.last_seen_at, sessions.c.idle_seconds) <= NOW,
        ),
    )
    .limit(bindparam("most"))
)


class SqlSessions:
    """Implements ``ports.Sessions``."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._endings = Endings(database)
        self._touched = Recently()

    def add(self, session: Session) -> None:
        """A sign-in."""
        self._db.count(_ADD, SESSION.parameters(session))

    def get(self, session_id: UUID) -> Session | None:
        """By id, in whatever state."""
        return SESSION.read_one(self._db.hot_row(_GET, {"key": session_id}))

    def by_secret(self, secret_hash: bytes) -> tuple[Session, User] | None:
        """The session of a cookie and its user, one statement."""
        row = self._db.hot_row(_BY_SECRET, {"hash": secret_hash})
        if row is None:
            return None
        return SESSION.read(row), USER.read(row[len(SESSION.columns) :])

    def lock_live(self, session_id: UUID, now: datetime) -> Session | None:
        """Lock the row until commit; None if it is not live.

        An ending that committed first is seen: having waited for the lock, PostgreSQL tests the new
        version of the row. An ending that comes after waits for us and then sees what we inserted.
        """
        return SESSION.read_one(self._db.hot_row(_LOCK_LIVE, {"key": session_id, "now": now}))

    def prove(
        self,
        session_id: UUID,
        factors: Sequence[Factor],
        secret_hash: bytes,
        now: datetime,
        lasting: tuple[bool, int] | None,
    ) -> bool:
        """A fresh proof replaces the factors and the cookie; False if the session is not live."""
        persistent, idle = lasting or (None, None)
        proof = {"proofs": tuple(factors), "hash": secret_hash, "lasting": persistent, "idle": idle}
        return self._db.count(_PROVE, {"key": session_id, "now": now} | proof) == 1

    def touch(self, session_id: UUID, now: datetime, address: str) -> None:
        """Note activity, at most once a minute."""
        if self._touched.first(session_id, now):
            self._db.hot_count(_TOUCH, {"key": session_id, "now": now, "stale": now - MINUTE, "place": address})

    def of_user(self, user_id: UUID, ended_since: datetime) -> Sequence[Session]:
        """Open ones and those ended since, latest activity first."""
        return SESSION.read_all(self._db.rows(_OF_USER, {"owner": user_id, "since": ended_since}))

    def open_since_before(self, moment: datetime, after: UUID, limit: int) -> Sequence[UUID]:
        """Begun at or before ``moment`` and not ended, by id."""
        return [row[0] for row in self._db.rows(_OPEN, {"moment": moment, "place": after, "most": limit})]

    def due(self, now: datetime, limit: int) -> Sequence[tuple[UUID, EndReason]]:
        """Open ones past an end, with the reason to end them."""
        return [(row[0], EndReason(row[1])) for row in self._db.rows(_DUE, {"now": now, "most": limit})]

    def end(self, target: EndTarget, reason: EndReason, by: str, now: datetime) -> Ended:
        """The only writer of ``ended_at`` (P2)."""
        return self._endings.end(target, reason, by, now)

    def lately_ended(self, target: EndTarget, since: datetime) -> Sequence[UUID]:
        """The ``sid`` of what ended under ``target`` at or after ``since``."""
        return self._endings.lately_ended(target, since)
