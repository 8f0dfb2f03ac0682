-- Say anew what a process holds, after a connection broke and nobody knows what arrived; and what it knows to
-- be used, to a store that may have lost it.
--
-- KEYS: the counts. ARGV: who; then for each count its window, what it holds, what is used at least, and when it
-- may go.

local owner, day = ARGV[1], 86400000
for i = 1, #KEYS do
  local key, at = KEYS[i], (i - 1) * 4 + 1
  local window, held, used, expires = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  if held == '0' then
    redis.call('HDEL', key, owner)
  else
    redis.call('HSET', key, owner, held)
  end
  if tonumber(used) > tonumber(redis.call('HGET', key, 'used') or 0) then
    redis.call('HSET', key, 'used', used)
  end
  if window == 'n' then
    redis.call('PEXPIRE', key, day)
  else
    redis.call('PEXPIREAT', key, expires)
  end
end
return #KEYS
