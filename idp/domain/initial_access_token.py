"""Initial access token: an operator's leave to register clients (RFC 7591 section 1.2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialAccessToken:
    """``token_hash`` is SHA-256 over 256 random bits. ``quota`` is how many clients it registers, None for
    any number; ``used`` how many it has. It is over at ``expires_at`` at the latest."""

    id: UUID
    token_hash: bytes
    label: str
    quota: int | None
    used: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """May it register one more client?"""
        return self.revoked_at is None and now < self.expires_at and (self.quota is None or self.used < self.quota)
