"""Asking the issuer whether a token is alive (RFC 7662 section 2), as a confidential client.

Only a 200 with a boolean ``active`` is an answer. Anything else, a refusal of *our own* credentials
included, says nothing about the token and becomes VerifierUnavailable, never a 401 to the caller.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from collections.abc import Callable
from urllib.parse import quote_plus

from .errors import TokenInvalid, VerifierUnavailable
from .issuer import Issuer
from .transport import Answer, Transport

log = logging.getLogger(__name__)

MOST_CACHED_SECONDS = 1.0
_MOST_ENTRIES = 10_000


def basic(client_id: str, client_secret: str) -> str:
    """``client_secret_basic``: both parts form-encoded before Base64 (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


class Introspection:
    """``cache`` is for how many seconds an *active* answer may be repeated; 0 asks every time."""

    def __init__(
        self,
        issuer: Issuer,
        transport: Transport,
        authorization: str,
        cache: float = 0.0,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 <= cache <= MOST_CACHED_SECONDS:
            raise ValueError(f"an introspection answer may be cached for 0 to {MOST_CACHED_SECONDS:g} s")
        self._issuer = issuer
        self._transport = transport
        self._headers = {"Authorization": authorization}
        self._cache = cache
        self._tick = tick
        self._active_until: dict[bytes, float] = {}

    def require_active(self, token: str) -> None:
        """Raises TokenInvalid if the token is dead, VerifierUnavailable if nobody could say."""
        name = hashlib.sha256(token.encode()).digest()
        if self._cache and self._tick() < self._active_until.get(name, 0.0):
            return
        asked = self._tick()
        if not self._ask(token):
            raise TokenInvalid("the token or its session has ended")
        if self._cache:
            self._remember(name, asked)

    def _ask(self, token: str) -> bool:
        form = {"token": token, "token_type_hint": "access_token"}
        answer = self._transport.post_form(self._issuer.endpoint("introspection_endpoint"), form, self._headers)
        return self._read(answer)

    def _read(self, answer: Answer) -> bool:
        active = answer.document.get("active") if isinstance(answer.document, dict) else None
        if answer.status == 200 and isinstance(active, bool):
            return active
        if answer.status in (400, 401, 403):
            log.error("%s refuses this API's own credentials at introspection", self._issuer.issuer)
        raise VerifierUnavailable(f"introspection at {self._issuer.issuer} answered {answer.status}")

    def _remember(self, name: bytes, asked: float) -> None:
        """Counted from the question, not from the answer: that is the moment the answer is true of."""
        if len(self._active_until) >= _MOST_ENTRIES:
            self._active_until.clear()
        self._active_until[name] = asked + self._cache
