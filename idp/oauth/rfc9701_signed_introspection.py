"""RFC 9701 (JWT Response for OAuth Token Introspection): the answer, signed for one resource server.

Section 4: asked for with ``Accept: application/token-introspection+jwt``; everybody else gets JSON.
Section 5: ``iss``, ``aud`` (the caller) and ``iat`` around ``token_introspection``; no ``sub`` and no
``exp`` beside it, and a ``typ`` of its own, so that it passes for no access token (section 8.1).
Section 6: signed as the caller registered by ``introspection_signed_response_alg``; never encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import jose
from ..domain.client import Client
from ..domain.key import DEFAULT_ALG
from ..domain.ports import Clock
from ..services.keys import Keys
from .requests import Received
from .responses import NO_STORE, Answer

TYP = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYP}"


class SignedIntrospection:
    """Signs introspection answers."""

    def __init__(self, issuer: str, keys: Keys, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    def answer(self, caller: Client, found: Mapping[str, object]) -> Answer:
        """What was found, as a JWT for ``caller``."""
        claims = {
            "iss": self._issuer, "aud": caller.client_id, "iat": int(self._clock.now().timestamp()),
            "token_introspection": dict(found),
        }  # fmt: skip
        alg = str(caller.metadata.get("introspection_signed_response_alg", DEFAULT_ALG))
        signed = jose.sign(claims, self._keys.signer(alg), typ=TYP)
        return Answer(signed.encode(), headers={**NO_STORE, "Content-Type": MEDIA_TYPE})


def wanted(asked: Received) -> bool:
    """Does ``Accept`` name the type (RFC 9110 section 12.5.1), and not to refuse it with ``q=0``?"""
    for item in (asked.accept or "").split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        if media_type == MEDIA_TYPE:
            return not any(part.replace(" ", "").rstrip("0").rstrip(".") in ("q=0", "q=") for part in parameters)
    return False
