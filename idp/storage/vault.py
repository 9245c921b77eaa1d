"""The vault: AES-256-GCM for what must be read again, under a key from outside the database (P7).

``sealed`` = key id (4) ‖ nonce (12) ‖ ciphertext and tag. The key id tells after a change of master
key which one to ask for; the context is authenticated with it, so that a sealed value copied into
another row does not open there.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..domain.master_key import KEY_ID_BYTES, MasterKeys
from ..errors import ConfigurationError
from .system import SystemRandomness

USE = "vault"
_NONCE_BYTES = 12


class AesVault:
    """Implements ``ports.Vault``."""

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys
        self._randomness = SystemRandomness()

    def seal(self, secret: bytes, context: str) -> bytes:
        """Encrypt under the master key in force."""
        key_id, nonce = self._keys.current.key_id, self._randomness.nonce()
        return key_id + nonce + self._cipher(key_id).encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt. Raises ConfigurationError if the key is missing or the bytes are not what was sealed here."""
        key_id, nonce = sealed[:KEY_ID_BYTES], sealed[KEY_ID_BYTES : KEY_ID_BYTES + _NONCE_BYTES]
        try:
            return self._cipher(key_id).decrypt(nonce, sealed[KEY_ID_BYTES + _NONCE_BYTES :], context.encode())
        except (InvalidTag, ValueError):
            raise ConfigurationError([f"{context}: the stored secret is damaged or belongs to another row"]) from None

    def _cipher(self, key_id: bytes) -> AESGCM:
        key = self._keys.derive(key_id, USE)
        if key is None:
            problem = f"a stored secret needs the master key {key_id.hex()}; add it to IDP_MASTER_KEY after a comma"
            raise ConfigurationError([problem])
        return AESGCM(key)
