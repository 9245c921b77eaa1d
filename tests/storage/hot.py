"""A hot copy for the tests: the stores over it, what it counted, and a Redis that can be meddled with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.ports import Stores
from idp.domain.session import ClientSession, Liveness
from idp.paths import MIGRATIONS
from idp.storage.hot_client_sessions import HotClientSessions
from idp.storage.hot_copy import HotCopy
from idp.storage.redis_url import servers
from idp.storage.stores import HotOptions, build_stores
from idp.storage.system import SystemRandomness


@dataclass
class Tally:
    """A witness: how often what happened."""

    seen: Counter[str] = field(default_factory=Counter)
    open: int = 0

    def looked_up(self, outcome: str) -> None:
        self.seen[f"look-up {outcome}"] += 1

    def filled(self, outcome: str) -> None:
        self.seen[f"fill {outcome}"] += 1

    def marked(self, outcome: str) -> None:
        self.seen[f"mark {outcome}"] += 1

    def breaker(self, opened: bool) -> None:
        self.open += 1 if opened else -1

    def take(self) -> dict[str, int]:
        """Since the last time."""
        taken, self.seen = dict(self.seen), Counter()
        return taken


def hot_copy(url: str, tally: Tally | None = None, replicas: int = 0, tombstone_seconds: int = 960) -> HotCopy:
    """As one process has it."""
    tally = tally or Tally()
    return HotCopy(servers(url, replicas, tally.breaker), SystemRandomness(), tombstone_seconds, tally)


def hot_stores(
    engine: Engine, url: str, tally: Tally | None = None, replicas: int = 0, *, every: bool = True
) -> Stores:  # fmt: skip
    """Every port, as one process with a hot copy has them. It looks up at the first question, too."""
    keys = MasterKeys([MasterKey(b"\x01" * 32)])
    return build_stores(
        engine, keys, MIGRATIONS, hot=HotOptions(url=url, replicas=replicas, every=every, witness=tally or Tally())
    )  # fmt: skip


@dataclass
class Between:
    """The record, with something that happens right after it has been read: the pause of a slow worker."""

    record: object
    act: Callable[[], None]

    def liveness(self, sid: UUID, now: datetime) -> Liveness | None:
        found: Liveness | None = self.record.liveness(sid, now)  # type: ignore[attr-defined]
        self.act()
        return found


def interrupted(stores: Stores, copy: HotCopy, act: Callable[[], None]) -> HotClientSessions:
    """A reader of another process, to whom ``act`` happens between its look at the record and its fill."""
    record = Between(stores.client_sessions._record, act)  # type: ignore[attr-defined]
    leases = stores.client_sessions._leases  # type: ignore[attr-defined]
    return HotClientSessions(record, copy, leases, lambda: False, lambda _sid: True)  # type: ignore[arg-type]


def live(stores: Stores, held: ClientSession, now: datetime) -> bool:
    """The verdict of one process."""
    found = stores.client_sessions.liveness(held.id, now)
    return found is not None and found.live
