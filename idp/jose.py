"""Sign and verify JWTs: the only importer of PyJWT on the server. ``alg`` and ``typ`` have no default.

Rules (RFC 8725, RFC 9068 section 4, authlib.md 1.3 #32 and #33):

- The algorithm is the key's own, never the token's: one key, one ``alg``, asymmetric only.
- ``typ`` is compared exactly, so no kind of token passes for another (RFC 8725 section 3.11).
- ``kid`` finds a key among ours; ``jwk``, ``jku``, ``x5c`` in a header are never looked at.
- ``crit`` and ``b64`` are refused: we understand no extension (RFC 7515 section 4.1.11).
- One spelling per token: no ``=`` padding, no unused bits in a segment's last character.
- A size cap comes before any parsing.
- ``exp``, ``iat`` and ``nbf`` must be JSON integers.

Why the compact form is taken apart here and not by PyJWT: it looks at each character of a token in a
Python loop, twice, which costs twice what the signature does. Its algorithms do the signing and the
verifying (``cryptography`` beneath), from keys that are parsed once.

What may be remembered of a token is that its signature was right (``Known``): who signs what cannot
change. The key must still be found, and every claim is compared anew on every use.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
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
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ALGORITHMS = get_default_algorithms()
_JSON = json.JSONEncoder(separators=(",", ":"))


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


class Known:
    """Payloads of tokens whose signature was right, by the token's SHA-256: bounded, this process's alone.

    Says nothing of a token's life or of the key's: whoever asks finds the key anew.
    """

    def __init__(self, most: int = 8192) -> None:
        self._most = most
        self._signed: dict[bytes, _Signed] = {}
        self._lock = Lock()

    def get(self, digest: bytes) -> _Signed | None:
        """What is remembered of the token."""
        return self._signed.get(digest)

    def put(self, digest: bytes, signed: _Signed) -> None:
        """Remember it; the oldest makes room."""
        with self._lock:
            if len(self._signed) >= self._most:
                del self._signed[next(iter(self._signed))]
            self._signed[digest] = signed


@dataclass(frozen=True, slots=True)
class _Signed:
    """A payload under a right signature, the key that made it, and what kind of token it is."""

    payload: bytes
    typ: str | None
    key: VerifyKey


def sign(claims: Mapping[str, object], signer: Signer, *, typ: str) -> str:
    """A signed JWT in compact form, naming its ``kid`` and ``typ``."""
    signed = f"{_header_of(signer.alg, signer.kid, typ)}.{_base64url(_JSON.encode(claims).encode())}"
    return f"{signed}.{_base64url(_ALGORITHMS[signer.alg].sign(signed.encode(), signer.key))}"


def verify(
    token: str,
    find_key: Callable[[str | None, str], VerifyKey | None],
    *,
    typ: Sequence[str | None],
    issuer: str | None,
    audience: str | None,
    require: Sequence[str],
    leeway: int = 0,
    now: float | None = None,
    ignore_expiry: bool = False,
    ours: bool = False,
    known: Known | None = None,
) -> dict[str, Any]:
    """The claims of a token that is exactly what the caller expects; else raises TokenRejected.

    ``find_key(kid, alg)`` returns one of the keys that may have signed it. ``typ`` lists the
    accepted header values, None standing for an absent one. ``issuer`` and ``audience`` None leave
    ``iss`` and ``aud`` to the caller. ``now`` is in seconds since the epoch, by the clock that all workers
    share; None means this machine's. ``leeway`` is in seconds. ``ignore_expiry`` is for ``id_token_hint`` alone (OpenID
    Connect RP-Initiated Logout 1.0 section 2). ``ours``: we signed it, so an ``iat`` ahead of the clock
    tells of the clock and nothing of the token; refusing it would refuse its revocation, too. ``known``
    remembers right signatures, for tokens that ``find_key`` finds by the names their keys have.
    """
    signed = _signed(token, find_key, typ) if known is None else _signed_or_known(token, find_key, typ, known)
    claims = _claims(signed.payload, require)
    _check_times({**claims, "iat": 0} if ours else claims, leeway, ignore_expiry, now)
    if issuer is not None and claims.get("iss") != issuer:
        raise TokenRejected("iss")
    if audience is not None:
        _check_audience(claims.get("aud"), audience)
    return claims


def carried(
    token: str, *, typ: str, algs: Sequence[str], require: Sequence[str], leeway: int, now: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The public JWK in a token's own header, and the claims that its key has signed (RFC 9449 section 4.3).

    Who the key belongs to is the caller's question, and so is everything the claims say but ``exp``, ``iat``
    and ``nbf``. Raises TokenRejected, also for a private key.
    """
    jwk = _carried_key(token)
    signed = _signed(token, lambda _kid, alg: verify_key(jwk, alg) if alg in algs else None, (typ,))
    claims = _claims(signed.payload, require)
    _check_times(claims, leeway, False, now)
    return jwk, claims


# ── the signature ─────────────────────────────────────────────────────────────────────────────────


def _carried_key(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise TokenRejected("not a compact JWS")
    try:
        jwk = json.loads(_bytes(token.partition(".")[0]).decode())["jwk"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise TokenRejected(type(error).__name__) from None
    if not isinstance(jwk, dict) or _SECRET_MEMBERS & jwk.keys():
        raise TokenRejected("jwk")
    return jwk


def _signed_or_known(
    token: str, find_key: Callable[[str | None, str], VerifyKey | None], typ: Sequence[str | None], known: Known
) -> _Signed:
    """A remembered one counts as long as its key is found under its name, and is the same key."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    signed = known.get(digest)
    if signed is not None and signed.typ in typ:
        found = find_key(signed.key.kid, signed.key.alg)
        if found is not None and found.key is signed.key.key and found.alg == signed.key.alg:
            return signed
    signed = _signed(token, find_key, typ)
    known.put(digest, signed)
    return signed


def _signed(
    token: str, find_key: Callable[[str | None, str], VerifyKey | None], typ: Sequence[str | None]
) -> _Signed:  # fmt: skip
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise TokenRejected("not a compact JWS")
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    found_typ, kid, alg = _read_header(header)
    if found_typ not in typ:
        raise TokenRejected("typ")
    found = find_key(kid, alg)
    if found is None or found.alg != alg or not _long_enough(found.key):
        raise TokenRejected("unknown key")
    if not _verifies(signed.encode(), found, _bytes(signature)):
        raise TokenRejected("signature")
    return _Signed(_bytes(payload), found_typ, found)


def _verifies(signed: bytes, key: VerifyKey, signature: bytes) -> bool:
    try:
        return _ALGORITHMS[key.alg].verify(signed, key.key, signature)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRejected(type(error).__name__) from None


@lru_cache(maxsize=64)
def _read_header(segment: str) -> tuple[str | None, str | None, str]:
    """``typ``, ``kid`` and ``alg``; nothing else of a header counts."""
    try:
        header = json.loads(_bytes(segment).decode())
    except (ValueError, RecursionError) as error:
        raise TokenRejected(type(error).__name__) from None
    if not isinstance(header, dict) or "crit" in header or "b64" in header:
        raise TokenRejected("header")
    typ, kid, alg = header.get("typ"), header.get("kid"), header.get("alg")
    if not (kid is None or (isinstance(kid, str) and len(kid) <= 256)) or alg not in ASYMMETRIC:
        raise TokenRejected("kid or alg")
    if not (typ is None or isinstance(typ, str)) or ("typ" in header and typ is None):
        raise TokenRejected("typ")
    return typ, kid, alg


@lru_cache(maxsize=64)
def _header_of(alg: str, kid: str, typ: str) -> str:
    return _base64url(_JSON.encode({"alg": alg, "kid": kid, "typ": typ}).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(segment: str) -> bytes:
    """RFC 7515 section 2, in the one spelling there is for these bytes. The alphabet has been looked at."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise TokenRejected("base64url") from None
    if _base64url(raw) != segment:
        raise TokenRejected("base64url")
    return raw


# ── the claims ────────────────────────────────────────────────────────────────────────────────────


def _claims(payload: bytes, require: Sequence[str]) -> dict[str, Any]:
    try:
        claims = json.loads(payload.decode())
    except (ValueError, RecursionError) as error:
        raise TokenRejected(type(error).__name__) from None
    if not isinstance(claims, dict) or any(claims.get(name) is None for name in require):
        raise TokenRejected("a claim is missing")
    _check_types(claims)
    return claims


def _check_types(claims: Mapping[str, Any]) -> None:
    for name in ("exp", "iat", "nbf"):
        if name in claims and type(claims[name]) is not int:
            raise TokenRejected(f"{name} is no integer")
    if type(claims.get("auth_time", 0)) not in (int, type(None)):
        raise TokenRejected("auth_time is no integer")
    for name in ("sub", "jti", "client_id", "sid", "scope", "iss"):
        if name in claims and not isinstance(claims[name], str):
            raise TokenRejected(f"{name} is no string")


def _check_times(claims: Mapping[str, Any], leeway: int, ignore_expiry: bool, now: float | None) -> None:
    """``iat`` and ``nbf`` a few seconds ahead are another machine's clock; ``exp`` gets no such allowance."""
    if now is None:
        now = time.time()  # noqa: TID251 - where nobody knows better
    if any(claims.get(name, 0) > now + max(leeway, SKEW_SECONDS) for name in ("iat", "nbf")):
        raise TokenRejected("not yet valid")
    if not ignore_expiry and "exp" in claims and claims["exp"] <= now - leeway:
        raise TokenRejected("expired")


def _check_audience(found: Any, audience: str) -> None:
    """RFC 7519 section 4.1.3: one string or an array of them."""
    named = [found] if isinstance(found, str) else found
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named) or audience not in named:
        raise TokenRejected("aud")


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
    return _base64url(hashlib.sha256(canonical).digest())


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
    return _long_enough(found.key)


def _long_enough(key: PublicKey) -> bool:
    """RFC 7518 section 3.3."""
    return not isinstance(key, rsa.RSAPublicKey) or key.key_size >= 2048
