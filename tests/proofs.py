"""A client's own key, and the DPoP proofs it makes (RFC 9449 section 4.2), right unless told otherwise."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import jwt

from idp import jose

ISSUER = "https://id.example"


@dataclass(frozen=True)
class ProofKey:
    """``now`` is the provider's time in seconds."""

    alg: str = "ES256"
    key: Any = field(default=None)

    def __post_init__(self) -> None:
        if self.key is None:
            object.__setattr__(self, "key", jose.generate(self.alg))

    @property
    def jwk(self) -> dict[str, Any]:
        public = jose.public_jwk(self.key, self.alg)
        return {name: value for name, value in public.items() if name not in ("kid", "alg", "use")}

    @property
    def jkt(self) -> str:
        return jose.thumbprint(self.jwk)

    def proof(
        self, path: str, now: float, *, method: str = "POST", token: str | None = None,
        header: dict[str, Any] | None = None, **changes: Any,
    ) -> str:  # fmt: skip
        """A proof for a request; a change to None leaves a member out."""
        uri = path if path.startswith("http") else ISSUER + path
        claims = {"jti": uuid4().hex, "htm": method, "htu": uri, "iat": int(now)}
        if token is not None:
            claims["ath"] = ath(token)
        said = {name: value for name, value in (claims | changes).items() if value is not None}
        headers = {"typ": "dpop+jwt", "jwk": self.jwk} | (header or {})
        return jwt.encode(said, self.key, algorithm=self.alg, headers=headers)


def ath(token: str) -> str:
    """RFC 9449 section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
