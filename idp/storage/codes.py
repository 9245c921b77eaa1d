"""Authorization codes: claimed once by one statement (P4; RFC 6749 section 4.1.2)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from ..domain.code import AuthorizationCode
from .database import Database
from .liveness import NOW
from .rows import Rows
from .tables import codes

CODE = Rows(AuthorizationCode, codes)
_KEY = codes.c.code_hash == bindparam("key")

_ADD = insert(codes)
_GET = select(*CODE.columns).where(_KEY)
_CLAIM = (
    update(codes)
    .where(_KEY, codes.c.used_at.is_(None), codes.c.expires_at > NOW)
    .values(used_at=NOW, client_session_id=bindparam("sid"))
)
_REDEEMED = update(codes).where(_KEY).values(client_session_id=bindparam("sid"))


class SqlCodes:
    """Implements ``ports.Codes``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, code: AuthorizationCode) -> None:
        """Issued."""
        self._db.hot_count(_ADD, CODE.parameters(code))

    def get(self, code_hash: bytes) -> AuthorizationCode | None:
        """In whatever state; used and expired ones stay for a day, so that a replay is recognised."""
        return CODE.read_one(self._db.hot_row(_GET, {"key": code_hash}))

    def claim(self, code_hash: bytes, now: datetime, sid: UUID | None = None) -> bool:
        """True once, for an unexpired unused code."""
        return self._db.hot_count(_CLAIM, {"key": code_hash, "now": now, "sid": sid}) == 1

    def redeemed(self, code_hash: bytes, sid: UUID) -> None:
        """What the code has joined instead of creating it."""
        self._db.hot_count(_REDEEMED, {"key": code_hash, "sid": sid})
