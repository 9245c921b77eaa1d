"""Without a hot copy nothing has to be told of an ending: every look-up reads the record itself (R0)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID


class NoTombstones:
    """Implements ``ports.Tombstones`` where there is no hot copy."""

    settle_seconds = 0.0

    def write(self, sids: Sequence[UUID]) -> bool:  # noqa: ARG002 - the port's signature
        """There is nobody to tell."""
        return True

    def unsettled_for(self, sids: Sequence[UUID]) -> float:  # noqa: ARG002 - the port's signature
        """Settled at commit."""
        return 0.0
