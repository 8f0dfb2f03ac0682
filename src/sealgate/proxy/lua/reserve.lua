-- Hold amounts on every count, or nothing on any: `ledger.py:Ledger.reserve` for all processes together.
--
-- KEYS[1]: who lives; KEYS[2…]: the counts.
-- ARGV: who asks, 1 for an exchange that runs and asks for more (else 0); then for each count its window
-- (i, n, d, m), the amount, the most, and when it may go (milliseconds; 0 for i and n).
-- Gives 1 or 0, then for each count what is used and what is held of it by all.

local owner, extending = ARGV[1], ARGV[2] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local minute, day = 60000, 86400000

local lives = { [owner] = true }
for _, each in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
  lives[each] = true
end

local counts, room = {}, true
for i = 2, #KEYS do
  local at = (i - 2) * 4 + 2
  local each = { key = KEYS[i], window = ARGV[at + 1], text = ARGV[at + 2], amount = tonumber(ARGV[at + 2]),
                 most = tonumber(ARGV[at + 3]), expires = ARGV[at + 4], used = 0, held = 0 }
  local found, since = redis.call('HGETALL', each.key), now
  for f = 1, #found, 2 do
    local field, value = found[f], tonumber(found[f + 1])
    if field == 'used' then
      each.used = value
    elseif field == 'at' then
      since = value
    elseif lives[field] then
      each.held = each.held + value
    else
      redis.call('HDEL', each.key, field) -- who held it died
    end
  end
  if each.window == 'i' then
    each.used = math.max(0, each.used - math.max(0, now - since) * each.most / minute)
  end
  if (each.amount > 0 or not extending) and each.used + each.held + each.amount > each.most then
    room = false
  end
  counts[#counts + 1] = each
end

local answer = { room and 1 or 0 }
for _, each in ipairs(counts) do
  if room and each.window == 'i' then
    each.used = each.used + each.amount
    redis.call('HSET', each.key, 'used', string.format('%.17g', each.used), 'at', now)
    redis.call('PEXPIRE', each.key, math.ceil(each.used * minute / each.most) + 1000)
  elseif room and each.amount > 0 then
    each.held = each.held + each.amount
    redis.call('HINCRBY', each.key, owner, each.text)
    if each.window == 'n' then
      redis.call('PEXPIRE', each.key, day)
    else
      redis.call('PEXPIREAT', each.key, each.expires)
    end
  end
  answer[#answer + 1] = string.format('%.17g', each.used)
  answer[#answer + 1] = string.format('%.17g', each.held)
end
return answer
