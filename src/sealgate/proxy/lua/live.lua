-- Say that a process lives, for a while; who did not say so in time holds nothing any more.
--
-- KEYS: who lives, the name of this store. ARGV: who, for how long (milliseconds), a name for a store without.
-- Gives the store's name, and 1 if the process was known to live.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
redis.call('SET', KEYS[2], ARGV[3], 'NX')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 1)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return { redis.call('GET', KEYS[2]), until_ms >= now and 1 or 0 }
