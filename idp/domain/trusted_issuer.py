"""TrustedIssuer: somebody else whose JWTs say who a person is (RFC 7523 section 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SubjectKind(StrEnum):
    """What the issuer's ``sub`` names."""

    EMAIL = "email"
    ID = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """``clients`` may present its assertions, for ``scope`` at most. One of ``jwks`` and ``jwks_uri`` is set.

    ``subject``: an address that somebody here has confirmed, or the id that we know the person by.
    """

    issuer: str
    jwks: Mapping[str, object] | None = None
    jwks_uri: str | None = None
    clients: tuple[str, ...]
    scope: tuple[str, ...]
    subject: SubjectKind
    created_at: datetime
