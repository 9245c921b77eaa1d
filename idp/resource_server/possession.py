"""Is whoever sends a token the one it was issued to? RFC 9449 section 7 (DPoP) and RFC 8705 section 3 (mutual TLS).

A token with ``cnf`` is nothing without its proof: ``jkt`` asks for a DPoP proof by that key, under the scheme
``DPoP`` and no other; ``x5t#S256`` for that certificate in the connection. A proof is checked by RFC 9449
section 4.3: form, type, key, signature, method, address, time, token; then, where the API wants nonces, that it
names one of them (section 9, ``proof_nonces``); then that this process has not seen it before (section 11.1,
``seen_proofs``). Each process remembers for itself; a proof lives for five minutes, and
the address in it is this API's own, so what another API has seen is worth nothing here.

Why the address is made of the API's own origin and not of the request: behind a proxy the request names
another, and a ``Host`` header anybody may write.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import jwt

from .access_token import AccessToken
from .clock import Clock, wall
from .errors import NonceWanted, ProofInvalid, TokenInvalid, TokenMissing
from .jws import SignedJwt, take_apart
from .proof_nonces import ProofNonces
from .seen_proofs import SeenProofs

_AGE_SECONDS, _AHEAD_SECONDS = 300.0, 15.0
_SHAPE = {"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "PS256": ("RSA", None)}
_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_HEADER = re.compile(r"(?P<scheme>bearer|dpop) +(?P<token>\S+) *", re.IGNORECASE)
_PEM = re.compile(r"-----(BEGIN|END) CERTIFICATE-----|\s")


class Presented(NamedTuple):
    """A token, and whether it came under the scheme ``DPoP``."""

    token: str
    dpop: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """What a request proves beside its token. ``url`` is this API's own address of what is asked for.

    ``proof`` is the ``DPoP`` header, ``certificate`` what the proxy said of the client's certificate.
    """

    method: str = ""
    url: str = ""
    proof: str | None = None
    certificate: str | None = None


NOBODY = Sender()


def presented(authorization: str | None) -> Presented:
    """The token of an ``Authorization`` header (RFC 6750 section 2.1, RFC 9449 section 7.1). Raises TokenMissing.

    Query and form parameters are not looked at: tokens there end up in logs (RFC 9700 section 4.3.2).
    """
    if authorization is None or authorization.split(" ", 1)[0].lower() not in ("bearer", "dpop"):
        raise TokenMissing
    if (match := _HEADER.fullmatch(authorization)) is None:
        raise TokenInvalid("the Authorization header is malformed")
    return Presented(match["token"], match["scheme"].lower() == "dpop")


class Possession:
    """``required``: tokens that are bound to nothing are refused (FAPI 2.0 Security Profile 5.3.4).

    ``nonces`` None: none is demanded, and one that is sent counts for nothing.
    """

    def __init__(self, *, required: bool = False, nonces: ProofNonces | None = None, clock: Clock = wall) -> None:
        self._required, self._nonces, self._clock = required, nonces, clock
        self._seen = SeenProofs(_AGE_SECONDS + 2 * _AHEAD_SECONDS, clock=clock)

    def check(self, token: AccessToken, shown: Presented, sender: Sender) -> None:
        """Raises TokenInvalid, ProofInvalid or NonceWanted unless the sender proves all that the token is bound to."""
        confirmation = token.confirmation
        if set(confirmation) - {"jkt", "x5t#S256"}:
            raise TokenInvalid("this token is bound in a way that is not supported")
        if shown.dpop or "jkt" in confirmation:
            self._check_key(token, shown, sender)
        if "x5t#S256" in confirmation and not _same(_thumbprint(sender.certificate), confirmation["x5t#S256"]):
            raise TokenInvalid("this token is bound to another certificate")
        if self._required and not confirmation:
            raise TokenInvalid("this API takes only tokens that are bound to their sender")

    def _check_key(self, token: AccessToken, shown: Presented, sender: Sender) -> None:
        """RFC 9449 sections 7.1 and 7.2."""
        if (jkt := token.confirmation.get("jkt")) is None:
            raise TokenInvalid("this token is not bound to a key")
        if not shown.dpop:
            raise TokenInvalid("this token is bound to a key and cannot be used as a bearer token")
        if sender.proof is None:
            raise ProofInvalid("send a DPoP proof")
        try:
            jwk, claims = self._proof(take_apart(sender.proof))
        except TokenInvalid:
            raise ProofInvalid("the DPoP proof is malformed") from None
        if not _same(_jkt(jwk), jkt):
            raise ProofInvalid("the DPoP proof is by another key")
        self._check_claims(claims, shown.token, sender)
        if self._nonces is not None and not self._nonces.good(claims.get("nonce")):
            raise NonceWanted(self._nonces.current())
        self._seen.claim(token.sub, jkt, claims["jti"])

    def _proof(self, proof: SignedJwt) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        jwk, alg = proof.header.get("jwk"), proof.header.get("alg")
        if proof.header.get("typ") != "dpop+jwt" or {"crit", "b64"} & proof.header.keys():
            raise ProofInvalid("the DPoP proof is not of type dpop+jwt")
        if not isinstance(jwk, dict) or _SECRET & jwk.keys() or not isinstance(alg, str) or alg not in _SHAPE:
            raise ProofInvalid("the DPoP proof has no public key, or an algorithm that is not supported")
        if not _verifies(jwk, alg, proof):
            raise ProofInvalid("the signature of the DPoP proof is not valid")
        return jwk, proof.claims()

    def _check_claims(self, claims: Mapping[str, Any], token: str, sender: Sender) -> None:
        now, iat = self._clock(), claims.get("iat")
        if not isinstance(iat, int) or isinstance(iat, bool) or not isinstance(claims.get("jti"), str):
            raise ProofInvalid("the DPoP proof lacks jti or iat")
        if not now - _AGE_SECONDS <= iat <= now + _AHEAD_SECONDS:
            raise ProofInvalid("the DPoP proof is too old, or from the future")
        if claims.get("htm") != sender.method:
            raise ProofInvalid("the DPoP proof is for another method")
        htu = claims.get("htu")
        if not sender.url or not isinstance(htu, str) or _normal(htu) != _normal(sender.url):
            raise ProofInvalid("the DPoP proof is for another address")
        if not _same(_digest(token.encode()), claims.get("ath")):
            raise ProofInvalid("the DPoP proof is for another token")


def own_url(origin: str | None, path: str) -> str:
    """The address of a path that a framework has decoded; '' without an origin, where no proof holds."""
    return f"{origin}{quote(path, safe=_PLAIN)}" if origin else ""


_PLAIN = "/-._~!$&'()*+,;=:@"


def _verifies(jwk: Mapping[str, Any], alg: str, proof: SignedJwt) -> bool:
    kty, crv = _SHAPE[alg]
    if jwk.get("kty") != kty or (crv is not None and jwk.get("crv") != crv):
        return False
    try:
        key = jwt.PyJWK(dict(jwk), algorithm=alg)
        strong = key.Algorithm.check_key_length(key.key) is None
        return strong and bool(key.Algorithm.verify(proof.signed, key.key, proof.signature))
    except (jwt.PyJWTError, ValueError, TypeError):
        return False


def _jkt(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 section 3."""
    members = ",".join(f'"{name}":"{jwk[name]}"' for name in _MEMBERS[jwk["kty"]])
    return _digest(f"{{{members}}}".encode())


def _thumbprint(certificate: str | None) -> str | None:
    """RFC 8705 section 3.1, of a certificate as proxies write it: RFC 9440, PEM (escaped or not), base64."""
    if certificate is None or len(certificate) > 16_384:
        return None
    text = _PEM.sub("", unquote(certificate)).strip(":")
    try:
        return _digest(base64.b64decode(text, validate=True)) if text else None
    except ValueError:
        return None


def _normal(uri: str) -> tuple[str, str] | None:
    """RFC 9449 section 4.3, item 9: origin and path, in one spelling (RFC 3986 section 6.2)."""
    try:
        parts = urlsplit(uri)
        host, port = (parts.hostname or "").lower(), parts.port
        path = quote(unquote(parts.path, errors="surrogateescape"), safe=_PLAIN, errors="surrogateescape")
    except ValueError:  # no port, or a character that is none
        return None
    scheme = parts.scheme.lower()
    if not host or parts.username is not None or scheme not in ("http", "https"):
        return None
    port = port or {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}:{port}", path or "/"


def _digest(raw: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()


def _same(found: str | None, wanted: object) -> bool:
    if found is None or not isinstance(wanted, str):
        return False
    return hmac.compare_digest(found.encode(), wanted.encode(errors="surrogatepass"))
