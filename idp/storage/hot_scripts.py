"""The three scripts of the hot copy. What they promise stands in ``hot_copy``.

Why every script begins with a shebang: a server then takes it for one that writes, and refuses it where
it is no primary (any more), whatever it would have written. A replica lags; it is never believed.

Why times are Redis's own (``TIME``): a lease is begun and judged by one clock. Why a deadline that is
further away than a lease can be counts as none: that clock has been set back.

Why ``pcall``: a key that holds something else than text is as good as none, and the next fill or mark
puts it right.
"""

from __future__ import annotations

from .redis_link import Script

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

LOOK_UP = Script(
    "#!lua\n-- KEYS lease, generation   ARGV a new generation, lease in ms"
    + _NOW
    + """
local held = redis.pcall('GET', KEYS[1])
local odd = type(held) == 'table'
if held == 'x' then return {'x'} end
if type(held) == 'string' then
  local deadline = tonumber(string.match(held, '^a:(%d+):[%d-]+:[%w_-]+:.+$'))
  if deadline and now < deadline and deadline <= now + tonumber(ARGV[2]) then return {'a', held} end
  odd = not deadline
end
local generation = redis.pcall('GET', KEYS[2])
if type(generation) ~= 'string' then
  generation = ARGV[1]
  redis.call('SET', KEYS[2], generation)
end
return {odd and 'o' or 'm', generation, now}
"""
)
"""``x`` ended; ``a`` live, with the lease; ``m`` a miss, or ``o`` something odd, with a ticket for the fill."""

FILL = Script(
    "#!lua\n-- KEYS lease, generation   ARGV generation seen, time seen, fill deadline in ms, lease in ms, whose"
    + _NOW
    + """
if redis.pcall('GET', KEYS[1]) == 'x' then return 'ended' end
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 'generation' end
local seen = tonumber(ARGV[2])
if now < seen or now > seen + tonumber(ARGV[3]) then return 'late' end
local deadline = string.format('%.0f', now + tonumber(ARGV[4]))
redis.call('SET', KEYS[1], 'a:' .. deadline .. ':' .. ARGV[5], 'PX', ARGV[4])
return 'filled'
"""
)

MARK = Script(
    """#!lua
-- KEYS leases   ARGV life of a tombstone in ms
for _, key in ipairs(KEYS) do redis.call('SET', key, 'x', 'PX', ARGV[1]) end
return #KEYS
"""
)
