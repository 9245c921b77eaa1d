"""Consents: one row per user and client, whose scopes only grow until it is withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update

from ..domain.consent import Consent
from ..errors import Conflict
from .database import Database
from .liveness import NOW
from .rows import Rows
from .tables import consents
from .upsert import insert_or_nothing

CONSENT = Rows(Consent, consents)
_C = consents.c
_ROW = (_C.user_id == bindparam("owner"), _C.client_id == bindparam("app"))
_ATTEMPTS = 3

_ADD = insert_or_nothing(consents)
_GET = select(*CONSENT.columns).where(*_ROW)
_LOCK = _GET.with_for_update(key_share=True)
_HOLD = _GET.with_for_update(read=True, key_share=True)  # a DELETE waits for it, another reader does not
_GROW = (
    update(consents)
    .where(*_ROW)
    .values(scopes=bindparam("all_scopes", type_=_C.scopes.type), updated_at=NOW)
    .returning(*CONSENT.columns)
)
_WITHDRAW = delete(consents).where(*_ROW)
_WITHDRAW_CLIENT = delete(consents).where(_C.client_id == bindparam("app"))
_OF_USER = select(*CONSENT.columns).where(_C.user_id == bindparam("owner")).order_by(_C.created_at, _C.client_id)


class SqlConsents:
    """Implements ``ports.Consents``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, user_id: UUID, client_id: str) -> Consent | None:
        """What the user has allowed the client."""
        return CONSENT.read_one(self._db.hot_row(_GET, {"owner": user_id, "app": client_id}))

    def hold(self, user_id: UUID, client_id: str) -> Consent | None:
        """The same, under a lock that a withdrawal waits for; gone if one came first."""
        return CONSENT.read_one(self._db.hot_row(_HOLD, {"owner": user_id, "app": client_id}))

    def allow(self, user_id: UUID, client_id: str, scopes: Sequence[str], now: datetime) -> Consent:
        """Add to what is allowed. The row is locked while it is read and rewritten, so none is lost."""
        first = Consent(
            user_id=user_id, client_id=client_id, scopes=tuple(dict.fromkeys(scopes)), created_at=now, updated_at=now
        )
        with self._db.work():
            for _ in range(_ATTEMPTS):  # more than one if it is withdrawn between two statements
                if self._db.count(_ADD, CONSENT.parameters(first)):
                    return first
                if (grown := self._grown(first)) is not None:
                    return grown
        raise Conflict("consent is being withdrawn at the same time")

    def withdraw(self, user_id: UUID, client_id: str) -> bool:
        """As a whole; False if there was none."""
        return self._db.count(_WITHDRAW, {"owner": user_id, "app": client_id}) == 1

    def withdraw_client(self, client_id: str) -> int:
        """Everybody's consent to one client; how many there were."""
        return self._db.count(_WITHDRAW_CLIENT, {"app": client_id})

    def of_user(self, user_id: UUID) -> Sequence[Consent]:
        """Oldest first."""
        return CONSENT.read_all(self._db.rows(_OF_USER, {"owner": user_id}))

    def _grown(self, more: Consent) -> Consent | None:
        row = {"owner": more.user_id, "app": more.client_id}
        found = CONSENT.read_one(self._db.row(_LOCK, row))
        if found is None:
            return None
        union = tuple(dict.fromkeys((*found.scopes, *more.scopes)))
        rows = self._db.changed(_GROW, row | {"all_scopes": union, "now": more.updated_at})
        return CONSENT.read(rows[0]) if rows else None
