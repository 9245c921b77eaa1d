"""The issuer's metadata and keys: found by discovery, cached for a bounded time, fetched by one thread.

OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3. ``issuer`` in the document must equal the
configured one, byte for byte, or the document is somebody else's (RFC 8414 section 3.3).

Age of what is known: up to 5 minutes it is used as it is; up to an hour it is used while one thread
fetches it anew, so that no request waits; beyond an hour nobody is let in on it.

Why an unknown ``kid`` leads to a look but rarely: right after a rotation it is honest, but anybody
can invent one, and each must not cost the issuer a request. Why keys are still used for a while when
the issuer is silent: they are public and change by announcement, so a short silence harms nobody;
whether a *session* lives is never answered from here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .clock import Clock, ticking
from .errors import TokenInvalid, VerifierUnavailable
from .forks import in_child
from .keys import VerificationKey, read_key_set
from .transport import Transport

log = logging.getLogger(__name__)
Keys = Mapping[str, VerificationKey]

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

    def __init__(self, issuer: str, transport: Transport, tick: Clock = ticking) -> None:
        self.issuer = issuer
        self._transport = transport
        self._tick = tick
        self._metadata: dict[str, Any] = {}
        self._published: Any = None
        self._keys: Keys = {}
        self._asked = self._failed = float("-inf")
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """Also in a forked child: the thread that held the lock or was fetching is not there."""
        self._lock = threading.Lock()
        self._revalidating = False

    def keys_at_once(self) -> Keys | None:
        """All keys, if they may still be used; never waits. The same object for as long as they are the same."""
        age = self._age()
        if age < _FRESH:
            return self._keys
        if age >= _STALE:
            return None
        self._revalidate()
        return self._keys

    def key(self, kid: str) -> VerificationKey:
        """The key of that name. Raises TokenInvalid if there is none, VerifierUnavailable if unknown."""
        keys = self.keys_at_once()
        if keys is None or kid not in keys:
            self._look_for(kid)
            keys = self._keys
        if kid not in keys:
            raise TokenInvalid("the token names a key that the issuer does not publish")
        return keys[kid]

    def endpoint(self, name: str) -> str:
        """An endpoint from the metadata. Raises VerifierUnavailable if it is not offered."""
        if self.keys_at_once() is None:
            with self._lock:
                if self._age() >= _STALE:
                    self._load_unless_paused()
        value = self._metadata.get(name)
        if not isinstance(value, str):
            raise VerifierUnavailable(f"the metadata of {self.issuer} have no {name}")
        return value

    def look_again(self) -> None:
        """Something at the issuer may have moved: fetch both documents anew, unless that was done just now.

        Raises VerifierUnavailable.
        """
        with self._lock:
            if self._age() >= _LOOK_AGAIN:
                self._load_unless_paused()

    def _age(self) -> float:
        return self._tick() - self._asked

    def _look_for(self, kid: str) -> None:
        """Fetch if that may help; whoever waited for the lock first sees what its holder got."""
        with self._lock:
            if self._age() >= (_STALE if kid in self._keys else _LOOK_AGAIN):
                self._load_unless_paused()

    def _revalidate(self) -> None:
        """Let one thread fetch; nobody waits for it."""
        if self._revalidating or self._paused():
            return
        self._revalidating = True
        try:
            threading.Thread(target=self._load_quietly, name="idp-keys", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter ends; the next caller tries again
            self._revalidating = False

    def _load_quietly(self) -> None:
        try:
            with self._lock:
                if self._age() >= _FRESH:
                    self._load_unless_paused()
        except VerifierUnavailable as error:
            log.warning("keys could not be fetched anew: %s", error.detail)
        finally:
            self._revalidating = False

    def _paused(self) -> bool:
        return self._tick() - self._failed < _PAUSE_AFTER_FAILURE

    def _load_unless_paused(self) -> None:
        """Fetch both documents. After a failure others fail at once for a moment, without asking."""
        if self._paused():
            raise VerifierUnavailable(f"{self.issuer} did not answer a moment ago")
        asked = self._tick()
        try:
            metadata = self._fetch_metadata()
            published, keys = self._fetch_keys(metadata)
        except VerifierUnavailable:
            self._failed = self._tick()
            raise
        if published != self._published:
            self._published, self._keys = published, keys
        self._metadata, self._asked = metadata, asked

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

    def _fetch_keys(self, metadata: dict[str, Any]) -> tuple[Any, Keys]:
        address = metadata.get("jwks_uri")
        if not isinstance(address, str):
            raise VerifierUnavailable(f"the metadata of {self.issuer} have no jwks_uri")
        answer = self._transport.get_json(address)
        keys = read_key_set(answer.document) if answer.status == 200 else {}
        if not keys:
            raise VerifierUnavailable(f"{address} gave no key that could be used ({answer.status})")
        return answer.document, keys
