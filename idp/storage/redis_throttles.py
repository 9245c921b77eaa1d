"""Throttles in Redis: the same counters as in SQL, without a write to the database for each attempt.

Each brake is one script that counts only while there is room, taken in the order of the keys, as in SQL;
a refusal gives back what it had taken before. Windows are judged by the caller's ``now``, as the port
says; Redis's own expiry only clears away what nobody asks for any more.

Why any failure sends the whole attempt to SQL: half a count decides nothing, and never "no limit" (I13).
What was counted here by then stays counted, on the strict side. Whoever can make Redis come and go gets
at most the limit of each of the two, and no more by being given back in one what the other has counted.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ..domain.ports import Throttles
from ..domain.throttle import Brake
from .redis_link import Call, RedisSilent, Script
from .redis_servers import SHARDS, RedisServers
from .resp import Reply

_KEPT_MS = 60_000  # longer than the clocks of two workers differ
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_READ = """
local held = redis.pcall('GET', KEYS[1])
local count, ends = 0, 0
if type(held) == 'string' then
  local first, second = string.match(held, '^(%d+):(%d+)$')
  count, ends = tonumber(first) or 0, tonumber(second) or 0
end
local now = tonumber(ARGV[1])
if ends <= now then count, ends = 0, 0 end
"""
_WRITE = """
local function keep(number)
  local life = string.format('%.0f', math.max(1, ends - now + tonumber(ARGV[2])))
  redis.call('SET', KEYS[1], string.format('%.0f:%.0f', number, ends), 'PX', life)
end
"""

TAKE = Script(
    "#!lua\n-- KEYS counter   ARGV now, how long to keep, limit, window (ms)"
    + _READ
    + _WRITE
    + """
if count >= tonumber(ARGV[3]) then return ends - now end
if ends == 0 then ends = now + tonumber(ARGV[4]) end
keep(count + 1)
return 0
"""
)
"""0, or the milliseconds until there is room; then nothing was counted."""

PEEK = Script(
    "#!lua\n-- KEYS counter   ARGV now, limit (ms)"
    + _READ
    + """
if ends > 0 and count >= tonumber(ARGV[2]) then return ends - now end
return 0
"""
)
GIVE_BACK = Script(
    "#!lua\n-- KEYS counter   ARGV now, how long to keep (ms)"
    + _READ
    + _WRITE
    + """
if count > 1 then keep(count - 1) else redis.call('DEL', KEYS[1]) end
return count
"""
)
CLEAR = Script("#!lua\nreturn redis.call('DEL', KEYS[1])\n")


class RedisThrottles:
    """Implements ``ports.Throttles`` before another one, in SQL, which takes over where Redis is silent."""

    def __init__(self, servers: RedisServers, fallback: Throttles) -> None:
        self._servers = servers
        self._fallback = fallback
        self._here = threading.local()

    def take(self, brakes: Sequence[Brake], now: datetime) -> int:
        """Count one attempt under every brake; seconds to wait if one of them has no room."""
        self._here.in_sql = frozenset()
        try:
            return self._take(_in_order(brakes), now)
        except RedisSilent:
            self._servers.look_again()
            self._here.in_sql = frozenset(brakes)
            return self._fallback.take(brakes, now)

    def give_back(self, brakes: Sequence[Brake], now: datetime) -> None:
        """Uncount one attempt, of this thread's last ``take``: where that one counted it, or nowhere."""
        taken_in_sql: frozenset[Brake] = getattr(self._here, "in_sql", frozenset())
        if taken_in_sql.issuperset(brakes):
            self._fallback.give_back(brakes, now)
            return
        try:
            self._give_back(_in_order(brakes), now)
        except RedisSilent:
            self._servers.look_again()

    def clear(self, brakes: Sequence[Brake]) -> None:
        """Forget every attempt, in SQL too: some may have been counted there meanwhile."""
        self._fallback.clear(brakes)
        try:
            for brake in _in_order(brakes):
                self._run(CLEAR, brake)
        except RedisSilent:
            self._servers.look_again()

    def _take(self, brakes: Sequence[Brake], now: datetime) -> int:
        taken: list[Brake] = []
        for brake in brakes:
            words = (_ms(now), _KEPT_MS, max(0, brake.limit), brake.window_seconds * 1000)
            if brake.limit <= 0 or self._run(TAKE, brake, *words):
                self._give_back(taken, now)
                return self._wait(brakes, now)
            taken.append(brake)
        return 0

    def _give_back(self, brakes: Sequence[Brake], now: datetime) -> None:
        for brake in brakes:
            self._run(GIVE_BACK, brake, _ms(now), _KEPT_MS)

    def _wait(self, brakes: Sequence[Brake], now: datetime) -> int:
        """Until the last of the full brakes opens; at least a second, for refused is refused."""
        full = [
            brake.window_seconds if brake.limit <= 0
            else math.ceil(int(self._run(PEEK, brake, _ms(now), brake.limit)) / 1000)
            for brake in brakes
        ]  # fmt: skip
        return max([1, *full])

    def _run(self, script: Script, brake: Brake, *words: int) -> Reply:
        shard = SHARDS[brake.key[0]]
        link = self._servers.primary(shard)
        if not link.breaker.allows():
            raise RedisSilent(f"{link.address} is left alone")
        return link.run(Call(script, [f"t:{{{shard}}}{brake.key.hex()}"], words))


def _in_order(brakes: Sequence[Brake]) -> Sequence[Brake]:
    return sorted(brakes, key=lambda brake: brake.key)


def _ms(now: datetime) -> int:
    return (now - _EPOCH) // _MILLISECOND
