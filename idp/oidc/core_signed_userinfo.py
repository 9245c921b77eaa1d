"""OpenID Connect Core 1.0 section 5.3.2 (Successful UserInfo Response), the signed kind.

A client that registered ``userinfo_signed_response_alg`` gets ``application/jwt``, with ``iss`` and with
itself as ``aud``. Without ``exp`` and ``iat`` it is no ID token, whoever takes it for one.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import jose
from ..oauth.responses import NO_STORE, Answer
from ..services.keys import Keys

TYP = "JWT"
MEDIA_TYPE = "application/jwt"


class SignedUserinfo:
    """Signs userinfo."""

    def __init__(self, issuer: str, keys: Keys) -> None:
        self._issuer = issuer
        self._keys = keys

    def answer(
        self, client_id: str, alg: str, claims: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The claims as a JWT for that client; nothing stored under ``iss`` or ``aud`` can reach it."""
        whole = {**claims, "iss": self._issuer, "aud": client_id}
        signed = jose.sign(whole, self._keys.signer(alg), typ=TYP)
        return Answer(signed.encode(), headers={**NO_STORE, **(headers or {}), "Content-Type": MEDIA_TYPE})
