"""RFC 9449 (DPoP): proofs that whoever sends a request holds a private key, and the nonces they must name.

Section 4.3: the checks of a proof, in its order. Section 8: nonces, which the operator may demand. Section
10: ``dpop_jkt`` binds a code to the key before it is issued. What is bound to the key, and who must prove it
with a token, stands in ``sender_constraint``.

Why a proof is claimed in SQL and not in Redis: a proof that works twice is a replay (section 11.1), and Redis
may be lost (P5). The row ends when the proof would no longer be taken.

Why RS256 is not among the algorithms: nothing needs it, PKCS #1 v1.5 is on its way out, and FAPI 2.0 (5.4.1)
forbids it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from flask import has_request_context, request

from .. import jose
from ..again import claims_of
from ..domain.client import Client
from ..domain.ports import AssertionIds, Clock
from ..errors import ProtocolError, TokenRejected
from ..settings import Settings
from .requests import Parameters, Received, invalid_request

ALGS = ("ES256", "EdDSA", "PS256")
TYP = "dpop+jwt"
AGE_SECONDS = 300
AHEAD_SECONDS = 15  # FAPI 2.0 Security Profile 5.3.2.1: 10 must be taken, 60 must not
NONCE_SECONDS = 150  # a nonce is good for this long at least, and for twice as long at most
_JKT = re.compile(r"[A-Za-z0-9_-]{43}")
_REQUIRED = ("jti", "htm", "htu", "iat")
_UNRESERVED = "-._~"
_SUB_DELIMS = "!$&'()*+,;=:@"


class Nonces:
    """Section 8: a nonce says when it was given and nothing else; no one can make it but the holder of the key.

    Why without memory: whoever answers next may be another worker, and a nonce need not be used once, as
    every proof has a ``jti`` of its own.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

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
        return int(self._clock.now().timestamp()) // NONCE_SECONDS

    def _of(self, turn: int) -> str:
        return _base64url(hmac.digest(self._key, turn.to_bytes(8, "big"), hashlib.sha256))


def nonces(settings: Settings, clock: Clock) -> Nonces | None:
    """The nonces of this provider, the same in each of its processes; None if the operator wants none."""
    return Nonces(settings.master_keys().current.derive("DPoP nonce"), clock) if settings.dpop_nonce else None


class Proofs:
    """Checks proofs. ``nonces`` None: none is demanded, none is given, and one that is sent counts for nothing."""

    def __init__(self, used: AssertionIds, clock: Clock, nonces: Nonces | None) -> None:
        self._used = used
        self._clock = clock
        self._nonces = nonces

    def key_of(self, asked: Received, uris: Sequence[str], token: str | None = None) -> str | None:
        """The thumbprint (RFC 7638) of the key that the request proves; None if it carries no proof.

        ``uris`` are the addresses of the endpoint, ``token`` the access token that came with the proof.
        Raises ProtocolError: invalid_dpop_proof, or use_dpop_nonce with the nonce to use.
        """
        if asked.proof is None:
            return None
        try:
            jwk, claims = jose.carried(
                asked.proof, typ=TYP, algs=ALGS, require=_REQUIRED, leeway=AHEAD_SECONDS, now=self._now()
            )
            self._check(claims, asked.method, uris, token)
        except TokenRejected as error:
            raise invalid_proof("the DPoP proof is not one for this request", "RFC 9449 4.3", str(error)) from None
        if self._nonces is not None and not self._nonces.good(claims.get("nonce")):
            raise self._use_nonce(self._nonces.current())
        jkt = jose.thumbprint(jwk)
        self._claim(jkt, claims, asked.method)
        return jkt

    def headers(self, asked: Received) -> Mapping[str, str]:
        """Section 8.2: a client that proves its key is told the nonce for its next request."""
        if self._nonces is None or asked.proof is None:
            return {}
        return {"DPoP-Nonce": self._nonces.current()}

    def _check(self, claims: Mapping[str, Any], method: str, uris: Sequence[str], token: str | None) -> None:
        """Section 4.3, items 3 and 8 to 12, but for the nonce. Raises TokenRejected."""
        if claims["iat"] < self._now() - AGE_SECONDS:
            raise TokenRejected("iat is too long ago")
        if claims["htm"] != method:
            raise TokenRejected("htm")
        if not isinstance(claims["htu"], str) or normal(claims["htu"]) not in [normal(uri) for uri in uris]:
            raise TokenRejected("htu")
        if token is not None and not _is(claims.get("ath"), _base64url(hashlib.sha256(token.encode()).digest())):
            raise TokenRejected("ath")

    def _claim(self, jkt: str, claims: Mapping[str, Any], method: str) -> None:
        """Section 11.1: once for each key, method and address, for as long as it could be taken."""
        told = "\0".join(("DPoP", method, normal(claims["htu"]) or "", claims["jti"]))
        digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()
        own = claims_of(request.environ) if has_request_context() else set()
        if (jkt, digest) in own:
            return  # an earlier attempt of this very request
        until = datetime.fromtimestamp(claims["iat"], tz=UTC) + timedelta(seconds=AGE_SECONDS + 60)
        if not self._used.claim(jkt, digest, until):
            raise invalid_proof("the DPoP proof was used before", "RFC 9449 11.1")
        own.add((jkt, digest))

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _use_nonce(self, nonce: str) -> ProtocolError:
        return ProtocolError(
            "use_dpop_nonce", "the DPoP proof must name the nonce that this answer gives", section="RFC 9449 8",
            headers={"DPoP-Nonce": nonce},
        )  # fmt: skip


def invalid_proof(description: str, section: str, detail: str = "") -> ProtocolError:
    """Section 5: the error of a proof that does not hold."""
    return ProtocolError("invalid_dpop_proof", description, section=section, detail=detail)


def read_jkt(parameters: Parameters, _client: Client) -> Mapping[str, Any]:
    """Section 10: the key that the code of an authorization request will be bound to. Raises invalid_request."""
    jkt = parameters.get("dpop_jkt")
    if jkt is not None and not _JKT.fullmatch(jkt):
        raise invalid_request("dpop_jkt must be a SHA-256 thumbprint in base64url", "RFC 9449 10")
    return {"dpop_jkt": jkt}


class PushedProofs:
    """Section 10.1: a proof at the PAR endpoint, at ``uris``, does what ``dpop_jkt`` does."""

    def __init__(self, proofs: Proofs, uris: Sequence[str]) -> None:
        self._proofs = proofs
        self._uris = uris

    def bind(self, asked: Received, parameters: Parameters) -> Parameters:
        """What was pushed, with the key that was proven. Raises invalid_dpop_proof if both were sent and differ."""
        proven, named = self._proofs.key_of(asked, self._uris), parameters.get("dpop_jkt")
        if proven is None or proven == named:
            return parameters
        if named is not None:
            raise invalid_proof("dpop_jkt is not the key of the DPoP proof", "RFC 9449 10.1")
        return Parameters([*parameters.pairs, ("dpop_jkt", proven)])

    def headers(self, asked: Received) -> Mapping[str, str]:
        """What the answer says beyond the answer: the next nonce."""
        return self._proofs.headers(asked)


def normal(uri: str) -> str | None:
    """Section 4.3, item 9: without query and fragment, normalised (RFC 3986 sections 6.2.2 and 6.2.3)."""
    try:
        parts = urlsplit(uri)
        host, port, path = (parts.hostname or "").lower(), parts.port, _path(parts.path)
    except ValueError:  # no port, or a character that is none
        return None
    scheme = parts.scheme.lower()
    if not host or parts.username is not None or scheme not in ("http", "https"):
        return None
    name = f"[{host}]" if ":" in host else host
    where = name if port in (None, {"http": 80, "https": 443}[scheme]) else f"{name}:{port}"
    return f"{scheme}://{where}{path}"


def _path(path: str) -> str:
    """One spelling of each character, and no dot segments (RFC 3986 section 5.2.4)."""
    segments: list[str] = []
    parts = path.split("/")[1:]
    for position, part in enumerate(parts):
        segment = quote(unquote(part, errors="surrogateescape"), _UNRESERVED + _SUB_DELIMS, errors="surrogateescape")
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
        if segment in (".", "..") and position == len(parts) - 1:
            segments.append("")
    return "/" + "/".join(segments)


def _is(given: object, wanted: str) -> bool:
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, wanted)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
