"""Pushed authorization requests: answered once, by one statement (P4; RFC 9126 section 4)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from ..domain.pushed_request import PushedRequest
from .database import Database
from .liveness import NOW
from .rows import Rows
from .tables import pushed_requests

PUSHED = Rows(PushedRequest, pushed_requests)
_KEY = pushed_requests.c.reference_hash == bindparam("key")

_ADD = insert(pushed_requests)
_GET = select(*PUSHED.columns).where(_KEY)
_CLAIM = update(pushed_requests).where(_KEY, pushed_requests.c.used_at.is_(None)).values(used_at=NOW)


class SqlPushedRequests:
    """Implements ``ports.PushedRequests``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, request: PushedRequest) -> None:
        """Pushed."""
        self._db.count(_ADD, PUSHED.parameters(request))

    def get(self, reference_hash: bytes) -> PushedRequest | None:
        """In whatever state."""
        return PUSHED.read_one(self._db.row(_GET, {"key": reference_hash}))

    def claim(self, reference_hash: bytes, now: datetime) -> bool:
        """True for the one answer. Expiry does not matter any more: a person may take their time."""
        return self._db.count(_CLAIM, {"key": reference_hash, "now": now}) == 1
