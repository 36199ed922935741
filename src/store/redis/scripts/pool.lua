-- SPDX-License-Identifier: Apache-2.0
-- A budget that all groups share: what each of them has leased of it stands here as reserved until it says that it has spent
-- or returned it. What a group was granted and what it has returned only grow, so that whoever says what it knows of them,
-- however often and late, changes nothing but what was not known yet. A lease that was born anew had been lost: what it
-- stood for counts as spent.
--
-- KEYS: the budget (see counters.lua); by group what is leased.
-- ARGV: numbers as doubles: whether something is wanted; of the lease when it was born, when it was like this, cost granted
-- and tokens, returned, spent, in use; wanted cost and tokens, the least that helps; limits (-1: none), when it ends (s; -1: never), whether it is
-- granted whatever the limit. Then the group.
-- Answer: state (1 granted, 2 refused, 3 others hold it, 0 the lease is older than one that is known), whether all that was
-- wanted is granted; granted cost and tokens; of the budget cost spent and reserved, tokens spent and reserved.

local GRANTED, REFUSED, RESERVED = 1, 2, 3
local SLACK_MS = 120000
local SC, RC, ST, RT, ENDS, LAST = 1, 2, 3, 4, 8, 7
local BORN, COST, TOKENS, AT = 1, 2, 3, 8

local call, max, min, floor, ceil = redis.call, math.max, math.min, math.floor, math.ceil
local asks, born, at_that, granted, granted_t, returned, returned_t, spent, spent_t, used, used_t, want, want_t, least, least_t,
	limit, limit_t, ends, soft = struct.unpack('<ddddddddddddddddddd', ARGV[1])
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
local was, leased = call('GET', KEYS[1]), call('HGET', KEYS[2], ARGV[2])
local b = was and {struct.unpack('<dddddddd', was)} or {0, 0, 0, 0, 0, 0, 0, 0}
-- When it was born; then of cost and of tokens each granted, returned, spent; when it had spent that.
local l = leased and {struct.unpack('<dddddddd', leased)} or {born, 0, 0, 0, 0, 0, 0, 0}

local function stands_for(at)
	return max(l[at] - l[at + 2] - l[at + 4], 0)
end

if born < l[BORN] then
	return struct.pack('<dddddddd', 0, 0, 0, 0, b[SC], b[RC], b[ST], b[RT])
end
if born > l[BORN] then
	for at = COST, TOKENS do
		local sum, lost = at == COST and SC or ST, stands_for(at)
		b[sum], b[sum + 1] = b[sum] + lost, max(b[sum + 1] - lost, 0)
	end
	l = {born, 0, 0, 0, 0, 0, 0, 0}
end

-- What others were granted of the same lease since it was looked at is theirs: whoever comes second gets what he needs.
local is_first = l[COST] <= granted and l[TOKENS] <= granted_t

local function beyond(at)
	return max(l[at + 4] + l[at + 2] - l[at], 0)
end

local function hear(at, sum, granted_now, returned_now, spent_now)
	local before = stands_for(at)
	b[sum] = max(b[sum] + spent_now - l[at + 4], 0)
	l[at], l[at + 2], l[at + 4] = max(l[at], granted_now), max(l[at + 2], returned_now), spent_now
	b[sum + 1] = max(b[sum + 1] + stands_for(at) - before, 0)
end

if at_that < l[AT] then
	spent, spent_t = l[6], l[7]
end
l[AT] = max(l[AT], at_that)
hear(COST, SC, granted, returned, spent)
hear(TOKENS, ST, granted_t, returned_t, spent_t)

local state, is_whole = GRANTED, 1

-- In chunks of 1% of the rest, or what is needed. free: what the lease had left; less than nothing: it is overdrawn. known:
-- what was spent beyond what it was granted, which in_use has already.
local function grant(most, in_use, all, fewest, free, known)
	local rest = most - in_use
	local share = is_first and floor(rest / 100) or 0
	local give = max(all + max(-free, 0), share)
	if most < 0 then
		return 0
	elseif give - known <= rest then
		return give
	end
	is_whole = 0
	return rest + free + known >= fewest and max(rest, 0) + known or nil
end

if asks == 1 then
	local free, free_t = granted - returned - used, granted_t - returned_t - used_t
	local cost = grant(limit, b[SC] + b[RC], want, least, free, beyond(COST))
	local tokens = grant(limit_t, b[ST] + b[RT], want_t, least_t, free_t, beyond(TOKENS))
	if not (cost and tokens) then
		local fits = (limit < 0 or b[SC] + least <= limit) and (limit_t < 0 or b[ST] + least_t <= limit_t)
		state = fits and RESERVED or REFUSED
		cost = soft == 1 and limit >= 0 and want + max(-free, 0) or 0
		tokens = soft == 1 and limit_t >= 0 and want_t + max(-free_t, 0) or 0
	end
	hear(COST, SC, l[COST] + cost, 0, spent)
	hear(TOKENS, ST, l[TOKENS] + tokens, 0, spent_t)
end

if b[ENDS] ~= -1 and (ends == -1 or ends > b[ENDS]) then
	b[ENDS] = ends
end
call('HSET', KEYS[2], ARGV[2], struct.pack('<dddddddd', unpack(l, 1, 8)))
if b[ENDS] == -1 then
	call('SET', KEYS[1], struct.pack('<dddddddd', unpack(b, 1, 8)))
	call('PERSIST', KEYS[2])
else
	local ms = max(ceil(max(b[ENDS] * 1000, b[LAST] / 1000) + SLACK_MS - now), 1)
	call('SET', KEYS[1], struct.pack('<dddddddd', unpack(b, 1, 8)), 'PX', ms)
	call('PEXPIRE', KEYS[2], ms)
end
return struct.pack('<dddddddd', state, is_whole, l[COST], l[TOKENS], b[SC], b[RC], b[ST], b[RT])
