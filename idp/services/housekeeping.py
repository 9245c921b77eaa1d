"""What must happen without anybody asking: sessions end by age, keys rotate by age, rows go (P6)."""

from __future__ import annotations

from collections.abc import Mapping

from ..domain.ports import Stores
from .keys import Keys
from .sessions import SessionControl

BATCH = 500


class Housekeeping:
    """One bounded round at a time; any number of processes may run it side by side."""

    def __init__(self, stores: Stores, sessions: SessionControl, keys: Keys) -> None:
        self._stores = stores
        self._sessions = sessions
        self._keys = keys

    def round(self) -> Mapping[str, int]:
        """Do one round; says how many of what were done."""
        with self._stores.work():
            ended = self._sessions.end_due()
        rotated = self._keys.rotate_if_due()
        swept = self._stores.sweeper.sweep(self._stores.clock.now(), BATCH)
        return {"sessions_ended": ended, "keys_rotated": int(rotated), **swept}
