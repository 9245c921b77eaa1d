"""Client assertions' ``jti``: used once (RFC 7523 section 3, item 7)."""

from __future__ import annotations

from datetime import datetime

from .database import Database
from .tables import assertion_ids
from .upsert import insert_or_nothing

_CLAIM = insert_or_nothing(assertion_ids)


class SqlAssertionIds:
    """Implements ``ports.AssertionIds``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def claim(self, client_id: str, jti_hash: bytes, expires_at: datetime) -> bool:
        """True for the first use."""
        return self._db.count(_CLAIM, {"client_id": client_id, "jti_hash": jti_hash, "expires_at": expires_at}) == 1
