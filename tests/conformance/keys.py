"""The suite's own keys: made once for a run, because an RSA key takes a while."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm


@dataclass(frozen=True)
class Key:
    """A private key and the JWK of its public half."""

    private: Any
    jwk: dict[str, Any]

    @property
    def alg(self) -> str:
        return str(self.jwk["alg"])

    @property
    def nameless(self) -> Key:
        """Without ``kid``, as the suite registers most of its own by value."""
        return Key(self.private, {name: value for name, value in self.jwk.items() if name != "kid"})

    def sign(self, claims: dict[str, Any], *, typ: str | None = None, **headers: Any) -> str:
        """A JWS; ``headers`` replace ``alg`` and ``kid`` or add to them; None leaves one out."""
        named = {"kid": self.jwk.get("kid"), **({"typ": typ} if typ else {}), **headers}
        alg = str(named.pop("alg", self.alg))
        kept = {name: value for name, value in named.items() if value is not None}
        return jwt.encode(claims, self.private if alg != "none" else None, algorithm=alg, headers=kept)


@cache
def key(alg: str = "RS256", name: str = "suite") -> Key:
    """The key of that algorithm and name; always the same in a run."""
    if alg in ("RS256", "PS256"):
        private: Any = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = RSAAlgorithm.to_jwk(private.public_key())
    elif alg == "ES256":
        private = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(private.public_key())
    else:
        private = ed25519.Ed25519PrivateKey.generate()
        jwk = OKPAlgorithm.to_jwk(private.public_key())
    public = {name_: value for name_, value in json.loads(jwk).items() if name_ != "key_ops"}
    return Key(private, {**public, "kid": f"{name}-{alg}", "alg": alg, "use": "sig"})


def jwks(*keys: Key) -> dict[str, Any]:
    """A JWK Set."""
    return {"keys": [one.jwk for one in keys]}
