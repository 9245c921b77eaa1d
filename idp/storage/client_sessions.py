"""Client sessions: what each client holds; the id is the ``sid`` of every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update

from ..domain.session import ClientSession, Liveness
from ..domain.user import User
from ..errors import Conflict
from .columns import SecondsAfter
from .database import Database
from .liveness import CLIENT_SESSION_LIVE, HELD, NEEDS_NO_SESSION, NOW, SESSION_LIVE
from .recently import MINUTE, Recently
from .rows import CLIENT_SESSION, USER
from .tables import client_sessions, clients, sessions
from .upsert import insert_or_nothing

_C = client_sessions.c
_KEY = _C.id == bindparam("key")
_FACTS = (
    _C.id, _C.user_id, _C.client_id, CLIENT_SESSION_LIVE.label("live"), _C.ended_at.is_not(None).label("ended"),
    NEEDS_NO_SESSION.label("alone"), sessions.c.expires_at,
    SecondsAfter(sessions.c.last_seen_at, sessions.c.idle_seconds).label("idle_end"),
)  # fmt: skip
_JOIN_ATTEMPTS = 3

_OPEN = (
    select(_C.id)
    .where(_C.ended_at.is_(None), _C.created_at <= bindparam("moment"), _C.id > bindparam("place"))
    .order_by(_C.id)
    .limit(bindparam("most"))
)
_GET = select(*CLIENT_SESSION.columns).where(_KEY)
_LIVENESS = select(*_FACTS).select_from(HELD).where(_KEY)
_LIVENESS_WITH_USER = select(*_FACTS, clients.c.metadata, *USER.columns).select_from(HELD).where(_KEY)
_LIVE_ONE = (
    select(*CLIENT_SESSION.columns)
    .where(_C.session_id == bindparam("of_session"), _C.client_id == bindparam("of_client"), _C.ended_at.is_(None))
    .with_for_update(key_share=True)
)
_INSERT = insert_or_nothing(client_sessions)
_WIDEN = (
    update(client_sessions)
    .where(_KEY, _C.ended_at.is_(None))
    .values(
        scope=bindparam("all_scopes", type_=_C.scope.type),
        offline=or_(_C.offline, bindparam("also_offline", type_=_C.offline.type)),
        last_used_at=bindparam("used", type_=_C.last_used_at.type),
    )
    .returning(*CLIENT_SESSION.columns)
)
_OF_USER = (
    select(*CLIENT_SESSION.columns)
    .select_from(client_sessions.outerjoin(sessions, sessions.c.id == _C.session_id))
    .where(
        _C.user_id == bindparam("owner"), _C.ended_at.is_(None), or_(NEEDS_NO_SESSION, sessions.c.ended_at.is_(None))
    )
    .order_by(_C.last_used_at.desc(), _C.id)
)
_OFFLINE_OF = (
    select(*CLIENT_SESSION.columns)
    .where(_C.session_id == bindparam("of_session"), _C.offline, _C.ended_at.is_(None))
    .order_by(_C.id)
)
_ENDED_OF = (
    select(*CLIENT_SESSION.columns)
    .where(_C.session_id == bindparam("of_session"), _C.ended_at >= bindparam("since"))
    .order_by(_C.id)
)
_TOUCH = (
    update(client_sessions)
    .where(_KEY, _C.ended_at.is_(None), _C.last_used_at < bindparam("stale"))
    .values(last_used_at=NOW)
)
_TOUCH_SESSION = (
    update(sessions)
    .where(
        sessions.c.id == select(_C.session_id).where(_KEY, _C.offline.is_(False)).scalar_subquery(),
        sessions.c.last_seen_at < bindparam("stale"),
        SESSION_LIVE,
    )
    .values(last_seen_at=NOW)
)


class SqlClientSessions:
    """Implements ``ports.ClientSessions``."""

    def __init__(self, database: Database, touched: Recently) -> None:
        self._db = database
        self._touched = touched

    def join(self, client_session: ClientSession) -> ClientSession:
        """Insert, or widen the live one of the same (session, client).

        The Session's lock keeps endings out. Two joins that race without it are told apart by the
        unique index: who loses the insert has waited for the winner's row to commit, and finds it.
        """
        with self._db.work():
            for _ in range(_JOIN_ATTEMPTS):
                joined = self._inserted(client_session) or self._widened(client_session)
                if joined is not None:
                    return joined
        raise Conflict("a client session of this id exists already")

    def get(self, sid: UUID) -> ClientSession | None:
        """By ``sid``, in whatever state."""
        return CLIENT_SESSION.read_one(self._db.hot_row(_GET, {"key": sid}))

    def open_since_before(self, moment: datetime, after: UUID, limit: int) -> Sequence[UUID]:
        """Begun at or before ``moment`` and not ended, by id."""
        return [row[0] for row in self._db.rows(_OPEN, {"moment": moment, "place": after, "most": limit})]

    def liveness(self, sid: UUID, now: datetime) -> Liveness | None:
        """One statement by primary key."""
        row = self._db.hot_row(_LIVENESS, {"key": sid, "now": now})
        return None if row is None else _liveness(row)

    def liveness_with_user(self, sid: UUID, now: datetime) -> tuple[Liveness, User, Mapping[str, object]] | None:
        """The same with the user and the client's metadata, still one statement."""
        row = self._db.hot_row(_LIVENESS_WITH_USER, {"key": sid, "now": now})
        if row is None:
            return None
        metadata, *user = row[len(_FACTS) :]
        return _liveness(row), USER.read(user), metadata

    def of_user(self, user_id: UUID) -> Sequence[ClientSession]:
        """Those still open, latest use first."""
        return CLIENT_SESSION.read_all(self._db.rows(_OF_USER, {"owner": user_id}))

    def offline_of(self, session_id: UUID) -> Sequence[ClientSession]:
        """Open ones, by id."""
        return CLIENT_SESSION.read_all(self._db.rows(_OFFLINE_OF, {"of_session": session_id}))

    def ended_of(self, session_id: UUID, since: datetime) -> Sequence[ClientSession]:
        """Ended at or after ``since``, by id."""
        return CLIENT_SESSION.read_all(self._db.rows(_ENDED_OF, {"of_session": session_id, "since": since}))

    def touch(self, sid: UUID, now: datetime) -> None:
        """Note activity of it and, if it is online, of its Session, at most once a minute.

        An offline one refreshes with nobody there: that must not keep a browser signed in (ASVS 7.3.1).
        """
        if self._touched.first(sid, now):
            noted = {"key": sid, "now": now, "stale": now - MINUTE}
            self._db.hot_count(_TOUCH, noted)
            self._db.hot_count(_TOUCH_SESSION, noted)

    def _widened(self, wanted: ClientSession) -> ClientSession | None:
        if wanted.session_id is None:
            return None
        where = {"of_session": wanted.session_id, "of_client": wanted.client_id}
        found = CLIENT_SESSION.read_one(self._db.hot_row(_LIVE_ONE, where))
        if found is None:
            return None
        union = tuple(dict.fromkeys((*found.scope, *wanted.scope)))
        more = {"all_scopes": union, "also_offline": wanted.offline, "used": wanted.last_used_at}
        rows = self._db.hot_changed(_WIDEN, {"key": found.id} | more)
        return CLIENT_SESSION.read(rows[0]) if rows else None

    def _inserted(self, wanted: ClientSession) -> ClientSession | None:
        return wanted if self._db.hot_count(_INSERT, CLIENT_SESSION.parameters(wanted)) else None


def _liveness(row: Sequence[Any]) -> Liveness:
    sid, user_id, client_id, live, ended, alone, expires_at, idle_end = row[: len(_FACTS)]
    until = None if alone else min(expires_at, idle_end)
    return Liveness(
        sid=sid, user_id=user_id, client_id=client_id, live=bool(live), until=until, ended=bool(ended)
    )  # fmt: skip
