"""Client sessions with the hot copy before them: ``liveness`` alone asks it, everything else asks the record.

Refreshing, codes and one-time values never come here: what may be used once is decided by one statement.
Nor does a look-up inside a transaction: what it sees may be undone, and must not be leased to others.

Nor does the first question in a while about a ``sid`` (``Lately``): a lease stands for two seconds, so a miss is
all but certain, and a look-up that misses is three exchanges (Redis, the record, the fill) where the record
alone is one. What many ask for is asked for again at once, and from then on it is Redis that answers. An end
that was seen is passed on even so: what has been told dead here must not be told live elsewhere (I2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from uuid import UUID

from ..domain.ports import ClientSessions
from ..domain.session import ClientSession, Liveness
from ..domain.user import User
from .hot_copy import LEASE_SECONDS, HotCopy, Ticket
from .leases import Leases

_MOST = 50_000


class Lately:
    """Which ``sid`` this process was asked for within the last second, or the last two. Remembers no verdict.

    Two generations: the older is forgotten whole. Threads that race forget one too early, and nobody minds.
    """

    def __init__(self, tick: Callable[[], float] = monotonic) -> None:
        self._tick = tick
        self._began = tick()
        self._asked: set[UUID] = set()
        self._before: set[UUID] = set()

    def again(self, sid: UUID) -> bool:
        """Was it asked for lately? It has been now."""
        age = self._tick() - self._began
        if age > LEASE_SECONDS / 2 or len(self._asked) >= _MOST:
            self._before = self._asked if age <= LEASE_SECONDS else set()
            self._asked, self._began = set(), self._tick()
        known = sid in self._asked or sid in self._before
        self._asked.add(sid)
        return known


class HotClientSessions:
    """Implements ``ports.ClientSessions`` over another one, the record."""

    def __init__(
        self, record: ClientSessions, copy: HotCopy, leases: Leases, in_work: Callable[[], bool],
        again: Callable[[UUID], bool],
    ) -> None:  # fmt: skip
        self._record = record
        self._copy = copy
        self._leases = leases
        self._in_work = in_work
        self._again = again

    def liveness(self, sid: UUID, now: datetime) -> Liveness | None:
        """From a lease that has not run out, else from the record, which is read after the look-up."""
        if self._in_work():
            return self._record.liveness(sid, now)
        if not self._again(sid):
            self._copy.left_out()
            found = self._record.liveness(sid, now)
            self._pass_on(found, None)
            return found
        seen = self._copy.look_up(sid)
        if seen.ended:
            return None
        if seen.lease is not None and (seen.lease.until is None or now < seen.lease.until):
            return seen.lease
        may_fill = seen.ticket is not None and self._leases.announced()  # before the record is read: see ``leases``
        found = self._record.liveness(sid, now)
        self._pass_on(found, seen.ticket if may_fill else None)
        return found

    def _pass_on(self, found: Liveness | None, ticket: Ticket | None) -> None:
        """An end that somebody made is final and marked; one that is a matter of clocks is not."""
        if found is not None and found.ended:
            self._copy.mark_seen(found.sid)
        elif found is not None and found.live and ticket is not None:
            self._copy.fill(ticket, found)

    # ── the record ───────────────────────────────────────────────────────────────────────────────

    def join(self, client_session: ClientSession) -> ClientSession:
        """The record's."""
        return self._record.join(client_session)

    def get(self, sid: UUID) -> ClientSession | None:
        """The record's."""
        return self._record.get(sid)

    def open_since_before(self, moment: datetime, after: UUID, limit: int) -> Sequence[UUID]:
        """The record's."""
        return self._record.open_since_before(moment, after, limit)

    def liveness_with_user(self, sid: UUID, now: datetime) -> tuple[Liveness, User, Mapping[str, object]] | None:
        """The record's: what a person is called is not copied."""
        return self._record.liveness_with_user(sid, now)

    def of_user(self, user_id: UUID) -> Sequence[ClientSession]:
        """The record's."""
        return self._record.of_user(user_id)

    def offline_of(self, session_id: UUID) -> Sequence[ClientSession]:
        """The record's."""
        return self._record.offline_of(session_id)

    def ended_of(self, session_id: UUID, since: datetime) -> Sequence[ClientSession]:
        """The record's."""
        return self._record.ended_of(session_id, since)

    def touch(self, sid: UUID, now: datetime) -> None:
        """The record's."""
        self._record.touch(sid, now)
