"""Which Redis server holds what, and how many replicas must confirm a mark: one server, Sentinel, Cluster.

Keys live in *shards*, 256 of them, by the first byte of a ``sid``. A shard's tag stands in braces in its
keys, so that all of them lie in one hash slot of a Cluster and move between servers together.

How many receipts a mark needs: what ``IDP_REDIS_REPLICAS`` says, and at least as many replicas as the
topology has shown within the last minute. Those that Sentinel takes for down count too: one that was
cut off may be promoted with what it had. Why a minute: a primary that was replaced while it was only cut
off from the others answers whoever can still reach it; Sentinel lists it as a replica from then on, a
Cluster shows one fewer, and until the last lease there has run out nobody may take fewer receipts for all.

Why the view of a topology may be old: a server that is no primary any more refuses our scripts (they are
declared as writing), and then, or when it is silent, the view is made anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Protocol

from redis.crc import key_slot

from .redis_link import Options, RedisLink, RedisSilent

SHARDS = tuple(f"{number:02x}" for number in range(256))
REMEMBERED_SECONDS = 60.0
VIEW_SECONDS = 5.0
KNOWN_SECONDS = 15.0
AGAIN_SECONDS = 0.5

Address = tuple[str, int]
NewLink = Callable[[Address], RedisLink]


class RedisServers(Protocol):
    """Who is asked."""

    def primary(self, shard: str) -> RedisLink:
        """Raises RedisSilent if nobody knows."""
        ...

    def replicas(self, shard: str) -> int:
        """How many must confirm a mark in this shard."""
        ...

    def look_again(self) -> None:
        """Somebody who should have been primary was not, or was silent."""
        ...

    def links(self) -> Sequence[RedisLink]:
        """Every primary there is, for those who look after them."""
        ...


class OneServer:
    """A single primary; its replicas, if any, are known from the settings alone."""

    def __init__(self, link: RedisLink, replicas: int) -> None:
        self._link = link
        self._replicas = replicas

    def primary(self, shard: str) -> RedisLink:  # noqa: ARG002 - the same for every shard
        """That one."""
        return self._link

    def replicas(self, shard: str) -> int:  # noqa: ARG002 - the same for every shard
        """As the operator says."""
        return self._replicas

    def look_again(self) -> None:
        """There is no other."""

    def links(self) -> Sequence[RedisLink]:
        """That one."""
        return [self._link]


class Links:
    """One link to each address, made when first needed."""

    def __init__(self, new: NewLink) -> None:
        self._new = new
        self._made: dict[Address, RedisLink] = {}

    def to(self, address: Address) -> RedisLink:
        """The link; of two made at once the first stays."""
        return self._made.get(address) or self._made.setdefault(address, self._new(address))


class Most:
    """The largest count seen within ``REMEMBERED_SECONDS``, by key."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def of(self, key: str, count: int) -> int:
        """Note a count; the one that holds."""
        most, until = self._seen.get(key, (0, 0.0))
        if count >= most or monotonic() > until:
            self._seen[key] = most, _ = count, monotonic() + REMEMBERED_SECONDS
        return most


class _View:
    """A topology that is looked at again when it is old or was wrong, by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._old_at = 0.0
        self._not_before = 0.0
        self._seen_at = float("-inf")

    def look_again(self) -> None:
        """At the next use; not more often than every half second."""
        self._old_at = 0.0

    def _fresh(self) -> None:
        """Look if it is time to. Raises RedisSilent while nothing is known."""
        now = monotonic()
        if now >= self._old_at and now >= self._not_before and self._lock.acquire(blocking=not self._known(now)):
            try:
                if monotonic() >= self._old_at:
                    self._not_before = now + AGAIN_SECONDS
                    if self._look():
                        self._seen_at = now
                    self._old_at = monotonic() + VIEW_SECONDS
            finally:
                self._lock.release()
        if not self._known(monotonic()):
            raise RedisSilent("no server knows who is primary")

    def _known(self, now: float) -> bool:
        """Whoever is cut off from those who know may be the last to read at a primary that was replaced."""
        return now - self._seen_at < KNOWN_SECONDS

    def _look(self) -> bool:
        raise NotImplementedError


class SentinelService(_View):
    """The primary that Sentinels name; each is asked in turn until one answers."""

    def __init__(self, sentinels: Sequence[RedisLink], service: str, new: NewLink, replicas: int) -> None:
        super().__init__()
        self._sentinels = sentinels
        self._service = service
        self._links = Links(new)
        self._least = replicas
        self._most = Most()
        self._primary: RedisLink | None = None
        self._replicas = 0

    def primary(self, shard: str) -> RedisLink:  # noqa: ARG002 - the same for every shard
        """The one the Sentinels agree on."""
        self._fresh()
        if self._primary is None:
            raise RedisSilent("no Sentinel knows the primary")
        return self._primary

    def replicas(self, shard: str) -> int:  # noqa: ARG002 - the same for every shard
        """All that Sentinel lists, down or not."""
        self._fresh()
        return max(self._least, self._replicas)

    def links(self) -> Sequence[RedisLink]:
        """The one."""
        return [self.primary("")]

    def _look(self) -> bool:
        for sentinel in self._sentinels:
            try:
                found = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
                replicas = sentinel.ask("SENTINEL", "REPLICAS", self._service)
            except RedisSilent:
                continue
            if found is None:
                continue
            self._primary = self._links.to((found[0].decode(), int(found[1])))
            self._replicas = self._most.of(self._service, len(replicas))
            return True
        return False


class Cluster(_View):
    """Redis Cluster: the primary of each shard's hash slot, as any of its servers tells."""

    def __init__(self, seeds: Sequence[Address], new: NewLink, replicas: int) -> None:
        super().__init__()
        self._seeds = seeds
        self._links = Links(new)
        self._least = replicas
        self._most = Most()
        self._primaries: Mapping[str, Address] = {}
        self._counts: Mapping[str, int] = {}
        self._nodes: tuple[Address, ...] = ()

    def primary(self, shard: str) -> RedisLink:
        """Of the shard's slot. Raises RedisSilent if no server has it."""
        self._fresh()
        address = self._primaries.get(shard)
        if address is None:
            raise RedisSilent(f"no server has the slot of shard {shard}")
        return self._links.to(address)

    def replicas(self, shard: str) -> int:
        """The most that the shard has had lately."""
        self._fresh()
        return max(self._least, self._counts.get(shard, 0))

    def links(self) -> Sequence[RedisLink]:
        """Each primary once."""
        self._fresh()
        return [self._links.to(address) for address in sorted(set(self._primaries.values()))]

    def _look(self) -> bool:
        for address in dict.fromkeys((*self._nodes, *self._seeds)):
            try:
                slots = self._links.to(address).ask("CLUSTER", "SLOTS")
            except RedisSilent:
                continue
            if slots:
                self._learn(slots, address[0])
                return True
        return False

    def _learn(self, slots: Sequence[Sequence[object]], host: str) -> None:
        primaries, counts, nodes = {}, {}, []
        for first, last, *servers in slots:
            addresses = [_address(server, host) for server in servers]
            nodes += addresses
            for shard, slot in _SLOTS.items():
                if first <= slot <= last:  # type: ignore[operator]
                    primaries[shard] = addresses[0]
                    counts[shard] = self._most.of(shard, len(addresses) - 1)
        self._primaries, self._counts, self._nodes = primaries, counts, tuple(dict.fromkeys(nodes))


_SLOTS = {shard: key_slot(shard.encode()) for shard in SHARDS}


def _address(server: object, asked: str) -> Address:
    """``[host, port, id, …]``; an empty host is the one that was asked."""
    host, port, *_ = server  # type: ignore[misc]
    return (host.decode() if host else asked), int(port)  # type: ignore[has-type]


def options_for(address: Address, options: Options) -> Options:
    """The same, to another server."""
    return options | {"host": address[0], "port": address[1]}
