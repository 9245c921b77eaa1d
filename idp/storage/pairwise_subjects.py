"""Pairwise subject identifiers: one for each person and sector (OpenID Connect Core 1.0 section 8.1)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, select

from .database import Database
from .tables import pairwise_subjects
from .upsert import insert_or_nothing

_P = pairwise_subjects.c
_SECTOR = _P.sector == bindparam("of_sector")

_ADD = insert_or_nothing(pairwise_subjects)
_GET = select(_P.subject).where(_P.user_id == bindparam("owner"), _SECTOR)
_OWNER = select(_P.user_id).where(_P.subject == bindparam("name"), _SECTOR)
_OF_USER = select(_P.subject).where(_P.user_id == bindparam("owner"))


class SqlPairwiseSubjects:
    """Implements ``ports.PairwiseSubjects``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, user_id: UUID, sector: str) -> str | None:
        """By primary key."""
        row = self._db.hot_row(_GET, {"owner": user_id, "of_sector": sector})
        return None if row is None else str(row[0])

    def add(self, user_id: UUID, sector: str, subject: str) -> str:
        """Of several that are proposed at once, the first to commit; everybody gets that one."""
        self._db.count(_ADD, {"user_id": user_id, "sector": sector, "subject": subject})
        return self.get(user_id, sector) or subject

    def owner(self, subject: str, sector: str) -> UUID | None:
        """By its unique index."""
        row = self._db.row(_OWNER, {"name": subject, "of_sector": sector})
        return None if row is None else row[0]

    def of_user(self, user_id: UUID) -> Sequence[str]:
        """All of one person."""
        return [str(row[0]) for row in self._db.rows(_OF_USER, {"owner": user_id})]
