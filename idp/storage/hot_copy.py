"""The hot copy: Redis answers "is this sid live?" so that SQL need not. Protocol R (reliability.md 3.3).

- *Look up:* ended → ended. A lease that has not run out → live. Else a miss, with a *ticket*: the
  generation of the shard and Redis's time. Then the record is read, and *after* that:
- *Fill:* a lease of 2 s, refused if a tombstone stands there, if the generation is another one (the
  server has lost its data), or if it comes later than 0.5 s after its look-up.
- *End:* after the commit a tombstone is written, which outlives every access token, and the receipt of
  every replica is asked for. With all receipts the ending may be acknowledged. Without: only when
  ``SETTLE_SECONDS`` have passed since it was known to be committed.

Why it holds. Let c be the commit of an ending.

1. *No late life.* A fill that succeeds at f belongs to a look-up not before f − 0.5 s on the same data,
   and its reading of the record, which came after that look-up, said "live", hence before c. So
   f < c + 0.5 s, and its lease has run out at c + 2.5 s. From then on nobody reads "live" from any
   server, whatever was flushed, promoted, cut off or left out: the slow acknowledgement is right.
2. *A tombstone absorbs.* After all receipts every server that can become primary has the tombstone, or
   has lost its data and with it the generation. Where it stands, look-ups say "ended" and fills are
   refused for longer than 1. needs. Where it is lost, look-ups miss and the record says "ended", while
   fills that were under way carry the generation that was lost: the fast acknowledgement is right.

Each ingredient is needed: ``tests/storage/test_hot_model.py`` tries every order of events, and finds a
revoked token accepted as soon as one is left out.

Why no two requests share one reading of the record: an answer "live" is true of the moment at which the
record was read. Whoever began later may have begun after the acknowledgement of an ending, and would be
told of the time before it. For the same reason nothing "live" is remembered in the process.

What it assumes: a server that loses data loses all of it (no persistence on this server, ``noeviction``:
evicting one tombstone alone would undo 2.); its clock is not set back, by more than ``SKEW_SECONDS``,
in the moment in which an ending finds it silent; SQL is read at the primary. ``idp doctor`` looks.

Natural ends need no tombstone: the lease carries the time at which the session ends by itself, and whoever
reads it later than that, by their own clock, asks the record, as they would without a hot copy.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from ..domain.ports import Randomness
from ..domain.session import Liveness
from .hot_scripts import FILL, LOOK_UP, MARK
from .redis_link import Call, RedisLink, RedisSilent
from .redis_servers import SHARDS, RedisServers

LEASE_SECONDS, FILL_SECONDS, SKEW_SECONDS = 2.0, 0.5, 0.25
SETTLE_SECONDS = LEASE_SECONDS + FILL_SECONDS + SKEW_SECONDS
_LEASE_MS, _FILL_MS = int(LEASE_SECONDS * 1000), int(FILL_SECONDS * 1000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

log = structlog.get_logger(__name__)


class Witness(Protocol):
    """Who counts what happens (``idp.metrics``). Words are few and fixed; nothing of anybody is in them."""

    def looked_up(self, outcome: str) -> None:
        """``hit``, ``ended``, ``miss``; without a look-up ``first``: not worth one, ``fallback``: Redis is silent."""
        ...

    def filled(self, outcome: str) -> None:
        """``filled``, ``ended``, ``generation``, ``late`` or ``failed``."""
        ...

    def marked(self, outcome: str) -> None:
        """``confirmed`` or ``unconfirmed``."""
        ...

    def breaker(self, opened: bool) -> None:
        """A server is left alone from now on, or no longer."""
        ...


class NoWitness:
    """Nobody counts."""

    def looked_up(self, outcome: str) -> None:
        """Nothing."""

    def filled(self, outcome: str) -> None:
        """Nothing."""

    def marked(self, outcome: str) -> None:
        """Nothing."""

    def breaker(self, opened: bool) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a miss gives to the one who will have read the record: a fill is refused without it."""

    link: RedisLink
    generation: bytes
    seen: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look-up found: an end, a lease, or neither, then perhaps with a ticket."""

    ended: bool = False
    lease: Liveness | None = None
    ticket: Ticket | None = None


_ENDED, _NOTHING = Seen(ended=True), Seen()


class HotCopy:
    """One per process. Holds no sid, no lease and no verdict."""

    def __init__(self, servers: RedisServers, randomness: Randomness, tombstone_seconds: int, witness: Witness) -> None:
        self._servers = servers
        self._randomness = randomness
        self._tombstone_ms = tombstone_seconds * 1000
        self._witness = witness

    # ── look and fill ────────────────────────────────────────────────────────────────────────────

    def look_up(self, sid: UUID) -> Seen:
        """What Redis knows. Nothing at all, and no ticket, if it does not answer."""
        shard = _shard(sid)
        try:
            link = self._servers.primary(shard)
            if not link.breaker.allows():
                self._witness.looked_up("fallback")
                return _NOTHING
            reply = link.run(Call(LOOK_UP, _keys(sid, shard), (self._randomness.token()[:16], _LEASE_MS)))
        except RedisSilent:
            self._servers.look_again()
            self._witness.looked_up("fallback")
            return _NOTHING
        return self._seen(sid, link, reply)

    def left_out(self) -> None:
        """Nobody looks: there can hardly be a lease (``hot_client_sessions.Lately``)."""
        self._witness.looked_up("first")

    def fill(self, ticket: Ticket, found: Liveness) -> None:
        """Lease what the record has just said to be live. It may be refused; nobody minds."""
        keys = _keys(found.sid, _shard(found.sid))
        arguments = (ticket.generation, ticket.seen, _FILL_MS, _LEASE_MS, _written(found))
        try:
            outcome = ticket.link.run(Call(FILL, keys, arguments)).decode()
        except RedisSilent:
            self._servers.look_again()
            outcome = "failed"
        self._witness.filled(outcome)

    def _seen(self, sid: UUID, link: RedisLink, reply: Sequence[bytes]) -> Seen:
        kind = reply[0]
        if kind == b"x":
            self._witness.looked_up("ended")
            return _ENDED
        if kind == b"a" and (lease := _read(sid, reply[1])) is not None:
            self._witness.looked_up("hit")
            return Seen(lease=lease)
        self._witness.looked_up("miss")
        if kind != b"m":
            log.warning("the hot copy holds what nobody has written", sid=str(sid))
        return Seen(ticket=Ticket(link, reply[1], int(reply[2]))) if kind != b"a" else _NOTHING

    # ── mark ─────────────────────────────────────────────────────────────────────────────────────

    def mark(self, sids: Sequence[UUID]) -> bool:
        """Write tombstones and ask for every receipt; no breaker keeps anybody from it.

        Once more where the primary turns out to be another server: a mark may be written twice.
        """
        left, tried = self._unconfirmed(sids, set())
        if left:
            self._servers.look_again()
            left, _tried = self._unconfirmed(left, tried)
        self._witness.marked("unconfirmed" if left else "confirmed")
        return not left

    def mark_seen(self, sid: UUID) -> None:
        """The record says that it has ended: whoever asks next shall hear it here (I2)."""
        shard = _shard(sid)
        try:
            link = self._servers.primary(shard)
            if link.breaker.allows():
                link.run(Call(MARK, _keys(sid, shard)[:1], (self._tombstone_ms,)))
        except RedisSilent:
            self._servers.look_again()

    def _unconfirmed(self, sids: Sequence[UUID], tried: set[RedisLink]) -> tuple[list[UUID], set[RedisLink]]:
        """Mark at every primary concerned that was not tried before; what is left, and who was tried."""
        left: list[UUID] = []
        groups: dict[RedisLink, list[UUID]] = defaultdict(list)
        for sid in sids:
            try:
                groups[self._servers.primary(_shard(sid))].append(sid)
            except RedisSilent:
                left.append(sid)
        for link, group in groups.items():
            if link in tried or not self._confirmed(link, group):
                left += group
        return left, set(groups)

    def _confirmed(self, link: RedisLink, sids: Sequence[UUID]) -> bool:
        shards: dict[str, list[str]] = defaultdict(list)
        for sid in sids:
            shard = _shard(sid)
            shards[shard].append(_keys(sid, shard)[0])
        calls = [Call(MARK, keys, (self._tombstone_ms,)) for keys in shards.values()]
        try:
            link.run_all(calls, replicas=max(self._servers.replicas(shard) for shard in shards))
        except RedisSilent as silence:
            log.warning("an ending is not confirmed by redis", reason=str(silence), sids=len(sids))
            return False
        return True


# ── what is written ───────────────────────────────────────────────────────────────────────────────


def _shard(sid: UUID) -> str:
    return SHARDS[sid.bytes[0]]


def _keys(sid: UUID, shard: str) -> tuple[str, str]:
    """The lease and the generation of its shard; short, for there are millions."""
    return f"s:{{{shard}}}{_brief(sid.bytes[1:])}", f"gen:{{{shard}}}"


def _brief(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _written(found: Liveness) -> str:
    """Behind the deadline: when the session ends by itself, whose it is, and which client's."""
    until = "-" if found.until is None else (found.until - _EPOCH) // _MILLISECOND
    return f"{until}:{_brief(found.user_id.bytes)}:{found.client_id}"


def _read(sid: UUID, lease: bytes) -> Liveness | None:
    """The lease as it was written; None if it was not written by us."""
    try:
        _mark, _deadline, until, user, client_id = lease.decode().split(":", 4)
        user_id = UUID(bytes=urlsafe_b64decode(f"{user}=="))
        ends = None if until == "-" else _EPOCH + int(until) * _MILLISECOND
    except (ValueError, OverflowError):
        return None
    return Liveness(sid=sid, user_id=user_id, client_id=client_id, live=True, until=ends)
