"""JWT Secured Authorization Response Mode for OAuth 2.0 (JARM): answers that the client can verify.

Section 2.1: the JWT's ``iss`` is us, its ``aud`` the client, its ``exp`` minutes away; everything else are the
parameters of the answer, codes and errors alike. Section 3: the algorithm is the client's registered
``authorization_signed_response_alg``, RS256 where it registered none; ``none`` cannot be registered.
Which modes lead here, ``oauth.response_modes`` knows. Encrypted answers (section 2.2) are not supported.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import jose
from ..domain.client import Client
from ..domain.ports import Clock
from ..services.keys import Keys

TYP = "JWT"
LIFE_SECONDS = 300  # section 2.1: at most ten minutes is RECOMMENDED


class SignedResponses:
    """Sign authorization responses."""

    def __init__(self, issuer: str, keys: Keys, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    def sign(self, parameters: Mapping[str, str], client: Client) -> str:
        """The value of ``response``. Raises Unavailable while there is no key of the client's algorithm."""
        now = int(self._clock.now().timestamp())
        claims = {**parameters, "iss": self._issuer, "aud": client.client_id, "iat": now, "exp": now + LIFE_SECONDS}
        alg = client.metadata.get("authorization_signed_response_alg")
        return jose.sign(claims, self._keys.signer(str(alg)) if alg else self._keys.signer(), typ=TYP)
