"""Telling the hot copy of an ending, and what holds where it does not listen."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from .hot_copy import SETTLE_SECONDS, HotCopy
from .leases import Leases
from .settling import Settling


class NoTombstones:
    """Implements ``ports.Tombstones`` for a process without a hot copy: its look-ups read the record (R0).

    Others may have one (``leases``): then it can tell nobody, and waits like one that was not heard.
    """

    settle_seconds = 0.0

    def __init__(self, leases: Leases, settling: Settling) -> None:
        self._leases = leases
        self._settling = settling

    def write(self, sids: Sequence[UUID]) -> bool:
        """True where nobody gives leases."""
        return not sids or not self._leases.may_stand()

    def unsettled_for(self, sids: Sequence[UUID]) -> float:
        """What is left of the time after which no lease of theirs can stand."""
        return max(0.0, SETTLE_SECONDS - self._settling.seconds_since(sids))


class HotTombstones:
    """Implements ``ports.Tombstones`` over the hot copy."""

    settle_seconds = SETTLE_SECONDS

    def __init__(self, copy: HotCopy, settling: Settling) -> None:
        self._copy = copy
        self._settling = settling

    def write(self, sids: Sequence[UUID]) -> bool:
        """True if every primary concerned and as many replicas as must have confirmed."""
        return not sids or self._copy.mark(sids)

    def unsettled_for(self, sids: Sequence[UUID]) -> float:
        """What is left of the time after which no lease of theirs can stand."""
        return max(0.0, self.settle_seconds - self._settling.seconds_since(sids))
