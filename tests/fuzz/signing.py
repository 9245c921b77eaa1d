"""JWTs of Mallory's own key, right but for what is to be odd in them.

Written by hand: a library refuses to sign what a server must be able to refuse.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from .wire import EVEN, GONE, Odd

_KEY = ec.generate_private_key(ec.SECP256R1())
_ALGORITHM = ECAlgorithm(ECAlgorithm.SHA256)
PUBLIC = {k: v for k, v in json.loads(ECAlgorithm.to_jwk(_KEY.public_key())).items() if k != "key_ops"}
JWK = {**PUBLIC, "kid": "fuzz", "alg": "ES256", "use": "sig"}


def signed(claims: dict[str, Any], now: int, odd: Odd = EVEN, **header: Any) -> str:
    """Good for five minutes from ``now``, once."""
    head = {"alg": "ES256", "kid": "fuzz", **header, **odd.header}
    said = {"exp": now + 300, "iat": now, "nbf": now, "jti": os.urandom(8).hex(), **claims, **odd.claims}
    text = ".".join(_part({k: v for k, v in part.items() if v != GONE}) for part in (head, said))
    return f"{text}.{_base64(_ALGORITHM.sign(text.encode(), _KEY))}"


def proof(method: str, uri: str, now: int, odd: Odd = EVEN, token: str | None = None) -> str:
    """RFC 9449 section 4.2."""
    claims = {"htm": method, "htu": uri}
    if token is not None:
        claims["ath"] = _base64(hashlib.sha256(token.encode()).digest())
    return signed(claims, now, odd, typ="dpop+jwt", jwk=PUBLIC)


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
