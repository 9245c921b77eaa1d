"""The thread that follows the issuer's revocation log, and its life (design 4.3).

Whatever breaks, the thread comes back: at once after an orderly end, else after a pause that grows and
is never the same for two APIs. When the log was set back, nothing is believed until it was read anew.
Started by the first request that needs it, and anew in a forked child, which has none.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from .errors import VerifierUnavailable
from .forks import in_child
from .log_reader import PATIENCE, LogReader, LogSetBack
from .revocation_state import RevocationState
from .revocations import TooManyError

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0

MakeReader = Callable[[Callable[[], bool]], LogReader]


class Follower:
    """``make_reader`` gives a reader that asks the function it is given whether to stop."""

    def __init__(self, issuer: str, make_reader: MakeReader, state: RevocationState) -> None:
        self._issuer, self._make_reader, self._state = issuer, make_reader, state
        self._closed = False
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """Also in a forked child: its parent's thread, locks and proofs are not its own."""
        self._state.doubt()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._reader = self._make_reader(self._stop.is_set)
        self._failures = 0

    @property
    def by(self) -> str:
        """How the log is followed: ``events``, ``polling``, or nothing while it is not."""
        return self._reader.by if self._state.fresh else ""

    def start(self) -> None:
        """Begin to follow, if nobody does; after ``close`` never again. Costs little while it runs."""
        if self._at_rest():
            with self._lock:
                if self._at_rest():
                    self._start()

    def _at_rest(self) -> bool:
        return not self._closed and (self._thread is None or not self._thread.is_alive())

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="idp-revocations", daemon=True)
        with suppress(RuntimeError):  # no more threads, or the interpreter ends: introspection remains
            thread.start()
            self._thread = thread

    def close(self) -> None:
        """Stop following, and wait for the thread to end."""
        with self._lock:
            self._closed = True
            self._stop.set()
        self._reader.cut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2 * PATIENCE)
        self._state.doubt()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._attempt())

    def _attempt(self) -> float:
        """Follow as long as it goes. For how many seconds to pause then."""
        before = self._reader.proofs
        try:
            pause = self._reader.follow()
        except LogSetBack:
            self._state.doubt()
            self._lost("it was set back, and is read anew", anew=True)
        except VerifierUnavailable as error:
            self._lost(error.detail)
        except TooManyError:
            self._lost("there are more revocations than will be kept", anew=True)
        except Exception as mistake:
            log.exception("following the revocation log failed")
            self._lost(repr(mistake), anew=True)
        else:
            self._failures = 0
            return pause
        self._failures = 0 if self._reader.proofs > before else self._failures + 1
        return self._pause()

    def _lost(self, why: str, anew: bool = False) -> None:
        """Say it once, not at each attempt; ``anew``: from the beginning of the log."""
        if self._reader.by and not self._stop.is_set():
            log.warning("the revocation log of %s is not followed just now: %s", self._issuer, why)
        self._reader.by = ""
        if anew:
            self._reader.head = None

    def _pause(self) -> float:
        """Doubled with each failure in a row, up to five seconds; half of it by chance."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        return longest * (1 + os.urandom(1)[0] / 255) / 2
