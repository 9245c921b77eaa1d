"""Password hashing: argon2id with the OWASP parameters (19 MiB, 2 passes, 1 lane), in bounded number.

Why bounded: every hash takes a core for some 20 ms and 19 MiB; without a limit a flood of sign-ins is
the cheapest way to stop refresh and introspection too (security.md section 6, trap 11). Who finds no
place within a second is told to come back (503), and no guess has been checked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import Unavailable

MAX_BYTES = 1024
_PLACES_PER_CORE = 2
_PATIENCE_SECONDS = 1.0


class ArgonPasswords:
    """Implements ``ports.PasswordHasher``."""

    def __init__(self, places: int | None = None, patience: float = _PATIENCE_SECONDS) -> None:
        self._argon = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._places = threading.BoundedSemaphore(places or _PLACES_PER_CORE * (os.cpu_count() or 1))
        self._patience = patience
        self._nobody = self._argon.hash(os.urandom(32))

    def hash(self, password: str) -> str:
        """The PHC string. Raises ValueError above 1024 bytes, Unavailable when all places are taken."""
        secret = _encoded(password)
        if len(secret) > MAX_BYTES:
            raise ValueError(f"a password has at most {MAX_BYTES} bytes")
        with self._place():
            return self._argon.hash(secret)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Compare; None and over-long passwords cost the same as a wrong one (ASVS 6.3.8)."""
        secret = _encoded(password)
        possible = password_hash is not None and len(secret) <= MAX_BYTES
        with self._place():
            return self._matches(password_hash or self._nobody, secret[:MAX_BYTES]) and possible

    def outdated(self, password_hash: str) -> bool:
        """Was it made with other parameters than today's? What is no argon2 hash is outdated."""
        try:
            return self._argon.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    def _matches(self, password_hash: str, secret: bytes) -> bool:
        try:
            return self._argon.verify(password_hash, secret)
        except (VerificationError, InvalidHashError):
            return False

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=self._patience):
            raise Unavailable("password hashing", retry_after=1)
        try:
            yield
        finally:
            self._places.release()


def _encoded(password: str) -> bytes:
    """UTF-8 that never fails: a lone surrogate is a wrong password, not a crash (trap 3)."""
    return password.encode("utf-8", "surrogatepass")
