"""What one process knows of revocations right now, and until when that may be believed.

One thread writes (``follower``), requests read without a lock. The order makes it right: the writer puts
entries in *before* it moves ``fresh_until``; a reader looks at ``fresh_until`` *before* it looks for
entries. So whoever found it fresh sees at least everything that the proof covered.

An ending once heard of is kept until no token can be alive for it, also when the log was set back or is
taken anew: "ended" may be remembered anywhere, and refusing too much for minutes beats accepting once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .clock import Clock, ticking, wall
from .errors import TokenInvalid
from .revocations import Revocation, RevocationMap, Verdict
from .signed_tokens import Verified

_SWEEP_SECONDS = 60.0

Listener = Callable[[Iterable[str]], None]


class RevocationState:
    """``listener`` is told the names of new entries and must not wait."""

    def __init__(self, tick: Clock = ticking, clock: Clock = wall) -> None:
        self._tick, self._clock = tick, clock
        self._sweep_at = tick() + _SWEEP_SECONDS
        self.fresh_until = float("-inf")
        self.listener: Listener | None = None
        self._map = RevocationMap()
        self._names = self._map.names

    def __len__(self) -> int:
        return len(self._map)

    @property
    def fresh(self) -> bool:
        """May the map be believed at this moment?"""
        return self._tick() < self.fresh_until

    def vouches(self, verified: Verified) -> bool:
        """Is the token alive? False: this cannot be said from here. Raises TokenInvalid if it is dead."""
        if self._tick() >= self.fresh_until:
            return False
        return self._names.isdisjoint(verified.names) or self._examine(verified)

    def verdict(self, verified: Verified) -> Verdict:
        """What the map says, fresh or not: ALIVE is worth nothing without a proof, the others are."""
        return self._map.verdict(verified.names, verified.token.iat)

    def _examine(self, verified: Verified) -> bool:
        verdict = self.verdict(verified)
        if verdict is Verdict.DEAD:
            raise TokenInvalid("the token or its session has ended")
        return verdict is Verdict.ALIVE

    # ── the writer ───────────────────────────────────────────────────────────────────────────────

    def apply(self, entries: list[Revocation]) -> None:
        """Take entries in; idempotent. Raises TooManyError."""
        self._map.apply(entries)
        if self.listener is not None and entries:
            self.listener([entry.name for entry in entries])

    def prove(self, until: float) -> None:
        """Everything is known, as of a moment that lets it be believed so long."""
        self.fresh_until = max(self.fresh_until, until)
        if self._tick() >= self._sweep_at:
            self._map.forget(self._clock())
            self._sweep_at = self._tick() + _SWEEP_SECONDS

    def doubt(self) -> None:
        """Believe nothing until the next proof."""
        self.fresh_until = float("-inf")
