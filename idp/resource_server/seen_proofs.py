"""Which DPoP proofs this process has seen (RFC 9449 section 11.1), in bounded memory.

Two generations: the older one goes as soon as nothing in it could be taken any more.

Why a person, or a client that acts for itself, may hold no more than what is still free: a bound that all share
could be used up by whoever holds one token, and this API would then refuse everybody. So one comes to half of the
room at most and a second to a quarter; there is room left for all others, and it is the greedy one alone that must
wait. Not each key: a person has as many keys as they like, a new one with every sign-in.
"""

from __future__ import annotations

import hashlib
import threading

from .clock import Clock, wall
from .errors import ProofInvalid, VerifierUnavailable
from .forks import in_child

ROOM = 200_000


class SeenProofs:
    """Safe to share between threads. ``seconds`` is how long a proof could be taken, ``room`` how many are kept."""

    def __init__(self, seconds: float, *, room: int = ROOM, clock: Clock = wall) -> None:
        self._seconds, self._room, self._clock = seconds, room, clock
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._of_holder: dict[str, int] = {}
        self._turned_at = clock()
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        """Also in a forked child, where nobody would let go of it."""
        self._lock = threading.Lock()

    def claim(self, holder: str, jkt: str, jti: str) -> None:
        """Remember the proof ``jti`` of the key ``jkt`` with a token whose ``sub`` is ``holder``.

        Raises ProofInvalid if it was seen before, VerifierUnavailable if this holder has sent too many.
        """
        name = hashlib.sha256(f"{jkt}\0{jti}".encode(errors="surrogatepass")).digest()
        with self._lock:
            self._turn()
            if name in self._young or name in self._old:
                raise ProofInvalid("the DPoP proof was used before")
            held = self._of_holder.get(holder, 0)
            if held >= self._room - len(self._young):
                raise VerifierUnavailable("too many DPoP proofs of one holder to remember", retry_after=self._left())
            self._young.add(name)
            self._of_holder[holder] = held + 1

    def _turn(self) -> None:
        now = self._clock()
        if now - self._turned_at > self._seconds:
            self._old, self._young, self._of_holder, self._turned_at = self._young, set(), {}, now

    def _left(self) -> int:
        """Whole seconds until there is room again."""
        return max(1, int(self._turned_at + self._seconds - self._clock()) + 1)
