"""The master key: the one secret from outside the database, and what is derived from it.

Every use has its own key by HKDF (RFC 5869) with the use as ``info``, so that no key serves two
ends. A key is named by four bytes of its hash: what it made can be recognised after a change of
master key, while the previous one is still configured.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

KEY_BYTES = 32
KEY_ID_BYTES = 4


def hkdf(secret: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA-256 without salt (RFC 5869 sections 2.2 and 2.3)."""
    pseudo_random_key = hmac.digest(bytes(32), secret, "sha256")
    block, output = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudo_random_key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


@dataclass(frozen=True, slots=True)
class MasterKey:
    """32 random bytes. ``repr`` never shows them."""

    secret: bytes

    def __repr__(self) -> str:
        return f"MasterKey(id={self.key_id.hex()})"

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the key without telling anything of it."""
        return hashlib.sha256(b"idp master key id\0" + self.secret).digest()[:KEY_ID_BYTES]

    def derive(self, use: str) -> bytes:
        """The 32-byte key for one use."""
        return hkdf(self.secret, use.encode())


class MasterKeys:
    """The master key in force and those before it that may still be needed to read."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        if not keys:
            raise ValueError("at least one master key is needed")
        self.current = keys[0]
        self._by_id = {key.key_id: key for key in reversed(keys)}
        self._derived: dict[tuple[bytes, str], bytes] = {}

    def find(self, key_id: bytes) -> MasterKey | None:
        """The master key of that name, if it is configured."""
        return self._by_id.get(key_id)

    def derive(self, key_id: bytes, use: str) -> bytes | None:
        """The key for one use under the named master key; None if that key is not configured."""
        found = self._derived.get((key_id, use))
        if found is None and (key := self._by_id.get(key_id)) is not None:
            found = self._derived[key_id, use] = key.derive(use)
        return found
