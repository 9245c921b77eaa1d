"""Authorization code: 256 random bits of which SHA-256 is kept; redeemed once (RFC 6749 4.1.2).

The row stays a while after use, so that a second use is recognised and ends what the first created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """Everything the token endpoint must compare with or copy into tokens.

    ``dpop_jkt`` is the thumbprint of the key that its redemption must prove (RFC 9449 section 10).
    """

    code_hash: bytes
    client_id: str
    user_id: UUID
    session_id: UUID
    device_id: UUID
    redirect_uri: str
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    nonce: str | None
    code_challenge: str | None
    dpop_jkt: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict)
    authorization_details: tuple[Mapping[str, object], ...] = ()
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    client_session_id: UUID | None = None


class Redeemed(Enum):
    """What one statement made of a code (``ports.Redemptions``)."""

    NOT = "nothing was done"
    IN_VAIN = "the code is used up, and its Session has ended meanwhile"
    DONE = "the code is used up, and what it stands for is there"
