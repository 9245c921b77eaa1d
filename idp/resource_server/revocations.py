"""What has been revoked and may still matter, small and in memory.

Entries are about one token (``jti``), one session record (``sid``), or everything that a person
(``sub``) or an app (``client_id``) was given up to a moment ``at``. One dict from name to the second at
which the entry may be forgotten: about 9 MB for 100,000 entries (``python -m tests.bench.sdk``).

One thread writes; any number read without a lock. Every look is one dict operation, and an entry is
complete before its name can be found. Applying an entry again, or out of order, changes nothing, so a
follower may be given anything twice.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, KeysView
from typing import NamedTuple

# beyond an entry's end it is kept for the leeway that tokens have, and for a clock that is set back
KEPT_SECONDS = 120
MOST_ENTRIES = 2_000_000
# the issuer's machines may run so far apart (it keeps its entries longer by the same)
CLOCKS_APART_SECONDS = 300
_WHOLE = ("jti:", "sid:")


class Verdict(enum.Enum):
    """UNSURE: issued so shortly after the revocation that ``iat`` does not say which came first: it is in
    whole seconds, and may be of a machine whose clock is ahead of the one that revoked."""

    ALIVE = "alive"
    DEAD = "dead"
    UNSURE = "unsure"


class Revocation(NamedTuple):
    """``name`` is kind and value. ``at`` and ``exp`` are in seconds since 1970; ``exp`` is when to forget it."""

    name: str
    at: float
    exp: int


class TooManyError(Exception):
    """More revocations than this process will hold."""


class RevocationMap:
    """``names`` is a live view of everything that is revoked, for a quick look."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._seconds: dict[int, int] = {}
        self.names: KeysView[str] = self._until.keys()

    def __len__(self) -> int:
        return len(self._until)

    def apply(self, entries: Iterable[Revocation]) -> None:
        """Take entries in. Raises TooManyError."""
        for entry in entries:
            if not entry.name.startswith(_WHOLE):
                self._since[entry.name] = max(entry.at, self._since.get(entry.name, -math.inf))
            until = max(entry.exp, self._until.get(entry.name, entry.exp))
            # thousands of entries end within one second: one int object for all of them
            self._until[entry.name] = self._seconds.setdefault(until, until)
        if len(self._until) > MOST_ENTRIES:
            raise TooManyError

    def verdict(self, names: Iterable[str], iat: int) -> Verdict:
        """About a token with these names. Dead if any of them says so; unsure if one cannot tell."""
        verdict = Verdict.ALIVE
        for name in names:
            if name not in self._until:
                continue
            if name.startswith(_WHOLE):
                return Verdict.DEAD
            second = math.floor(self._since.get(name, -1.0))  # gone if it was forgotten just now
            if iat < second:
                return Verdict.DEAD
            if iat <= second + CLOCKS_APART_SECONDS:
                verdict = Verdict.UNSURE
        return verdict

    def forget(self, now: float) -> None:
        """Drop what no token can be alive for. ``now`` is in seconds since 1970."""
        past = [name for name, until in self._until.items() if until + KEPT_SECONDS < now]
        for name in past:
            del self._until[name]
            self._since.pop(name, None)
        self._seconds = {until: until for until in self._until.values()}
