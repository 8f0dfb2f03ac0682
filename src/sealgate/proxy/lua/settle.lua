-- Give back what was held and count what was used, each once: `ledger.py:Ledger.settle` for all processes.
--
-- KEYS[1]: how far its run is counted; KEYS[2…]: the counts.
-- ARGV: who held it, the sequence of what is counted (0: nothing is), how long KEYS[1] stays (milliseconds);
-- then for each count its window, what is given back, what was used (i: what is corrected, also below zero),
-- the most (i alone), and when it may go.
-- A sequence at or below the one that KEYS[1] holds was counted before: nothing of it is counted again.

local owner, sequence = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local minute = 60000

local anew = sequence > 0 and sequence > tonumber(redis.call('GET', KEYS[1]) or 0)
if anew then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end

for i = 2, #KEYS do
  local key, at = KEYS[i], (i - 2) * 5 + 3
  local window, back, used, most, expires = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if window == 'i' then
    local found = redis.call('HMGET', key, 'used', 'at')
    local drained = math.max(0, now - (tonumber(found[2]) or now)) * most / minute
    local left = math.max(0, math.max(0, (tonumber(found[1]) or 0) - drained) + used)
    redis.call('HSET', key, 'used', string.format('%.17g', left), 'at', now)
    redis.call('PEXPIRE', key, math.ceil(left * minute / most) + 1000)
  else
    if back ~= '0' and redis.call('HINCRBY', key, owner, '-' .. back) <= 0 then
      redis.call('HDEL', key, owner) -- all of it; or it was thought dead and had lost it
    end
    if anew and used ~= '0' then
      redis.call('HINCRBY', key, 'used', used)
      redis.call('PEXPIREAT', key, expires)
    end
  end
end
return anew and 1 or 0
