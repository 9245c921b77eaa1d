"""An ending is acknowledged when nobody can take what has ended for live any more (design.md 4.2).

In the record that is so at commit. A hot copy must be told as well: after the commit its tombstones are
written, and where it does not confirm them the ending is announced as unsettled until every lease that
may still stand has run out (``EndingUnsettled``). Whoever asks again then is told that it is done.

Why sids that ended a little earlier are settled along: whoever repeats an ending that was not
acknowledged (a client that got 503, a person who presses twice) must not be told "done" because there
is nothing left to end. How much earlier is generous: it is measured by the clocks of two machines, and
costs a mark written twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ..domain.outbox import MessageKind, OutboxMessage
from ..domain.ports import Stores
from ..domain.session import Ended, EndTarget
from ..errors import EndingUnsettled

LATELY = timedelta(minutes=2)
PER_MESSAGE = 500

log = structlog.get_logger(__name__)


class Settling:
    """Tells the hot copy, if there is one, of what has ended."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def after_commit(self, target: EndTarget, ended: Ended, now: datetime, *, awaited: bool) -> None:
        """Settle what ends under ``target`` in the transaction that is open, once it has committed.

        ``awaited``: somebody is told that it is done. Then ``with work():`` raises EndingUnsettled
        where that would be too early; otherwise marks are written as well as can be.
        """
        sids = self._stores.sessions.lately_ended(target, now - LATELY)
        if sids:
            if ended.nothing:
                self._stores.revocations.reaffirm()
            self._stores.work.after_commit(lambda: self._settle(sids, awaited))

    def confirm(self, target: EndTarget) -> None:
        """Settle what has ended lately under ``target``, where nothing is to be ended."""
        sids = self._stores.sessions.lately_ended(target, self._stores.clock.now() - LATELY)
        if sids:
            self._stores.revocations.reaffirm()
            self._stores.work.after_commit(lambda: self._settle(sids, awaited=True))

    def mark(self, endings: Iterable[Ended]) -> None:
        """Write the marks of endings that nobody waits for, after the commit and all at once.

        One by one they would hold up the housekeeping where the hot copy is silent, a time-out for each.
        """
        sids = [item.id for ended in endings for item in ended.client_sessions]
        if sids:
            self._stores.work.after_commit(lambda: self._settle(sids, awaited=False))

    def messages(self, ended: Ended, now: datetime) -> Iterator[OutboxMessage]:
        """The same marks for the outbox: they are written again until they are confirmed."""
        if not self._stores.tombstones.settle_seconds:
            return
        sids = [str(item.id) for item in ended.client_sessions]
        for start in range(0, len(sids), PER_MESSAGE):
            payload = {"sids": sids[start : start + PER_MESSAGE]}
            yield OutboxMessage(
                id=self._stores.randomness.uuid(),
                kind=MessageKind.TOMBSTONE.value,
                payload=payload,
                created_at=now,
                due_at=now,
            )

    def _settle(self, sids: Sequence[UUID], awaited: bool) -> None:
        if self._stores.tombstones.write(sids):
            return
        if not awaited:
            log.warning("an ending that nobody waits for is not settled yet", sids=len(sids))
            return
        left = self._stores.tombstones.unsettled_for(sids)
        if left > 0:
            raise EndingUnsettled(left)
