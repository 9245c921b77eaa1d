"""Which published keys may verify a token (RFC 7517 sections 4 and 5, RFC 8725 sections 3.1 and 3.2).

The algorithm belongs to the key, not to the token: a JWK without ``alg`` is not used, a symmetric one
never, and of the asymmetric ones only RS256 with at least 2048 bits, ES256, and EdDSA with Ed25519.
One that we cannot use is left out and the rest of the set stands (RFC 7517 section 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt

_SHAPE = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
_PRIVATE_OR_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_KEYS = 64


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with the one algorithm it may be used for."""

    kid: str
    alg: str
    key: jwt.PyJWK

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Does the signature hold, by this key's own algorithm?"""
        return self.key.Algorithm.verify(signed, self.key.key, signature)


def read_key_set(document: Any) -> dict[str, VerificationKey]:
    """Keys by ``kid``; empty if the document is no JWK set."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return {}
    usable = (key for entry in entries[:_MOST_KEYS] if (key := _read_key(entry)) is not None)
    return {key.kid: key for key in usable}


def _read_key(jwk: Any) -> VerificationKey | None:
    if not isinstance(jwk, dict) or not _for_our_use(jwk):
        return None
    try:
        key = jwt.PyJWK(jwk, algorithm=jwk["alg"])
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if key.Algorithm.check_key_length(key.key) is not None:
        return None  # RFC 7518 section 3.3: PyJWT says what is wrong with a short one
    return VerificationKey(jwk["kid"], jwk["alg"], key)


def _for_our_use(jwk: dict[str, Any]) -> bool:
    kid, alg = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or not isinstance(alg, str) or alg not in _SHAPE:
        return False
    if jwk.get("use", "sig") != "sig" or _PRIVATE_OR_SECRET & jwk.keys():
        return False
    kty, crv = _SHAPE[alg]
    return jwk.get("kty") == kty and (crv is None or jwk.get("crv") == crv)
