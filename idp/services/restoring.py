"""After a restore: what the database has forgotten must not come alive again (reliability.md F-46).

A backup knows nothing of what has ended since it was taken. So everything in it that was open ends, and
people sign in anew; and what the backup does not know at all, the tokens of sign-ins after it, is ended
client by client: one entry in the log for each, saying that nothing issued until now is alive.

Why the log's numbers leap first: those given since the backup would be given again, to other entries, and
a follower that has seen them would wait for what comes after. A leap as large as ``LEAP`` is beyond whatever
was given meanwhile, and all that is then written reaches every follower wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from ..domain.event import SecurityEvent
from ..domain.ports import Stores
from ..domain.revocation import LEAP, RETENTION, Revocation, RevocationKind
from ..domain.session import EndReason, EndTarget, OneClientSession, ThisSession
from .sessions import SessionControl

BATCH = 200


class Restoring:
    """Each step is in a transaction of the caller's; all of them may be done again without harm."""

    def __init__(self, stores: Stores, sessions: SessionControl) -> None:
        self._stores = stores
        self._sessions = sessions

    def begin(self, taken_at: datetime) -> int:
        """Leap, and end what the backup does not know; says how many clients that concerned."""
        now = self._stores.clock.now()
        self._stores.revocations.leap(LEAP)
        clients = self._stores.clients.list()
        self._stores.revocations.append([
            Revocation(
                kind=RevocationKind.CLIENT, value=client.client_id, at=now, expires_at=now + RETENTION,
                reason=EndReason.RESTORED.value,
            )
            for client in clients
        ])  # fmt: skip
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=now, kind="database.restored", actor="operator",
                details={"taken_at": taken_at.isoformat()},
            )
        )  # fmt: skip
        return len(clients)

    def batches(self, taken_at: datetime) -> Iterator[Sequence[EndTarget]]:
        """What was open at ``taken_at``: Sessions first, then what hangs on none."""
        yield from _batches(self._stores.sessions.open_since_before, ThisSession, taken_at)
        yield from _batches(self._stores.client_sessions.open_since_before, OneClientSession, taken_at)

    def end(self, targets: Sequence[EndTarget]) -> int:
        """End one batch; how many."""
        for target in targets:
            self._sessions.end_session(target, EndReason.RESTORED, by="operator", awaited=False)
        return len(targets)


def _batches(
    find: Callable[[datetime, UUID, int], Sequence[UUID]], target: Callable[[UUID], EndTarget], taken_at: datetime
) -> Iterator[Sequence[EndTarget]]:  # fmt: skip
    place = UUID(int=0)
    while found := find(taken_at, place, BATCH):
        yield [target(each) for each in found]
        place = found[-1]
