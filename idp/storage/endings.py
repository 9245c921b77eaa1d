"""Ending sessions: the only statements in the program that write ``ended_at`` (P2; design.md section 5).

The order of locks, and why each comes where it does (consents, where they are withdrawn, come before
all of these; a redemption holds its consent first):

1. For ``WholeClient`` and ``ClientOfUser``, which lock no Session: outstanding codes. A redemption has
   claimed its code before it inserts the client session, so waiting for the code is waiting for it; what
   it inserted is then in the snapshot of step 3. Without this a redemption in flight would survive.
2. Sessions, by id. A redemption holds its Session (``lock_live``) while it joins, so the same argument
   holds for every target that ends Sessions.
3. Client sessions, by id.
4. For ``WholeUser``: outstanding codes that nobody holds (SKIP LOCKED). A redemption takes its code
   before its Session; waiting for it here, with its Session in hand, would be a deadlock. Whoever holds
   one will find the Session ended.

Approved requests that wait for their client to come back (RFC 8628, CIBA) are codes in all this: a redemption
claims its row before the Session it was approved in, and an approval takes its row before that Session too.

Each UPDATE repeats the condition, so a row that somebody else ended meanwhile is neither written twice
nor reported. On SQLite the one writer needs no row locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Text, Update, Uuid, bindparam, or_, select, update

from ..domain.session import (
    ClientOfUser,
    Ended,
    EndReason,
    EndTarget,
    OneClientSession,
    OtherDevices,
    OtherSessions,
    ThisSession,
    WholeClient,
    WholeDevice,
    WholeUser,
)  # fmt: skip
from .database import AnyRow, Database
from .liveness import NOW
from .polled_tables import polled_requests
from .rows import CLIENT_SESSION, SESSION
from .tables import client_sessions, codes, sessions

_S, _C, _K, _P = sessions.c, client_sessions.c, codes.c, polled_requests.c
_USER, _DEVICE = bindparam("user_id_", type_=Uuid), bindparam("device_id_", type_=Uuid)
_SESSION, _SID = bindparam("session_id_", type_=Uuid), bindparam("sid_", type_=Uuid)
_CLIENT = bindparam("client_id_", type_=Text)
_SINCE = bindparam("since", type_=_C.ended_at.type)


@dataclass(frozen=True, slots=True)
class _Aim:
    """What one kind of target covers, as conditions over the three tables; None covers nothing."""

    sessions: ColumnElement[bool] | None
    client_sessions: ColumnElement[bool]
    codes: ColumnElement[bool] | None = None
    polled: ColumnElement[bool] | None = None
    codes_first: bool = False


_AIMS: dict[type, _Aim] = {
    ThisSession: _Aim(_S.id == _SESSION, (_C.session_id == _SESSION) & _C.offline.is_(False)),
    WholeDevice: _Aim(
        (_S.user_id == _USER) & (_S.device_id == _DEVICE), (_C.user_id == _USER) & (_C.device_id == _DEVICE)
    ),
    OtherDevices: _Aim(
        (_S.user_id == _USER) & (_S.device_id != _DEVICE), (_C.user_id == _USER) & (_C.device_id != _DEVICE)
    ),
    OtherSessions: _Aim(
        (_S.user_id == _USER) & (_S.id != _SESSION),
        (_C.user_id == _USER) & or_(_C.session_id.is_(None), _C.session_id != _SESSION),
    ),
    WholeUser: _Aim(_S.user_id == _USER, _C.user_id == _USER, _K.user_id == _USER, _P.user_id == _USER),
    WholeClient: _Aim(
        None, _C.client_id == _CLIENT, _K.client_id == _CLIENT, _P.client_id == _CLIENT, codes_first=True
    ),
    ClientOfUser: _Aim(
        None, (_C.user_id == _USER) & (_C.client_id == _CLIENT),
        (_K.client_id == _CLIENT) & (_K.user_id == _USER), (_P.client_id == _CLIENT) & (_P.user_id == _USER),
        codes_first=True,
    ),
    OneClientSession: _Aim(None, _C.id == _SID),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _LockedUpdate:
    """Lock the open rows in the order of their ids, then end them."""

    lock: Select[Any]
    write: Update


def _end_sessions(aim: _Aim) -> _LockedUpdate | None:
    if aim.sessions is None:
        return None
    still_open = aim.sessions & _S.ended_at.is_(None)
    end = {"ended_at": NOW, "end_reason": bindparam("why", type_=_S.end_reason.type), "ended_by": bindparam("who")}
    return _LockedUpdate(
        _locking(select(_S.id).where(still_open).order_by(_S.id)),
        update(sessions).where(still_open).values(end).returning(*SESSION.columns),
    )


def _end_client_sessions(aim: _Aim) -> _LockedUpdate:
    still_open = aim.client_sessions & _C.ended_at.is_(None)
    end = {"ended_at": NOW, "end_reason": bindparam("why", type_=_C.end_reason.type)}
    return _LockedUpdate(
        _locking(select(_C.id).where(still_open).order_by(_C.id)),
        update(client_sessions).where(still_open).values(end).returning(*CLIENT_SESSION.columns),
    )


def _use_up_codes(aim: _Aim) -> Sequence[Update]:
    """What could still become a client session: authorization codes, and requests that are polled for."""
    return [
        _use_up(table, aimed, skip_locked=not aim.codes_first)
        for table, aimed in ((codes, aim.codes), (polled_requests, aim.polled))
        if aimed is not None
    ]


def _use_up(table: Table, aimed: ColumnElement[bool], *, skip_locked: bool) -> Update:
    key, open_still = table.primary_key.columns[0], table.c.used_at.is_(None)
    unused = select(key).where(aimed, open_still).order_by(key)
    return update(table).where(key.in_(_locking(unused, skip_locked)), open_still).values(used_at=NOW)


def _locking(query: Select[Any], skip_locked: bool = False) -> Select[Any]:
    return query.with_for_update(key_share=True, skip_locked=skip_locked)


class _Statements:
    """The statements of one aim, built once."""

    def __init__(self, aim: _Aim) -> None:
        self.sessions = _end_sessions(aim)
        self.client_sessions = _end_client_sessions(aim)
        self.codes = _use_up_codes(aim)
        self.lately_ended = select(_C.id).where(aim.client_sessions, _C.ended_at >= _SINCE)
        self.codes_first = aim.codes_first


_STATEMENTS = {kind: _Statements(aim) for kind, aim in _AIMS.items()}


class Endings:
    """Ends what a target covers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def end(self, target: EndTarget, reason: EndReason, by: str, now: datetime) -> Ended:
        """Everything open under ``target``, in one transaction; returns what was open."""
        statements = _STATEMENTS[type(target)]
        values = _parameters(target) | {"now": now, "why": reason, "who": by}
        with self._db.work():
            if statements.codes_first:
                self._use_up(statements.codes, values)
            ended_sessions = self._end(statements.sessions, values)
            ended_client_sessions = self._end(statements.client_sessions, values)
            if not statements.codes_first:
                self._use_up(statements.codes, values)
        return Ended(
            sessions=SESSION.read_all(ended_sessions), client_sessions=CLIENT_SESSION.read_all(ended_client_sessions)
        )

    def lately_ended(self, target: EndTarget, since: datetime) -> Sequence[UUID]:
        """The client sessions under ``target`` that ended at or after ``since``."""
        values = _parameters(target) | {"since": since}
        return [row[0] for row in self._db.rows(_STATEMENTS[type(target)].lately_ended, values)]

    def _end(self, statement: _LockedUpdate | None, values: dict[str, Any]) -> Sequence[AnyRow]:
        if statement is None:
            return ()
        if not self._db.sqlite:
            self._db.rows(statement.lock, values)
        return self._db.changed(statement.write, values)

    def _use_up(self, statements: Sequence[Update], values: dict[str, Any]) -> None:
        for statement in statements:
            self._db.count(statement, values)


def _parameters(target: EndTarget) -> dict[str, Any]:
    match target:
        case ThisSession(session_id):
            return {"session_id_": session_id}
        case WholeDevice(user_id, device_id) | OtherDevices(user_id, device_id):
            return {"user_id_": user_id, "device_id_": device_id}
        case OtherSessions(user_id, session_id):
            return {"user_id_": user_id, "session_id_": session_id}
        case WholeUser(user_id):
            return {"user_id_": user_id}
        case WholeClient(client_id):
            return {"client_id_": client_id}
        case ClientOfUser(user_id, client_id):
            return {"user_id_": user_id, "client_id_": client_id}
        case OneClientSession(sid):
            return {"sid_": sid}
