"""SigningKey: announced (published, not signing) → active (signs) → retired (published) → gone.

A key is announced for at least as long as a relying party may cache the JWKS before it signs
anything, so no token ever names a key that an honest cache has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DEFAULT_ALG = "RS256"
"""What a client gets that names none (OpenID Connect Registration 1.0 section 2); always there."""

SIGNING_ALGS = ("RS256", "PS256", "ES256", "EdDSA")
"""What we can sign with (RFC 7518 section 3.1, RFC 8037 section 3.1); all asymmetric."""


class KeyState(StrEnum):
    """Where a key stands in its life."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """``kid`` is the RFC 7638 thumbprint. ``private_sealed`` is encrypted under the master key."""

    kid: str
    alg: str
    state: KeyState
    public_jwk: Mapping[str, object]
    private_sealed: bytes
    created_at: datetime
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    remove_at: datetime | None = None
