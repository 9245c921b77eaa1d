"""What was written lately: keeps "at most once a minute" from costing a statement per request.

A memory of this process alone, bounded, and never the rule itself: the UPDATE repeats the condition,
so several processes together still write about once a minute (design.md 4.5).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import UUID

MINUTE = timedelta(seconds=60)
_NOTHING = timedelta(0)
_MOST = 10_000


class Recently:
    """Remembers ids for a minute, the latest ten thousand of them."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._times: OrderedDict[UUID, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def first(self, key: UUID, now: datetime) -> bool:
        """True if ``key`` has not been asked for within the last minute; remembers that it was."""
        with self._lock:
            last = self._times.get(key)
            if last is not None and _NOTHING <= now - last < MINUTE:
                return False
            self._times[key] = now
            self._times.move_to_end(key)
            if len(self._times) > self._most:
                self._times.popitem(last=False)
            return True
