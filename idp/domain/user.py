"""User: the person.

``id`` is the ``sub`` of every token. It is random and never reused: a deleted person leaves a
tombstone row without personal data (OpenID Connect Core 1.0 section 2, ASVS 10.5.2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

# OpenID Connect Core 1.0 section 5.1: what a person may have told us about themselves.
PROFILE_CLAIMS = (
    "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
    "picture", "website", "gender", "birthdate", "zoneinfo", "locale",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """``claims`` holds standard claims by their OpenID names, ``address`` as an object."""

    id: UUID
    email: str
    email_verified: bool
    password_hash: str | None
    claims: Mapping[str, object] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    password_changed_at: datetime | None = None
    disabled_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def live(self) -> bool:
        """May this person hold sessions and tokens?"""
        return self.disabled_at is None and self.deleted_at is None

    @property
    def name(self) -> str:
        """What to call the person on a page: the name they gave, else their address."""
        name = self.claims.get("name")
        return name if isinstance(name, str) and name else self.email


def email_key(email: str) -> str:
    """The one spelling under which an address is unique, looked up and throttled.

    Case, Unicode compatibility forms and surrounding space make no second account and no second
    throttle counter (CVE-2025-24806, CVE-2026-47203).
    """
    return unicodedata.normalize("NFKC", email.strip()).casefold()
