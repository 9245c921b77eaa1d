"""The revocation log: ``seq`` grows in commit order and is never used twice (design.md 4.3).

Why the turn is taken in the ending's own transaction: a reader who has seen ``seq`` n has then seen
everything below it, for nobody gets n + 1 before the holder of n has committed or given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from sqlalchemy import bindparam, insert, select

from ..domain.revocation import Revocation, RevocationKind
from .database import Database
from .rows import Rows
from .tables import revocations
from .turns import take_turn

REVOCATION = Rows(Revocation, revocations)
_R = revocations.c

_ADD = insert(revocations)
_AFTER = select(*REVOCATION.columns).where(_R.seq > bindparam("seen")).order_by(_R.seq).limit(bindparam("most"))
_CLIENT = (
    select(_R.at)
    .where(_R.kind == RevocationKind.CLIENT, _R.value == bindparam("of_client"))
    .order_by(_R.seq.desc())
    .limit(1)
)
_JTI = select(_R.seq).where(_R.kind == RevocationKind.JTI, _R.value == bindparam("jti")).limit(1)


class SqlRevocations:
    """Implements ``ports.Revocations``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, entries: Sequence[Revocation]) -> Sequence[Revocation]:
        """The entries with their ``seq``."""
        if not entries:
            return ()
        with self._db.work():
            last = take_turn(self._db, "revocations", len(entries))
            first = last - len(entries) + 1
            numbered = tuple(replace(entry, seq=first + place) for place, entry in enumerate(entries))
            self._db.count(_ADD, [REVOCATION.parameters(entry) for entry in numbered])
        return numbered

    def after(self, seq: int, limit: int) -> Sequence[Revocation]:
        """What came later, in order."""
        return REVOCATION.read_all(self._db.rows(_AFTER, {"seen": seq, "most": limit}))

    def client_revoked_at(self, client_id: str) -> datetime | None:
        """The latest entry for the client as a whole."""
        row = self._db.row(_CLIENT, {"of_client": client_id})
        return None if row is None else cast("datetime", row[0])

    def revoked_jti(self, jti: str) -> bool:
        """Has this very access token been revoked (RFC 7009)?"""
        return self._db.row(_JTI, {"jti": jti}) is not None
