"""The issuer's metadata and keys: found by discovery, cached for a bounded time, fetched by one thread.

OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3. ``issuer`` in the document must equal the
configured one, byte for byte, or the document is somebody else's (RFC 8414 section 3.3).

Why an unknown ``kid`` leads to a look but rarely: right after a rotation it is honest, but anybody
can invent one, and each must not cost the issuer a request. Why keys are still used for a while when
the issuer is silent: they are public and change by announcement, so a short silence harms nobody;
whether a *session* lives is never answered from here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .errors import TokenInvalid, VerifierUnavailable
from .keys import VerificationKey, read_key_set
from .transport import Transport

_FRESH = 300.0
_STALE = 3600.0
_LOOK_AGAIN = 10.0
_PAUSE_AFTER_FAILURE = 1.0


def discovery_addresses(issuer: str) -> tuple[str, str]:
    """OpenID's place first, then OAuth's: path after the issuer, and path before it."""
    parts = urlsplit(issuer)
    root = f"{parts.scheme}://{parts.netloc}"
    path = parts.path.rstrip("/")
    return f"{root}{path}/.well-known/openid-configuration", f"{root}/.well-known/oauth-authorization-server{path}"


class Issuer:
    """One issuer as a resource server sees it. Safe to share between threads.

    ``tick`` gives seconds that only ever grow; tests pass their own.
    """

    def __init__(self, issuer: str, transport: Transport, tick: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._transport = transport
        self._tick = tick
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str, VerificationKey] = {}
        self._fetched: float | None = None
        self._failed: float | None = None

    def key(self, kid: str) -> VerificationKey:
        """The key of that name. Raises TokenInvalid if there is none, VerifierUnavailable if unknown."""
        key = self._keys.get(kid)
        if key is not None and self._age() < _FRESH:
            return key
        self._refresh(kid)
        if (key := self._keys.get(kid)) is None:
            raise TokenInvalid("the token names a key that the issuer does not publish")
        return key

    def endpoint(self, name: str) -> str:
        """An endpoint from the metadata. Raises VerifierUnavailable if it is not offered."""
        if not self._metadata:
            with self._lock:
                self._load_unless_paused()
        value = self._metadata.get(name)
        if not isinstance(value, str):
            raise VerifierUnavailable(f"the metadata of {self.issuer} have no {name}")
        return value

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._tick() - self._fetched

    def _refresh(self, kid: str) -> None:
        """Fetch again if that may help; whoever waited for the lock first sees what its holder got."""
        with self._lock:
            age = self._age()
            if age < (_FRESH if kid in self._keys else _LOOK_AGAIN):
                return
            try:
                self._load_unless_paused()
            except VerifierUnavailable:
                if kid not in self._keys or age >= _STALE:
                    raise

    def _load_unless_paused(self) -> None:
        """Fetch both documents. After a failure others fail at once for a moment, without asking."""
        if self._failed is not None and self._tick() - self._failed < _PAUSE_AFTER_FAILURE:
            raise VerifierUnavailable(f"{self.issuer} did not answer a moment ago")
        try:
            metadata = self._fetch_metadata()
            keys = self._fetch_keys(metadata)
        except VerifierUnavailable:
            self._failed = self._tick()
            raise
        self._metadata, self._keys = metadata, keys
        self._fetched, self._failed = self._tick(), None

    def _fetch_metadata(self) -> dict[str, Any]:
        for address in discovery_addresses(self.issuer):
            answer = self._transport.get_json(address)
            if answer.status != 404:
                break
        if answer.status != 200 or not isinstance(answer.document, dict):
            raise VerifierUnavailable(f"discovery of {self.issuer} answered {answer.status}")
        if answer.document.get("issuer") != self.issuer:
            raise VerifierUnavailable(f"discovery of {self.issuer} names another issuer")
        return answer.document

    def _fetch_keys(self, metadata: dict[str, Any]) -> dict[str, VerificationKey]:
        address = metadata.get("jwks_uri")
        if not isinstance(address, str):
            raise VerifierUnavailable(f"the metadata of {self.issuer} have no jwks_uri")
        answer = self._transport.get_json(address)
        keys = read_key_set(answer.document) if answer.status == 200 else {}
        if not keys:
            raise VerifierUnavailable(f"{address} gave no key that could be used ({answer.status})")
        return keys
