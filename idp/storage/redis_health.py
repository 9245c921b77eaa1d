"""What an operator should know of the Redis that is configured: does it keep what the hot copy assumes?

Read by ``idp doctor`` alone; nothing here is on the way of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .redis_link import RedisLink, RedisSilent
from .redis_servers import SHARDS, RedisServers

CLOCK_TOLERANCE_SECONDS = 0.1
LEAST_VERSION = 7


@dataclass(frozen=True, slots=True)
class RedisFinding:
    """One server, or all of them: what was found, and what to do about it if it is not right."""

    server: str
    text: str
    todo: str = ""
    fatal: bool = False


def findings(servers: RedisServers, now: Callable[[], float]) -> Iterator[RedisFinding]:
    """Of every primary. ``now`` gives seconds since 1970 by this machine's clock."""
    try:
        links = servers.links()
        demanded = {servers.primary(shard): servers.replicas(shard) for shard in SHARDS}
    except RedisSilent as silence:
        yield RedisFinding("redis", str(silence), "start it, or correct IDP_REDIS_URL", fatal=True)
        return
    for link in links:
        try:
            yield from _of_one(link, demanded.get(link, 0), now)
        except RedisSilent as silence:
            yield RedisFinding(link.address, str(silence), "start it; until then sign-outs take 3 seconds", fatal=True)


def _of_one(link: RedisLink, demanded: int, now: Callable[[], float]) -> Iterator[RedisFinding]:
    server, replication = _info(link, "server"), _info(link, "replication")
    version = server.get("redis_version", "0")
    if int(version.partition(".")[0]) < LEAST_VERSION:
        yield RedisFinding(link.address, f"Redis {version}", "the scripts need Redis 7 or newer", fatal=True)
        return
    problems = [*_keeping(link), *_replication(link, replication, demanded), *_clock(link, now)]
    yield from problems
    if not problems:
        yield RedisFinding(link.address, f"Redis {version}, {replication.get('connected_slaves', '0')} replicas")


def _keeping(link: RedisLink) -> Iterator[RedisFinding]:
    """Losing everything is harmless, losing a part is not (``hot_copy``: what it assumes)."""
    policy = _info(link, "memory").get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        todo = "set maxmemory-policy noeviction: a tombstone that is evicted alone undoes an ending"
        yield RedisFinding(link.address, f"maxmemory-policy is {policy}", todo, fatal=True)
    persistence = _info(link, "persistence")
    saves = _configured(link, "save")
    if persistence.get("aof_enabled") == "1" or saves:
        todo = 'set save "" and appendonly no: what comes back from a disk may be older than an ending'
        yield RedisFinding(link.address, "it keeps its data on disk", todo)


def _replication(link: RedisLink, replication: Mapping[str, str], demanded: int) -> Iterator[RedisFinding]:
    if replication.get("role") != "master":
        yield RedisFinding(link.address, "it is a replica", "name the primary in IDP_REDIS_URL", fatal=True)
        return
    connected = int(replication.get("connected_slaves", "0"))
    if connected < demanded:
        todo = "start the missing ones: until then sign-outs take 3 seconds"
        yield RedisFinding(link.address, f"{connected} replicas are connected, {demanded} must confirm", todo)
    if connected > demanded:
        todo = f"set IDP_REDIS_REPLICAS={connected}: one that need not confirm must never become primary"
        yield RedisFinding(link.address, f"{connected} replicas are connected, {demanded} must confirm", todo)


def _clock(link: RedisLink, now: Callable[[], float]) -> Iterator[RedisFinding]:
    before = now()
    seconds, micros = (int(part) for part in link.ask("TIME"))
    apart = seconds + micros / 1_000_000 - (before + now()) / 2
    if abs(apart) > CLOCK_TOLERANCE_SECONDS:
        yield RedisFinding(link.address, f"its clock is {apart:+.1f} s from ours", "run NTP on both machines")


def _info(link: RedisLink, section: str) -> dict[str, str]:
    lines = link.ask("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _configured(link: RedisLink, name: str) -> str:
    """Empty where an ACL keeps us from asking, as it should."""
    try:
        found: Sequence[bytes] = link.ask("CONFIG", "GET", name)
    except RedisSilent:
        return ""
    return found[1].decode() if len(found) > 1 else ""
