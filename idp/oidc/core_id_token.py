"""OpenID Connect Core 1.0 section 2 (ID Token), 3.1.3.6 (``at_hash``), 12.2 (on refresh).

``aud`` is the one client, as a string. ``auth_time`` is when the person proved who they are, never
now; it does not move on a refresh. ``sid`` is the client session's id, the same that the access token
and the logout token carry. Claims about the person come by userinfo, except those a client asked for
here with ``claims`` (section 5.5).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from .. import jose
from ..domain.claims import claims_locales, claims_of, requested
from ..domain.client import Client
from ..domain.key import DEFAULT_ALG
from ..domain.ports import Clock, Users
from ..domain.scope import OPENID
from ..services.codes import Grant
from ..services.keys import Keys

TYP = "JWT"
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")


class IdTokens:
    """Make ID tokens, and read one that comes back as a hint."""

    def __init__(self, issuer: str, life: int, keys: Keys, users: Users, clock: Clock) -> None:
        self._issuer = issuer
        self._life = life
        self._keys = keys
        self._users = users
        self._clock = clock

    def add(self, answer: dict[str, object], grant: Grant, client: Client) -> None:
        """The extension of the token answer: an ``id_token`` where ``openid`` was granted."""
        if OPENID in grant.scope and grant.user_id is not None and grant.auth_time is not None:
            answer["id_token"] = self.make(grant, client, str(answer["access_token"]))

    def make(self, grant: Grant, client: Client, access_token: str) -> str:
        """Sign one."""
        now, alg = int(self._clock.now().timestamp()), signing_alg(client)
        auth_time = grant.auth_time
        claims: dict[str, object] = {
            **self._about_the_person(grant), "iss": self._issuer, "sub": grant.subject, "aud": client.client_id,
            "iat": now, "exp": now + self._life, "auth_time": int(auth_time.timestamp()) if auth_time else now,
            "acr": grant.acr, "amr": list(grant.amr), "sid": str(grant.sid), "at_hash": at_hash(access_token, alg),
        }  # fmt: skip
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        return jose.sign(claims, self._keys.signer(alg), typ=TYP)

    def read_hint(self, hint: str) -> dict[str, Any]:
        """The claims of an ID token of ours, expired or not. Raises TokenRejected for anything else."""
        return jose.verify(
            hint, self._keys.find, typ=(TYP,), issuer=self._issuer, audience=None, require=_REQUIRED,
            ignore_expiry=True, ours=True, now=self._clock.now().timestamp(),
        )  # fmt: skip

    def _about_the_person(self, grant: Grant) -> dict[str, object]:
        names = requested(grant.claims, "id_token")
        if not names or grant.user_id is None:
            return {}
        user = grant.user or self._users.get(grant.user_id)
        return claims_of(user, names, claims_locales(grant.claims)) if user is not None else {}


def signing_alg(client: Client) -> str:
    """``id_token_signed_response_alg`` (OpenID Connect Registration 1.0 section 2); logout tokens follow it."""
    return str(client.metadata.get("id_token_signed_response_alg", DEFAULT_ALG))


def at_hash(access_token: str, alg: str = DEFAULT_ALG) -> str:
    """Section 3.1.3.6: the left half of the hash that goes with the algorithm of the ID token.

    Of EdDSA that is SHA-512, the hash inside Ed25519 (RFC 8032 section 5.1); of the others SHA-256.
    """
    digest = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
