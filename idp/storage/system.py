"""The real clock and the real chance: the only module that asks the machine for either."""

from __future__ import annotations

import secrets  # noqa: TID251  # this module is the port of chance
import uuid
from datetime import UTC, datetime
from uuid import UUID


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this class is the port of time


class SystemRandomness:
    """The operating system's generator."""

    def token(self) -> str:
        """256 random bits, base64url, 43 characters."""
        return secrets.token_urlsafe(32)

    def uuid(self) -> UUID:
        """A random (version 4) UUID."""
        return uuid.uuid4()  # noqa: TID251  # this class is the port of chance

    def nonce(self) -> bytes:
        """96 bits, what AES-GCM wants (NIST SP 800-38D section 8.2.2)."""
        return secrets.token_bytes(12)
