"""Requests that clients poll for: decided once, redeemed once, each by one statement (P4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, bindparam, or_, select, update

from ..domain.polled import PolledRequest
from ..domain.session import Session
from .columns import SecondsAfter, UtcDateTime
from .database import Database
from .liveness import NOW
from .polled_tables import polled_requests
from .rows import Rows
from .upsert import insert_or_nothing

POLLED = Rows(PolledRequest, polled_requests)
_P = polled_requests.c
_KEY = _P.id == bindparam("key")
_UNDECIDED = _P.approved_at.is_(None) & _P.denied_at.is_(None) & _P.used_at.is_(None)
_WAITING = _UNDECIDED & (_P.expires_at > NOW)

_ADD = insert_or_nothing(polled_requests)
_GET = select(*POLLED.columns).where(_KEY)
_BY_CODE = select(*POLLED.columns).where(_P.code_hash == bindparam("hash"))
_BY_USER_CODE = select(*POLLED.columns).where(_P.user_code_hash == bindparam("hash"), _WAITING)
_OF_USER = (
    select(*POLLED.columns)
    .where(_P.user_id == bindparam("owner"), _P.kind == bindparam("wanted"), _WAITING)
    .order_by(_P.created_at, _P.id)
)
_IN_TIME = (
    update(polled_requests)
    .where(
        _KEY,
        or_(
            _P.polled_at.is_(None),
            SecondsAfter(_P.polled_at, _P.interval) <= bindparam("soon", type_=UtcDateTime()),
        ),
    )
    .values(polled_at=NOW)
)
_TOO_FAST = (
    update(polled_requests).where(_KEY).values(polled_at=NOW, interval=_P.interval + bindparam("more", type_=Integer))
)
_APPROVE = (
    update(polled_requests)
    .where(_KEY, _WAITING, or_(_P.user_id.is_(None), _P.user_id == bindparam("who", type_=_P.user_id.type)))
    .values(
        approved_at=NOW,
        user_id=bindparam("who", type_=_P.user_id.type),
        session_id=bindparam("in_session", type_=_P.session_id.type),
        device_id=bindparam("on_device", type_=_P.device_id.type),
        auth_time=bindparam("proved", type_=_P.auth_time.type),
        acr=bindparam("level"),
        amr=bindparam("methods", type_=_P.amr.type),
        details_shown=bindparam("shown", type_=_P.details_shown.type),
    )
)
_DENY = update(polled_requests).where(_KEY, _WAITING).values(denied_at=NOW)
_CLAIM = (
    update(polled_requests)
    .where(_KEY, _P.approved_at.is_not(None), _P.denied_at.is_(None), _P.used_at.is_(None), _P.expires_at > NOW)
    .values(used_at=NOW)
)


class SqlPolledRequests:
    """Implements ``ports.PolledRequests``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, request: PolledRequest) -> bool:
        """False if its user code is taken."""
        return self._db.count(_ADD, POLLED.parameters(request)) == 1

    def get(self, request_id: UUID) -> PolledRequest | None:
        """By its id, in whatever state."""
        return POLLED.read_one(self._db.row(_GET, {"key": request_id}))

    def by_code(self, code_hash: bytes) -> PolledRequest | None:
        """What a client polls for, in whatever state."""
        return POLLED.read_one(self._db.row(_BY_CODE, {"hash": code_hash}))

    def by_user_code(self, user_code_hash: bytes, now: datetime) -> PolledRequest | None:
        """What a person may decide about now."""
        return POLLED.read_one(self._db.row(_BY_USER_CODE, {"hash": user_code_hash, "now": now}))

    def waiting_for(self, user_id: UUID, kind: str, now: datetime) -> Sequence[PolledRequest]:
        """Those that a person is asked about, oldest first."""
        return POLLED.read_all(self._db.rows(_OF_USER, {"owner": user_id, "wanted": kind, "now": now}))

    def polled(self, request_id: UUID, now: datetime, soon: datetime, more: int) -> bool:
        """Of several polls at once one is in time: the row lock lets one pass, the others see its time."""
        if self._db.count(_IN_TIME, {"key": request_id, "now": now, "soon": soon}) == 1:
            return True
        self._db.count(_TOO_FAST, {"key": request_id, "now": now, "more": more})
        return False

    def approve(self, request_id: UUID, session: Session, now: datetime, *, details_shown: bool = False) -> bool:
        """True for the one decision."""
        approval = {
            "key": request_id, "now": now, "who": session.user_id, "in_session": session.id,
            "on_device": session.device_id, "proved": session.auth_time, "level": session.acr,
            "methods": session.amr, "shown": details_shown,
        }  # fmt: skip
        return self._db.count(_APPROVE, approval) == 1

    def deny(self, request_id: UUID, now: datetime) -> bool:
        """True for the one decision."""
        return self._db.count(_DENY, {"key": request_id, "now": now}) == 1

    def claim(self, request_id: UUID, now: datetime) -> bool:
        """True once, for an approved unexpired one."""
        return self._db.count(_CLAIM, {"key": request_id, "now": now}) == 1
