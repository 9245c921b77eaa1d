"""PushedRequest: an authorization request that its client has left with us (RFC 9126)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRequest:
    """``reference_hash`` is SHA-256 over the 256 random bits of its ``request_uri``.

    ``parameters`` are names and values as they were sent, without credentials; those of a request
    object where one was pushed, and ``signed`` says so. ``used_at`` is set by the one answer it earns.
    """

    reference_hash: bytes
    client_id: str
    parameters: tuple[tuple[str, str], ...]
    signed: bool
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
