-- SPDX-License-Identifier: Apache-2.0
-- One value: claimed by one, or put under a version. Bytes are sealed before they come here.
--
-- KEYS: the value; of a claim also the grave of its id, and the names that its group has by when they end; of a value
-- with a room how many bytes are in it, and what is, by when it ends.
-- ARGV: op, id, until (us from now), ends (us from now), bytes, mark, how, expected version (-1: any), names at most,
-- or bytes.
-- Answer: a code, then what stands there: version, mark, bytes.

local CLAIMED, BUSY, DONE, LOST, CROWDED = 1, 2, 3, 4, 6
local GRAVE_MS, ANY = 60000, -1
local AROUND = 400 -- bytes that a value needs beside its own
local TURNS = 1000 -- values that one put takes out at most: while a script runs, nobody else is answered

local op, id, bytes, mark, how = ARGV[1], ARGV[2], ARGV[5], ARGV[6], ARGV[7]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local till, ends, expected = now + tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[8])
local key, grave, names = KEYS[1], KEYS[2], KEYS[3]
local h = redis.call('HMGET', key, 's', 'i', 'u', 'n', 'm', 'v')
local state, version = h[1], tonumber(h[4]) or 0

local function keep(...)
	redis.call('HSET', key, 'n', math.max(now, version + 1), ...)
	redis.call('PEXPIRE', key, math.ceil(ends / 1000))
end

local function claim()
	if op == 'claim' and redis.call('ZCOUNT', names, now, '+inf') >= tonumber(ARGV[9]) then
		return {CROWDED}
	end
	redis.call('ZADD', names, now + ends, key)
	redis.call('ZREMRANGEBYSCORE', names, '-inf', now)
	local left = redis.call('PTTL', names)
	if left < ends / 1000 then
		redis.call('PEXPIRE', names, math.ceil(ends / 1000))
	end
	keep('s', 'o', 'i', id, 'u', till, 'm', mark)
	return {CLAIMED}
end

if op == 'claim' or op == 'hold' then
	if redis.call('EXISTS', grave) == 1 then
		return {-1}
	elseif not state then
		return ends > 0 and claim() or {CLAIMED}
	elseif state == 'o' and h[2] == id then
		return {CLAIMED}
	elseif state == 'd' then
		return {DONE, version, h[5] or '', h[6] or ''}
	end
	return {state == 'o' and now < tonumber(h[3]) and BUSY or LOST, version, h[5] or ''}
end

if op == 'finish' then
	local ours = state and h[2] == id and state ~= 'd'
	if how == 'u' then
		if ours then
			redis.call('DEL', key)
			redis.call('ZREM', names, key)
		end
		redis.call('SET', grave, '', 'PX', GRAVE_MS)
	elseif (ours or not state) and ends > 0 then
		if not state then
			claim()
		end
		keep('s', how, 'i', id, 'm', mark, 'v', bytes)
	end
	return {1}
end

-- What is over is taken out, and then what ends first, until there is room for one more of this size. Where that takes too
-- many turns, the next put goes on. What is used then, and whether there is room.
local function make_room(size, most)
	local used, turns = tonumber(redis.call('GET', grave)) or 0, 0
	local function take_out(member)
		local len, of = string.match(member, '^(%d+) (.*)$')
		if redis.call('ZREM', names, member) == 1 then
			used = math.max(used - tonumber(len), 0)
		end
		return of
	end
	take_out(redis.call('HSTRLEN', key, 'v') + AROUND .. ' ' .. key)
	for _, member in ipairs(redis.call('ZRANGEBYSCORE', names, '-inf', now, 'LIMIT', 0, 100)) do
		take_out(member)
	end
	while used + size > most and turns < TURNS do
		turns = turns + 1
		local first = redis.call('ZRANGE', names, 0, 0)[1]
		if not first then
			used = 0
			break
		end
		redis.call('DEL', take_out(first))
	end
	return used, used + size <= most
end

-- As long as the longest of all.
local function note(used)
	local ms = math.max(redis.call('PTTL', names), math.ceil(ends / 1000))
	redis.call('PEXPIRE', names, ms)
	redis.call('SET', grave, used, 'PX', ms)
end

if op == 'put' then
	if expected ~= ANY and expected ~= version then
		return {0, version, '', h[6] or ''}
	elseif ends <= 0 then
		redis.call('DEL', key)
		return {1, math.max(now, version + 1)}
	end
	if names then
		local size, most = #bytes + AROUND, tonumber(ARGV[9])
		if size > most then
			return {0, version, '', h[6] or ''}
		end
		local used, is_room = make_room(size, most)
		if not is_room then
			redis.call('DEL', key)
			note(used)
			return {0}
		end
		redis.call('ZADD', names, now + ends, size .. ' ' .. key)
		note(used + size)
	end
	keep('v', bytes)
	return {1, math.max(now, version + 1)}
end

return {h[4] and 1 or 0, version, '', h[6] or ''}
