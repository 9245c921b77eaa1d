"""Device: one browser (or app installation) of one user.

Known by a long-lived random cookie of which only the hash is kept; never by an IP address, never by
a fingerprint. Two people who share a browser are two Devices with one cookie.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """``secret_hash`` is SHA-256 of the cookie; ``name`` is what the person calls it, if anything."""

    id: UUID
    user_id: UUID
    secret_hash: bytes | None
    name: str | None
    user_agent: str
    created_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request of a person came from, as far as we can know it."""

    address: str = ""
    user_agent: str = ""
