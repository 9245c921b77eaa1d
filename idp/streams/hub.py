"""The hub: who follows, when there is something to say, and who has to leave.

Followers wait for the next *beat*: a reading of the log that found something, or the first one after
``HEARTBEAT`` seconds without. Who is still sending when it comes misses it and goes on with a later one. That
is all the back-pressure there is, for what a follower has not been sent stands in the log and not in a
queue of theirs; who does not take a frame within ``PATIENCE`` seconds is cut off, and resumes.

Whom a follower's token hangs on is watched in the log itself: its client disabled, its token revoked, are
entries. What is no entry (the client is no API's resource server any more) is asked for all clients in one
statement, every few seconds (``app``).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ..domain.revocation import Revocation, RevocationKind
from ..errors import Unavailable
from ..oauth.rfc9068_access_token import AccessToken
from .feed import Reading

HEARTBEAT = 0.07  # with a reading every 40 ms: a beat every 80 ms, of at most 100 (the contract)
PATIENCE = 5.0
STALE = 2.0

EXPIRED, DISMISSED, SLOW, STOPPED, RESTORED = "token_expired", "not_allowed", "too_slow", "shutdown", "log_restored"


@dataclass(eq=False)
class Follower:
    """One open stream or long poll. Times are monotonic seconds; ``place`` is a number of the log."""

    token: AccessToken
    expires: float
    number: int
    place: int = 0
    beat: int = 0
    sending_since: float | None = None
    ending: str | None = None
    task: asyncio.Task[None] | None = None


class Hub:
    """All followers of this process. Used on its event loop alone."""

    def __init__(self, seats: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seats = seats
        self._monotonic = monotonic
        self._followers: set[Follower] = set()
        self._of_client: Counter[str] = Counter()
        self._beat, self._reading = asyncio.Event(), asyncio.Event()
        self._beat_at = self._read_at = float("-inf")
        self._joined = self.beats = 0
        self.closing = False

    # ── seats ────────────────────────────────────────────────────────────────────────────────────

    def join(self, token: AccessToken, life: float) -> Follower:
        """Take a seat for ``life`` seconds. Raises Unavailable if all are taken; no client gets more than half."""
        client = token.client_id
        if self.closing or len(self) >= self._seats or self._of_client[client] >= max(1, self._seats // 2):
            raise Unavailable("no seat", retry_after=1 if self.closing else 5)
        self._joined += 1
        follower = Follower(token, self._monotonic() + life, self._joined)
        self._followers.add(follower)
        self._of_client[client] += 1
        return follower

    def leave(self, follower: Follower) -> None:
        """Give the seat back."""
        self._followers.remove(follower)
        client = follower.token.client_id
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]

    def __len__(self) -> int:
        return len(self._followers)

    @property
    def clients(self) -> frozenset[str]:
        """Whose followers there are."""
        return frozenset(self._of_client)

    # ── beats ────────────────────────────────────────────────────────────────────────────────────

    @property
    def tick(self) -> int:
        """When the last complete reading began, in milliseconds of the monotonic clock."""
        return int(self._read_at * 1000) if self._read_at > 0 else 0

    def heard(self, reading: Reading) -> None:
        """The log has been read: whoever is concerned must leave, all others are woken when it is time."""
        if reading.restored:
            self.end_all(RESTORED)
        self._dismiss(reading.entries)
        if not reading.complete:
            return
        self._read_at = reading.began
        self._reading = _ring(self._reading)
        if reading.news or reading.began - self._beat_at >= HEARTBEAT:
            self._beat_at = reading.began
            self._wake()

    async def beat(self, seen: int) -> int:
        """Wait until there has been one after ``seen``; the number of the last."""
        if self.beats == seen:
            await self._beat.wait()
        return self.beats

    async def fresh(self, since: float) -> None:
        """Wait for a reading that began after ``since``. Raises Unavailable if there is none in time."""
        try:
            async with asyncio.timeout(STALE):
                while self._read_at < since:
                    await self._reading.wait()
        except TimeoutError:
            raise Unavailable("the revocation log cannot be read") from None

    def _wake(self) -> None:
        self.beats += 1
        self._beat = _ring(self._beat)

    # ── leaving ──────────────────────────────────────────────────────────────────────────────────

    def end_all(self, reason: str) -> None:
        """Everybody leaves."""
        self._end(reason, lambda _follower: True)

    def stop(self) -> None:
        """Everybody leaves and nobody comes in."""
        self.closing = True
        self.end_all(STOPPED)

    def dismiss(self, clients: Collection[str]) -> None:
        """Followers of these clients leave."""
        self._end(DISMISSED, lambda follower: follower.token.client_id in clients)

    def patrol(self) -> None:
        """Whose token has expired leaves; who has not taken a frame for too long is cut off."""
        now = self._monotonic()
        self._end(EXPIRED, lambda follower: now >= follower.expires)
        for follower in tuple(self._followers):
            if follower.task and follower.sending_since is not None and now - follower.sending_since > PATIENCE:
                follower.ending = SLOW
                follower.task.cancel()

    def _dismiss(self, entries: Collection[Revocation]) -> None:
        """By the same rule by which these entries kill a token anywhere else."""
        whole = {entry.value: entry.at.timestamp() for entry in entries if entry.kind is RevocationKind.CLIENT}
        single = {entry.value for entry in entries if entry.kind is RevocationKind.JTI}
        if whole or single:
            self._end(
                DISMISSED,
                lambda one: one.token.jti in single or one.token.iat <= whole.get(one.token.client_id, float("-inf")),
            )

    def _end(self, reason: str, concerned: Callable[[Follower], bool]) -> None:
        found = [follower for follower in self._followers if follower.ending is None and concerned(follower)]
        for follower in found:
            follower.ending = reason
        if found:
            self._wake()


def _ring(event: asyncio.Event) -> asyncio.Event:
    """Wake all who wait; the next one to wait for."""
    event.set()
    return asyncio.Event()
