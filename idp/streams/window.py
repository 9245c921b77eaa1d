"""The latest part of the log in memory: thousands of followers at the same place cost one encoding.

What it promises: every entry with ``floor < seq <= head`` that may still matter is in it, in order. Whoever
has got to ``floor`` or further is served from here; whoever has not, reads pages from storage until then.

Why forgetting asks two clocks, this machine's and that of the latest entry: were this one's alone an hour
ahead, every follower would go without what has just been ended, and be told that all is well.

Why a limit: a client with a million sessions may be disabled in one act, and memory must not follow.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

from ..domain.revocation import LogPage
from ..oauth.revocation_log import encoded

LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class Part:
    """Encoded entries; whoever has them has everything up to ``head``. ``more``: cut off."""

    head: int
    more: bool
    entries: tuple[str, ...]


class Window:
    """Filled by the feed alone, read by everybody, all on one event loop."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.start(0)

    def start(self, floor: int) -> None:
        """Empty, from ``floor`` on."""
        self.head = self.floor = floor
        self._latest = 0.0
        self._seqs, self._ends = array("q"), array("q")
        self._entries: list[str] = []

    def extend(self, page: LogPage) -> None:
        """Take in what followed ``head``."""
        for entry in page.entries:
            self._seqs.append(entry.seq)
            self._ends.append(int(entry.expires_at.timestamp()) + 1)
            self._entries.append(encoded(entry))
            self._latest = max(self._latest, entry.at.timestamp())
        self.head = page.head

    def trim(self, now: float) -> None:
        """Forget what no token can need any more at ``now`` (seconds since 1970), and what is too much."""
        now = min(now, self._latest)
        count = 0
        while count < len(self._ends) and self._ends[count] <= now:
            count += 1
        if (surplus := len(self._seqs) - self._limit) > count:
            count = surplus
            self.floor = self._seqs[count - 1]
        if count:
            del self._seqs[:count], self._ends[:count], self._entries[:count]

    def after(self, seq: int, limit: int) -> Part | None:
        """Up to ``limit`` entries that follow ``seq``; None if they do not begin in here."""
        if seq < self.floor:
            return None
        first = bisect_right(self._seqs, seq)
        more = len(self._seqs) - first > limit
        entries = tuple(self._entries[first : first + limit])
        return Part(self._seqs[first + limit - 1] if more else max(self.head, seq), more, entries)

    def __len__(self) -> int:
        return len(self._seqs)
