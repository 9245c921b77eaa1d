"""Scopes and resources: what can be asked for, and the sentence a person reads about it.

A scope of an operator's own API belongs to one resource (RFC 8707) and cannot be registered without
its sentence (pages.md 24).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"
STANDARD_SCOPES = (OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS)

REVOCATIONS = "revocations"
"""Ours: to read the revocation log, for resource servers (design.md 4.3); nothing that a person could be asked for."""

# OpenID Connect Core 1.0 section 5.4: which claims a scope releases.
CLAIMS_OF_SCOPE: dict[str, tuple[str, ...]] = {
    "profile": (
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username",
        "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}  # fmt: skip

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An API. ``identifier`` is its RFC 8707 URI; ``client_id`` is the client that introspects."""

    identifier: str
    name: str
    client_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One scope of a resource, with the sentence shown at consent."""

    name: str
    resource: str
    sentence: str


def parse_scope(text: str) -> tuple[str, ...] | None:
    """Split a ``scope`` value by RFC 6749 section 3.3; None if a character is not allowed there.

    Order is kept and repeats fold. Space is the only separator: a tab or a NUL is no separator but
    a forbidden character.
    """
    words = [word for word in text.split(" ") if word]
    if not all(_TOKEN.fullmatch(word) for word in words):
        return None
    return tuple(dict.fromkeys(words))
