"""Open connections: a WebSocket or a long answer outlives the check at its beginning.

``Verifier.watch`` calls back once when the token behind such a connection is no longer good:

    ended          its session ended, or it was revoked otherwise; as soon as the log says so
    expired        its time is over
    unverifiable   for ``patience`` seconds nobody could say: no fresh revocations, no introspection

Three threads, started by the first watch: one looks at revocations and at the clock and never waits for
anybody; one asks the issuer about each watched token, in turn, while revocations are not fresh; one calls
back, so that a slow callback delays nothing but other callbacks.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Literal, Self, TypeVar

from .clock import Clock, ticking, wall
from .errors import TokenInvalid, VerifierUnavailable
from .follower import Follower
from .forks import in_child
from .introspection import Introspection
from .revocation_state import RevocationState
from .revocations import Verdict
from .signed_tokens import Verified

log = logging.getLogger(__name__)

T = TypeVar("T")
EndReason = Literal["ended", "expired", "unverifiable"]
OnEnd = Callable[[EndReason], None]
PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.25
_PAUSE_AFTER_SILENCE = 1.0


class Watch:
    """One watched connection. ``cancel`` it when the connection closes, or use it as a context."""

    def __init__(self, watches: Watches, token: str, verified: Verified, on_end: OnEnd, patience: float | None) -> None:
        self._watches = watches
        self.token, self.verified, self.on_end, self.patience = token, verified, on_end, patience
        self.vouched_at = float("-inf")

    def cancel(self) -> None:
        """Call back no more; a callback that has begun is not stopped."""
        self._watches.take_out(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class Watches:
    """All watched connections of a verifier. Safe to share between threads.

    Without follower and introspection (an API without credentials) only the time can be watched.
    """

    def __init__(
        self,
        state: RevocationState,
        follower: Follower | None,
        introspection: Introspection | None,
        leeway: float,
        tick: Clock = ticking,
        clock: Clock = wall,
    ) -> None:
        self._state, self._follower, self._introspection, self._leeway = state, follower, introspection, leeway
        self._tick, self._clock = tick, clock
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """Also in a forked child, whose parent keeps the connections."""
        self._lock = threading.Lock()
        self._by_name: defaultdict[str, set[Watch]] = defaultdict(set)
        self._open: set[Watch] = set()
        self._revoked: queue.SimpleQueue[Iterable[str]] = queue.SimpleQueue()
        self._doubtful: queue.SimpleQueue[Watch] = queue.SimpleQueue()
        self._to_call: queue.SimpleQueue[tuple[OnEnd, EndReason]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._asking: set[Watch] = set()
        self._fresh_at = float("-inf")
        self._state.listener = None

    # ── who watches ──────────────────────────────────────────────────────────────────────────────

    def add(self, token: str, verified: Verified, on_end: OnEnd, patience: float | None) -> Watch:
        """``patience`` None watches the time alone, as mode ``local`` does. Calls back at once if it is over.

        Raises VerifierUnavailable after ``close``.
        """
        if self._closed.is_set():
            raise VerifierUnavailable("this verifier was closed")
        watch = Watch(self, token, verified, on_end, patience)
        watch.vouched_at = self._tick()
        with self._lock:
            self._open.add(watch)
            if patience is not None:
                for name in verified.names:
                    self._by_name[name].add(watch)
            self._start()
        if patience is not None:
            self._look_at(watch)  # after it can be found: what is revoked from now on finds it
        return watch

    def take_out(self, watch: Watch) -> bool:
        """Watch it no longer; was it watched?"""
        with self._lock:
            if watch not in self._open:
                return False
            self._open.discard(watch)
            for name in watch.verified.names if watch.patience is not None else ():
                self._by_name[name].discard(watch)
                if not self._by_name[name]:
                    del self._by_name[name]
            return True

    def close(self) -> None:
        """Call nobody back any more."""
        self._closed.set()
        self._state.listener = None
        with self._lock:
            self._open.clear()
            self._by_name.clear()

    def _start(self) -> None:
        """Under the lock."""
        if self._threads:
            return
        self._state.listener = self._revoked.put
        for name, work in (("watch", self._look), ("watch-ask", self._ask_about), ("watch-end", self._call)):
            thread = threading.Thread(target=work, name=f"idp-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    # ── three threads ────────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        """Revocations as they come, and the clock four times a second."""
        next_look = self._tick()
        while not self._closed.is_set():
            try:
                for name in self._revoked.get(timeout=max(0.0, next_look - self._tick())):
                    self._look_at_all(name)
            except queue.Empty:
                self._look_at_the_time()
                next_look = self._tick() + _LOOK_SECONDS

    def _ask_about(self) -> None:
        """The issuer, about one token after the other; after silence it is left alone for a moment."""
        while not self._closed.is_set():
            watch = _next(self._doubtful)
            if watch is None:
                continue
            asked = self._tick()
            try:
                if watch in self._open and self._introspection is not None:
                    self._introspection.require_active(watch.token)
                    watch.vouched_at = asked
            except TokenInvalid:
                self._end(watch, "ended")
            except VerifierUnavailable:
                self._closed.wait(_PAUSE_AFTER_SILENCE)
            finally:
                self._asking.discard(watch)

    def _call(self) -> None:
        while not self._closed.is_set():
            found = _next(self._to_call)
            if found is None:
                continue
            on_end, reason = found
            try:
                on_end(reason)
            except Exception:
                log.exception("a callback for an ended session failed")

    # ── verdicts ─────────────────────────────────────────────────────────────────────────────────

    def _look_at_all(self, name: str) -> None:
        with self._lock:
            concerned = list(self._by_name.get(name, ()))
        for watch in concerned:
            self._look_at(watch)

    def _look_at(self, watch: Watch) -> None:
        """What the map says now, fresh or not: an ending once heard of is true."""
        verdict = self._state.verdict(watch.verified)
        if verdict is Verdict.DEAD:
            self._end(watch, "ended")
        elif verdict is Verdict.UNSURE:
            self._doubt(watch)

    def _look_at_the_time(self) -> None:
        with self._lock:
            watches = list(self._open)
        if self._follower is not None and any(watch.patience is not None for watch in watches):
            self._follower.start()
        now, past = self._tick(), self._clock() - self._leeway
        fresh = self._state.fresh
        self._fresh_at = now if fresh else self._fresh_at
        for watch in watches:
            if watch.verified.token.exp <= past:
                self._end(watch, "expired")
            elif watch.patience is not None and not fresh:
                self._look_without_proof(watch, now - max(self._fresh_at, watch.vouched_at))

    def _look_without_proof(self, watch: Watch, since: float) -> None:
        """``since`` its life was last vouched for; asked about as soon as the next of the rounds comes."""
        if watch.patience is not None and since > watch.patience:
            self._end(watch, "unverifiable")
        elif since > _PAUSE_AFTER_SILENCE:
            self._doubt(watch)

    def _doubt(self, watch: Watch) -> None:
        if watch not in self._asking:
            self._asking.add(watch)
            self._doubtful.put(watch)

    def _end(self, watch: Watch, reason: EndReason) -> None:
        """Once, whoever finds it out first."""
        if self.take_out(watch):
            self._to_call.put((watch.on_end, reason))


def _next(waiting: queue.SimpleQueue[T]) -> T | None:
    try:
        return waiting.get(timeout=1.0)
    except queue.Empty:
        return None
