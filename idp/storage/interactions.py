"""Interactions: requests that wait for a person. Found by the hash of their id (P7)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from ..domain.interaction import Interaction
from .database import Database
from .liveness import NOW
from .tables import interactions

_MEMBERS = (
    "request", "created_at", "expires_at", "chosen_by", "consented_by", "denied_at", "completed_at",
)  # fmt: skip
_KEY = interactions.c.id_hash == bindparam("key")
_OPEN = interactions.c.completed_at.is_(None)
_WHO = bindparam("who", type_=interactions.c.chosen_by.type)

_ADD = insert(interactions)
_GET = select(*(interactions.c[name] for name in _MEMBERS)).where(_KEY)
_CHOSEN = update(interactions).where(_KEY, _OPEN).values(chosen_by=_WHO)
_CONSENTED = update(interactions).where(_KEY, _OPEN).values(consented_by=_WHO)
_DENIED = update(interactions).where(_KEY, _OPEN).values(denied_at=NOW)
_COMPLETE = update(interactions).where(_KEY, _OPEN).values(completed_at=NOW)


class SqlInteractions:
    """Implements ``ports.Interactions``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, interaction: Interaction) -> None:
        """A validated request, from now on fixed."""
        members = {name: getattr(interaction, name) for name in _MEMBERS}
        self._db.count(_ADD, {"id_hash": _hash(interaction.id)} | members)

    def get(self, interaction_id: str) -> Interaction | None:
        """By its id, in whatever state."""
        row = self._db.row(_GET, {"key": _hash(interaction_id)})
        return None if row is None else Interaction(id=interaction_id, **dict(zip(_MEMBERS, row, strict=True)))

    def chosen(self, interaction_id: str, session_id: UUID) -> None:
        """The person chose this session's account."""
        self._db.count(_CHOSEN, {"key": _hash(interaction_id), "who": session_id})

    def consented(self, interaction_id: str, session_id: UUID) -> None:
        """The person consented in this session."""
        self._db.count(_CONSENTED, {"key": _hash(interaction_id), "who": session_id})

    def denied(self, interaction_id: str, now: datetime) -> None:
        """The person pressed Cancel."""
        self._db.count(_DENIED, {"key": _hash(interaction_id), "now": now})

    def complete(self, interaction_id: str, now: datetime) -> bool:
        """Claim: True for the one caller that answers the client."""
        return self._db.count(_COMPLETE, {"key": _hash(interaction_id), "now": now}) == 1


def _hash(interaction_id: str) -> bytes:
    return hashlib.sha256(interaction_id.encode("utf-8", "surrogatepass")).digest()
