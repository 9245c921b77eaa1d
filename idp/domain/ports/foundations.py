"""Time, chance, secrets, transactions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Randomness(Protocol):
    """The only source of chance; cryptographically strong."""

    def token(self) -> str:
        """256 random bits, base64url, 43 characters."""
        ...

    def uuid(self) -> UUID:
        """A random (version 4) UUID."""
        ...


class Vault(Protocol):
    """Encryption under the master key, for what must be read again (private keys)."""

    def seal(self, secret: bytes, context: str) -> bytes:
        """Encrypt and bind to ``context``."""
        ...

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt. Raises ConfigurationError if the master key it needs is not configured."""
        ...


class PasswordHasher(Protocol):
    """argon2id with bounded concurrency (security.md section 6, trap 11)."""

    def hash(self, password: str) -> str:
        """Raises Unavailable when too many hashes are under way."""
        ...

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Compare. None costs the same time as a real hash and is always False (ASVS 6.3.8)."""
        ...

    def outdated(self, password_hash: str) -> bool:
        """Was it made with weaker parameters than today's?"""
        ...


class Work(Protocol):
    """Transactions. ``with work():`` opens one, or joins the one that is open on this thread.

    It commits at the end, and also when an ``IdpError`` with ``persist`` passes through it; any
    other exception rolls back. On SQLite it takes the writer's lock at once (BEGIN IMMEDIATE).
    """

    def __call__(self) -> AbstractContextManager[None]: ...

    def after_commit(self, act: Callable[[], None]) -> None:
        """Run ``act`` once the outermost transaction of this thread has committed, and no lock is held.

        Not at all if it does not commit; at once if none is open. What ``act`` raises, ``with work():``
        raises, after every other act has run.
        """
        ...
