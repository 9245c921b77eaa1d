"""Asking the issuer whether a token is alive (RFC 7662 section 2), as a confidential client.

Only a 200 with a boolean ``active`` is an answer. Anything else, a refusal of *our own* credentials
included, says nothing about the token and becomes VerifierUnavailable, never a 401 to the caller.

Requests about one token at one time are joined, but never so that an answer is older than the
question: whoever asks while a request is under way waits for the next one, which is sent after the
present one has come back, once for all who wait by then. So a caller that was told of a sign-out
before it asked cannot be served with what was true before.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from urllib.parse import quote_plus

from .clock import Clock, ticking
from .errors import TokenInvalid, VerifierUnavailable
from .forks import in_child
from .issuer import Issuer
from .transport import Answer, Transport

log = logging.getLogger(__name__)

MOST_CACHED_SECONDS = 1.0
_MOST_ENTRIES = 10_000


def basic(client_id: str, client_secret: str) -> str:
    """``client_secret_basic``: both parts form-encoded before Base64 (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


class _Question:
    """One request about one token, and those who wait for its answer or for what went wrong."""

    __slots__ = ("active", "answered", "failure", "next")

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.active = False
        self.failure: str | None = "introspection was given up"
        self.next: _Question | None = None  # sent once this one is answered

    def wait(self, seconds: float) -> bool:
        """The answer that another caller gets. Raises VerifierUnavailable."""
        if not self.answered.wait(max(0.0, seconds)):
            raise VerifierUnavailable("introspection did not answer in time")
        if self.failure is not None:
            raise VerifierUnavailable(self.failure)
        return self.active


class Introspection:
    """``cache`` is for how many seconds an *active* answer may be repeated; 0 asks every time.

    ``timeout`` bounds the wait of a caller, in seconds. Safe to share between threads.
    """

    def __init__(
        self,
        issuer: Issuer,
        transport: Transport,
        authorization: str,
        cache: float = 0.0,
        timeout: float = 3.0,
        tick: Clock = ticking,
    ) -> None:
        if not 0 <= cache <= MOST_CACHED_SECONDS:
            raise ValueError(f"an introspection answer may be cached for 0 to {MOST_CACHED_SECONDS:g} s")
        self._issuer, self._transport = issuer, transport
        self._headers = {"Authorization": authorization}
        self._cache, self._timeout, self._tick = cache, timeout, tick
        self._active_until: dict[bytes, float] = {}
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """Also in a forked child, where those who asked are not."""
        self._lock = threading.Lock()
        self._under_way: dict[bytes, _Question] = {}

    def require_active(self, token: str) -> None:
        """Raises TokenInvalid if the token is dead, VerifierUnavailable if nobody could say."""
        name = hashlib.sha256(token.encode()).digest()
        if self._cache and self._tick() < self._active_until.get(name, 0.0):
            return
        if not self._ask(name, token):
            raise TokenInvalid("the token or its session has ended")

    def _ask(self, name: bytes, token: str) -> bool:
        """Alone: send. Else: be the one who sends next, or wait for that one's answer."""
        deadline = self._tick() + self._timeout
        with self._lock:
            before = self._under_way.get(name)
            if before is None:
                mine = self._under_way[name] = _Question()
            elif before.next is None:
                mine = before.next = _Question()
            else:
                mine = None
                joined = before.next
        if mine is None:
            return joined.wait(deadline - self._tick())
        return self._send(name, token, mine, before, deadline)

    def _send(self, name: bytes, token: str, mine: _Question, before: _Question | None, deadline: float) -> bool:
        try:
            if before is not None:
                before.answered.wait(max(0.0, deadline - self._tick()))
            mine.active, mine.failure = self._exchange(name, token, deadline), None
        except VerifierUnavailable as error:
            mine.failure = error.detail
            raise
        finally:
            self._hand_over(name, mine, before)
        return mine.active

    def _hand_over(self, name: bytes, mine: _Question, before: _Question | None) -> None:
        """Let those who joined go, and the one who sends next begin. Also after a wait that was too long."""
        with self._lock:
            if self._under_way.get(name) is mine:
                if mine.next is None:
                    del self._under_way[name]
                else:
                    self._under_way[name] = mine.next
            elif before is not None and before.next is mine:
                before.next = None
        mine.answered.set()

    def _exchange(self, name: bytes, token: str, deadline: float) -> bool:
        asked = self._tick()
        if asked >= deadline:
            raise VerifierUnavailable("introspection did not answer in time")
        form = {"token": token, "token_type_hint": "access_token"}
        address = self._issuer.endpoint("introspection_endpoint")
        active = self._read(self._transport.post_form(address, form, self._headers, deadline - asked))
        if active and self._cache:
            self._remember(name, asked)
        return active

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
