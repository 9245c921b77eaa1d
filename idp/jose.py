"""Sign and verify JWTs: the only importer of PyJWT on the server. ``alg`` and ``typ`` have no default.

Rules (RFC 8725, RFC 9068 section 4, authlib.md 1.3 #32 and #33):

- The algorithm is the key's own, never the token's: one key, one ``alg``, asymmetric only.
- ``typ`` is compared exactly, so no kind of token passes for another (RFC 8725 section 3.11).
- ``kid`` finds a key among ours; ``jwk``, ``jku``, ``x5c`` in a header are never looked at.
- ``crit`` and ``b64`` are refused: we understand no extension (RFC 7515 section 4.1.11).
- One spelling per token: PyJWT takes ``=`` padding, we do not.
- A size cap comes before any parsing.
- ``exp`` and ``iat`` must be JSON integers; PyJWT takes strings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from .errors import TokenRejected

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

ASYMMETRIC = ("RS256", "PS256", "ES256", "EdDSA")
MAX_TOKEN = 8192
SKEW_SECONDS = 5
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_THUMBPRINT_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_KTY_OF_ALG = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_CRV_OF_ALG = {"ES256": "P-256", "EdDSA": "Ed25519"}
_ALGORITHMS = get_default_algorithms()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key ready to sign: parsed once, for parsing PEM costs a hundred signatures."""

    kid: str
    alg: str
    key: PrivateKey


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key and the one algorithm it verifies."""

    kid: str
    alg: str
    key: PublicKey


def sign(claims: Mapping[str, object], signer: Signer, *, typ: str) -> str:
    """A signed JWT in compact form, naming its ``kid`` and ``typ``."""
    return jwt.encode(dict(claims), signer.key, algorithm=signer.alg, headers={"kid": signer.kid, "typ": typ})


def verify(
    token: str,
    find_key: Callable[[str | None, str], VerifyKey | None],
    *,
    typ: Sequence[str | None],
    issuer: str,
    audience: str | None,
    require: Sequence[str],
    leeway: int = 0,
    ignore_expiry: bool = False,
) -> dict[str, Any]:
    """The claims of a token that is exactly what the caller expects; else raises TokenRejected.

    ``find_key(kid, alg)`` returns one of the keys that may have signed it. ``typ`` lists the
    accepted header values, None standing for an absent one. ``audience`` None leaves ``aud`` to the
    caller. ``leeway`` is in seconds. ``ignore_expiry`` is for ``id_token_hint`` alone (OpenID
    Connect RP-Initiated Logout 1.0 section 2).
    """
    header = _header(token)
    if header.get("typ") not in typ:
        raise TokenRejected("typ")
    kid, alg = header.get("kid"), header.get("alg")
    if not (kid is None or (isinstance(kid, str) and len(kid) <= 256)) or alg not in ASYMMETRIC:
        raise TokenRejected("kid or alg")
    found = find_key(kid, cast("str", alg))
    if found is None or found.alg != alg:
        raise TokenRejected("unknown key")
    options = {
        "require": list(require), "verify_aud": audience is not None, "verify_exp": not ignore_expiry,
        "strict_aud": False, "enforce_minimum_key_length": True,
    }  # fmt: skip
    try:
        claims = _decode(token, found, issuer, audience, leeway, options)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise TokenRejected(type(error).__name__) from None
    _check_types(claims)
    return claims


def _decode(
    token: str, key: VerifyKey, issuer: str, audience: str | None, leeway: int, options: dict[str, Any]
) -> dict[str, Any]:
    """``iat`` and ``nbf`` a few seconds ahead are another machine's clock; ``exp`` gets no such allowance."""

    def decode(allowed: int) -> dict[str, Any]:
        return jwt.decode(
            token, key.key, algorithms=[key.alg], issuer=issuer, audience=audience, leeway=allowed,
            options=cast("Any", options),
        )  # fmt: skip

    try:
        return decode(leeway)
    except jwt.ImmatureSignatureError:
        return decode(max(leeway, SKEW_SECONDS))


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise TokenRejected("not a compact JWS")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise TokenRejected(type(error).__name__) from None
    if "crit" in header or "b64" in header:
        raise TokenRejected("crit")
    return header


def _check_types(claims: Mapping[str, Any]) -> None:
    for name in ("exp", "iat", "nbf", "auth_time"):
        value = claims.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise TokenRejected(f"{name} is no integer")
    for name in ("sub", "jti", "client_id", "sid", "scope", "iss"):
        if name in claims and not isinstance(claims[name], str):
            raise TokenRejected(f"{name} is no string")


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────


def generate(alg: str) -> PrivateKey:
    """A new private key for ``alg``."""
    if alg in ("RS256", "PS256"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"no key can be made for {alg}")


def private_bytes(key: PrivateKey) -> bytes:
    """PKCS #8 DER, to be sealed at once."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(der: bytes) -> PrivateKey:
    """Parse what ``private_bytes`` gave."""
    return cast("PrivateKey", serialization.load_der_private_key(der, password=None))


def public_jwk(key: PrivateKey, alg: str) -> dict[str, Any]:
    """The public JWK with ``kid`` (RFC 7638), ``alg`` and ``use``."""
    jwk: dict[str, Any] = _ALGORITHMS[alg].to_jwk(key.public_key(), as_dict=True)
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    return {**members, "kid": thumbprint(members), "alg": alg, "use": "sig"}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 section 3: SHA-256 over the required members in lexicographic order."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


def verify_key(jwk: Mapping[str, Any], alg: str) -> VerifyKey | None:
    """A public key from a JWK, for one algorithm; None if the JWK is not for it (RFC 7518 3.4, RFC 8037 3.1)."""
    return _loaded(jwk, alg) if jwk.get("crv") == _CRV_OF_ALG.get(alg, jwk.get("crv")) else None


def _loaded(jwk: Mapping[str, Any], alg: str) -> VerifyKey | None:
    if jwk.get("kty") != _KTY_OF_ALG.get(alg) or jwk.get("alg", alg) != alg or jwk.get("use", "sig") != "sig":
        return None
    members = tuple((name, jwk.get(name)) for name in _THUMBPRINT_MEMBERS[str(jwk["kty"])])
    if not all(isinstance(value, str) for _name, value in members):
        return None
    key = _parse_public(alg, members)
    return None if key is None else VerifyKey(str(jwk.get("kid") or ""), alg, key)


@lru_cache(maxsize=256)
def _parse_public(alg: str, members: tuple[tuple[str, str], ...]) -> PublicKey | None:
    try:
        return cast("PublicKey", _ALGORITHMS[alg].from_jwk(json.dumps(dict(members))))
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def key_strong_enough(jwk: Mapping[str, Any]) -> bool:
    """RSA of at least 2048 bits; the curves we accept are strong by themselves."""
    found = next((key for alg in ASYMMETRIC if (key := _loaded({**jwk, "alg": alg}, alg))), None)
    if found is None:
        return False
    return not isinstance(found.key, rsa.RSAPublicKey) or found.key.key_size >= 2048
