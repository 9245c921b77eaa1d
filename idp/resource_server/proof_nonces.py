"""Nonces that DPoP proofs for this API must name, where it wants that (RFC 9449 section 9).

A proof without one can be made long before it is used, by whoever holds the key for a moment. With nonces it is
as young as the last one that was given: a request without a good one is answered with the challenge
``use_dpop_nonce`` and the one to use, in ``DPoP-Nonce`` (section 8.1), and is sent again.

Why without memory: whoever answers next may be another process, and a nonce need not be used once, as every proof
has a ``jti`` of its own. So a nonce says when it was given and nothing else; nobody can make it without the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from .clock import Clock, wall

SECONDS = 150
"""A nonce is good for this long at least, and for twice as long at most."""
_LEAST_BYTES = 32


class ProofNonces:
    """``secret`` is random, and the same in every process of this API. Raises ValueError if it is short."""

    def __init__(self, secret: bytes, *, clock: Clock = wall) -> None:
        if len(secret) < _LEAST_BYTES:
            raise ValueError(f"the secret of the nonces is {_LEAST_BYTES} bytes or longer")
        self._key, self._clock = hmac.digest(secret, b"DPoP nonce", "sha256"), clock

    def current(self) -> str:
        """The one to give now."""
        return self._of(self._turn())

    def good(self, nonce: object) -> bool:
        """Was it given lately?"""
        if not isinstance(nonce, str) or not nonce.isascii():
            return False
        turn = self._turn()
        return any(hmac.compare_digest(nonce, self._of(turn - back)) for back in (0, 1))

    def _turn(self) -> int:
        return int(self._clock()) // SECONDS

    def _of(self, turn: int) -> str:
        raw = hmac.digest(self._key, turn.to_bytes(8, "big"), hashlib.sha256)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
