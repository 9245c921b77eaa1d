"""Initial access tokens (RFC 7591 section 3): a use is one statement whose row count decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, insert, or_, select, update

from ..domain.initial_access_token import InitialAccessToken
from .database import Database
from .liveness import NOW
from .pages import Pages
from .rows import Rows
from .tables import initial_access_tokens

TOKEN = Rows(InitialAccessToken, initial_access_tokens)
_T = initial_access_tokens.c
_BY_HASH = select(*TOKEN.columns).where(_T.token_hash == bindparam("key"))
_ALL = Pages(select(*TOKEN.columns), _T.created_at, _T.id, UUID(int=0))
_ADD = insert(initial_access_tokens)
_CLAIM = (
    update(initial_access_tokens)
    .where(
        _T.token_hash == bindparam("key"), _T.revoked_at.is_(None), _T.expires_at > NOW,
        or_(_T.quota.is_(None), _T.used < _T.quota),
    )
    .values(used=_T.used + 1)
    .returning(_T.id)
)  # fmt: skip
_REVOKE = (
    update(initial_access_tokens).where(_T.id == bindparam("key"), _T.revoked_at.is_(None)).values(revoked_at=NOW)
)  # fmt: skip


class SqlInitialAccessTokens:
    """Implements ``ports.InitialAccessTokens``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, token: InitialAccessToken) -> None:
        """Insert it."""
        self._db.count(_ADD, TOKEN.parameters(token))

    def by_hash(self, token_hash: bytes) -> InitialAccessToken | None:
        """In whatever state."""
        return TOKEN.read_one(self._db.row(_BY_HASH, {"key": token_hash}))

    def list(self) -> Sequence[InitialAccessToken]:
        """Oldest first."""
        return _ALL.read(self._db, TOKEN)

    def claim(self, token_hash: bytes, now: datetime) -> UUID | None:
        """Its id, if it had a use left."""
        rows = self._db.changed(_CLAIM, {"key": token_hash, "now": now})
        return rows[0][0] if rows else None

    def revoke(self, token_id: UUID, now: datetime) -> bool:
        """False if there is none, or it was revoked before."""
        return self._db.count(_REVOKE, {"key": token_id, "now": now}) == 1
