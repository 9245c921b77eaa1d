"""Consent: which scopes a user has allowed a client. Keyed by ids, never by a name or a host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One row per user and client; ``scopes`` only grows until it is withdrawn as a whole."""

    user_id: UUID
    client_id: str
    scopes: tuple[str, ...]
    created_at: datetime
    updated_at: datetime

    def covers(self, scope: tuple[str, ...]) -> bool:
        """Has everything in ``scope`` been allowed before?"""
        return set(scope) <= set(self.scopes)
