"""Telling the hot copy of an ending, and what holds where it does not listen."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from .hot_copy import SETTLE_SECONDS, HotCopy
from .settling import Settling


class NoTombstones:
    """Implements ``ports.Tombstones`` where there is no hot copy: every look-up reads the record (R0)."""

    settle_seconds = 0.0

    def write(self, sids: Sequence[UUID]) -> bool:  # noqa: ARG002 - the port's signature
        """There is nobody to tell."""
        return True

    def unsettled_for(self, sids: Sequence[UUID]) -> float:  # noqa: ARG002 - the port's signature
        """Settled at commit."""
        return 0.0


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
