"""The API's own access token, with which it reads the revocation log (RFC 6749 section 4.4).

Kept until four fifths of its life have passed, so that the next one is there before the issuer closes
the stream of the last one.
"""

from __future__ import annotations

from typing import Any

from .clock import Clock, ticking
from .errors import VerifierUnavailable
from .issuer import Issuer
from .transport import Transport

_SCOPE = "revocations"
_PART_OF_LIFE = 0.8
_ASSUMED_LIFE = 60.0  # RFC 6749 section 5.1: expires_in is recommended, not required
_PAUSE_AFTER_FAILURE = 2.0


class OwnToken:
    """For one thread. ``authorization`` is the API's client authentication."""

    def __init__(self, issuer: Issuer, transport: Transport, authorization: str, tick: Clock = ticking) -> None:
        self._issuer, self._transport, self._tick = issuer, transport, tick
        self._headers = {"Authorization": authorization}
        self._token: str | None = None
        self._renew_at = 0.0

    def get(self) -> str:
        """The present one, or the first. Raises VerifierUnavailable."""
        if self._token is None:
            self.renew()
        assert self._token is not None  # noqa: S101 - renew raises or sets it
        return self._token

    def due(self) -> bool:
        """Is it time for the next one?"""
        return self._token is not None and self._tick() >= self._renew_at

    def renew(self) -> None:
        """Ask for another. Raises VerifierUnavailable; the old one then stays, and is due again soon."""
        asked = self._tick()
        self._renew_at = asked + _PAUSE_AFTER_FAILURE
        form = {"grant_type": "client_credentials", "scope": _SCOPE}
        answer = self._transport.post_form(self._issuer.endpoint("token_endpoint"), form, self._headers)
        document = answer.document if isinstance(answer.document, dict) else {}
        token = document.get("access_token")
        if answer.status != 200 or not isinstance(token, str):
            problem = document.get("error", answer.status)
            raise VerifierUnavailable(f"{self._issuer.issuer} gave no token for its revocations: {problem!r:.60}")
        self._token, self._renew_at = token, asked + _life(document) * _PART_OF_LIFE

    def forget(self) -> None:
        """It was refused."""
        self._token = None


def _life(document: dict[str, Any]) -> float:
    seconds = document.get("expires_in")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return float(seconds)
    return _ASSUMED_LIFE
