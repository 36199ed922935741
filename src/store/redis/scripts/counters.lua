-- SPDX-License-Identifier: Apache-2.0
-- The counters of one group: rates, slots, budgets, asked all or nothing in one step.
--
-- KEYS: the attempt's record; each counter once; with budgets the group's attempts by when they expire; with a value that
-- would answer the call, that value.
-- ARGV: numbers as doubles (little-endian), of the question and then of each demand; with a value, the ids of the keys that
-- open it (8 bytes each), and a span (ms): where it stands, opens and has more than that left of its life, no budget is asked,
-- and it follows the answer; with less it answers nothing, and follows what was granted.
-- Answer, of doubles too: 1 granted or done, 2 granted and answered, 0 refused, 3 it lacks a lease, -1 the id is known already;
-- which demand refused (from 0); output, cost, tokens reserved; then for each demand its state, its wait (ns), and four
-- numbers; then of each lease cost granted and tokens, returned, when it was born, when it was like this. Of a settlement: 1,
-- and of each lease those after cost spent and reserved, tokens spent and reserved.
--
-- Numbers are exact below 2^53, and nothing here goes above: instants are microseconds, spans nanoseconds (104 days),
-- amounts nano-dollars (9 million dollars) and tokens; sums saturate. Time is the server's. A rate is its debt at an
-- instant, so a clock that is set back refills nothing, and one that is set forward no more than the burst.
--
-- What takes time here are calls, functions that are made and tables that grow: all is read by one call, each counter
-- written by one, and tables are made as large as they become. Rates are four doubles (debt, at, served, kept until), budgets
-- eight (below), records packed (below), slots sets of ids by when they expire.
--
-- A lease is a budget whose limit is what pool.lua has granted this group of one that all share, less what it has returned.
-- What was granted only grows, so it may be said any number of times.

local ADMIT, SETTLE, HOLD, OWED = 1, 2, 3, 5
local RATE, SLOT, BUDGET, LEASE = 1, 2, 3, 4
local GRANTED, REFUSED, RESERVED, NEVER, CROWDED, LACKS = 1, 2, 3, 4, 5, 6
local MAX, SPAN_MAX = 9007199254740991, 4503599627370496
local KEEP_MS, KEEP_SPENT_MS, KEEP_CHARGED_MS, SLACK_MS = 60000, 600000, 86400000, 120000
local HEAD, DEMAND = 112, 80
-- Of a budget: cost spent and reserved, tokens spent and reserved, reservations, before when none of them expires, when the
-- last one does, when it ends (s; -1: never). Then, not written: when it ended as it was read, whether it has changed, and whether
-- it is one of as many as there are ids.
local SC, RC, ST, RT, N, NEXT, LAST, ENDS, ENDED, DIRTY, OF_ID = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
-- Of a lease also: cost granted and tokens, returned, when it was born, the limits that it was granted under.
local HAS, HAS_T, GAVE, GAVE_T, BORN, UNDER, UNDER_T = 12, 13, 14, 15, 16, 17, 18

local call, min, max, floor, ceil, fmod = redis.call, math.min, math.max, math.floor, math.ceil, math.fmod
local read, write = struct.unpack, struct.pack
local words = ARGV[1]
local op, n, id_len, ttl, fixed_cost, fixed_tokens, price, each, wanted, least, ran, used_cost, used_tokens, ids_max =
	read('<dddddddddddddd', words)
local record = KEYS[1]
local id = string.sub(record, -id_len)
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local values = call('MGET', unpack(KEYS))

-- ---- rates: a = a unit, b = the burst, c = what is wanted (spans); d = the burst, e = wanted (units)

local counters = {0, 0, 0, 0, 0, 0, 0, 0}

local function rate_of(key)
	local r = counters[key]
	if not r or r == 0 then
		local debt, served, till = 0, now, 0
		if values[key] then
			local was, at, upto, keep = read('<dddd', values[key])
			local past = max(now - at, 0)
			debt, served, till = max(was - past * 1000, 0), upto + past, keep
		end
		r = {debt = debt, served = served, till = till, dirty = false}
		counters[key] = r
	end
	return r
end

-- ---- budgets: a = limit of cost, b = limit of tokens (-1: none), c = 1: of an id, d = when it ends (s; -1: never)

local function budget_of(key)
	local b = counters[key]
	if not b or b == 0 then
		local sc, rc, st, rt, n_held, next, last, ends = 0, 0, 0, 0, 0, 0, 0, 0
		if values[key] then
			sc, rc, st, rt, n_held, next, last, ends = read('<dddddddd', values[key])
		end
		b = {sc, rc, st, rt, n_held, next, last, ends, ends, false, false}
		if values[key] and #values[key] > 64 then
			b[HAS], b[HAS_T], b[GAVE], b[GAVE_T], b[BORN], b[UNDER], b[UNDER_T] = read('<ddddddd', values[key], 65)
		end
		counters[key] = b
	end
	return b
end

local function budget_ends(b, ends)
	if b[ENDS] ~= -1 and (ends == -1 or ends > b[ENDS]) then
		b[ENDS] = ends
	end
end

-- Whichever expires next is not before the one that goes.
local function budget_release(b, cost, tokens)
	b[RC], b[RT], b[N] = max(b[RC] - cost, 0), max(b[RT] - tokens, 0), max(b[N] - 1, 0)
	if b[N] == 0 then
		b[NEXT], b[LAST] = 0, 0
	end
	b[DIRTY] = true
end

local function budget_spend(b, cost, tokens)
	b[SC], b[ST] = min(b[SC] + cost, MAX), min(b[ST] + tokens, MAX)
	b[DIRTY] = true
end

local function lease_begin(b, limit, limit_t)
	if not b[HAS] then
		b[HAS], b[HAS_T], b[GAVE], b[GAVE_T], b[BORN], b[UNDER], b[UNDER_T] = 0, 0, 0, 0, now, limit, limit_t
		b[DIRTY] = true
	end
end

local function say_leases(settles)
	local said = ''
	for i = 1, n do
		local kind, key = read('<dd', words, HEAD + (i - 1) * DEMAND + 1)
		local b = kind == LEASE and (counters[key] ~= 0 and counters[key] or values[key] and budget_of(key))
		if b and settles then
			said = said .. write('<dddd', b[SC], b[RC], b[ST], b[RT])
		elseif kind == LEASE and settles then
			said = said .. write('<dddd', 0, 0, 0, 0)
		end
		if b and b[HAS] then
			said = said .. write('<dddddd', b[HAS], b[HAS_T], b[GAVE], b[GAVE_T], b[BORN], now)
		elseif kind == LEASE then
			said = said .. write('<dddddd', 0, 0, 0, 0, 0, 0)
		end
	end
	return said
end

-- ---- how many counters of ids a group has: by the hour in which they end, so that none is counted for ever

local prefix = string.sub(record, 1, -id_len - 3)
local live

local function is_crowded()
	if not live then
		local hours, this, past = call('HGETALL', prefix .. 'n'), floor(now / 3600000000), {}
		live = 0
		for i = 1, #hours, 2 do
			if hours[i] == 'never' or tonumber(hours[i]) >= this then
				live = live + hours[i + 1]
			else
				past[#past + 1] = hours[i]
			end
		end
		if past[1] then
			call('HDEL', prefix .. 'n', unpack(past))
		end
	end
	return live >= ids_max
end

local function count_live(key, b)
	local function hour_of(ends)
		return ends == -1 and 'never' or string.format('%.0f', floor((ends - 1) / 3600))
	end
	local was, is = hour_of(b[ENDED]), hour_of(b[ENDS])
	if values[key] and was == is then
		return
	end
	local names, left = prefix .. 'n', 0
	call('HINCRBY', names, is, 1)
	if values[key] then
		call('HINCRBY', names, was, -1)
	end
	left = call('PTTL', names)
	if b[ENDS] == -1 then
		call('PERSIST', names)
	elseif call('HEXISTS', names, 'never') == 0 and (left == -1 or left < b[ENDS] * 1000 + 3600000 - now / 1000) then
		call('PEXPIRE', names, max(ceil(b[ENDS] * 1000 + 7200000 - now / 1000), SLACK_MS))
	end
end

-- ---- writing back

local function budget_write(key, name, b)
	local packed = write('<dddddddd', b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8])
	if b[HAS] then
		packed = packed .. write('<ddddddd', unpack(b, HAS, UNDER_T))
	elseif b[OF_ID] and (b[ENDED] ~= b[ENDS] or not values[key]) then
		count_live(key, b)
	end
	if b[ENDS] == -1 then
		call('SET', name, packed)
	else
		local till = max(b[ENDS] * 1000, b[LAST] / 1000) + SLACK_MS
		call('SET', name, packed, 'PX', max(ceil(till - now / 1000), 1))
	end
end

local others -- budgets of those who have expired, by name

local function write_back()
	for key = 2, #KEYS do
		local c = counters[key]
		if c and c ~= 0 then
			if c[DIRTY] then
				budget_write(key, KEYS[key], c)
			elseif c.dirty then
				c.till = max(c.till, now + ceil(c.debt / 1000) + ttl + SLACK_MS * 1000)
				call('SET', KEYS[key], write('<dddd', c.debt, now, c.served, c.till), 'PX', ceil((c.till - now) / 1000))
			end
		end
	end
	for name, b in pairs(others or {}) do
		budget_write(name, name, b)
	end
end

-- ---- records: "s": settled, or cancelled, its id is used up. Else packed: whether it was charged (for it expired), cost,
-- tokens, when it expires, of each demand what it took (a double: a rate its mark, else 1; 0: nothing), then the names of the
-- budgets and slots that it took, each budget's with when it ends.

-- The budgets that an attempt took from may be others than those that are asked about.
local function budget_named(name)
	for key = 2, #KEYS do
		if KEYS[key] == name then
			return budget_of(key)
		end
	end
	if not counters[name] then
		values[name] = call('GET', name)
		others = others or {}
		others[name] = budget_of(name)
	end
	return counters[name]
end

-- What a process that has died wrote down may have been said long ago, by itself or by one that read it before, and so may
-- what is said again: of an id that is not known any more nothing is.
if op == OWED then
	local r = values[1] and values[1] ~= 's' and {cmsgpack.unpack(values[1])} or {}
	for at = 6, #r, 2 do
		if r[at + 1] then
			local b = budget_named(r[at])
			budget_ends(b, r[at + 1])
			if r[1] then
				b[SC], b[ST], b[DIRTY] = max(b[SC] - r[2], 0), max(b[ST] - r[3], 0), true
			else
				budget_release(b, r[2], r[3])
			end
			if ran == 1 then
				budget_spend(b, used_cost, used_tokens)
			end
		else
			call('ZREM', r[at], id)
		end
	end
	if r[1] ~= nil then
		call('SET', record, 's', 'PX', KEEP_SPENT_MS)
		call('ZREM', prefix .. 'due', id)
		write_back()
	end
	return write('<d', 1)
end

if op == SETTLE then
	local known, was_charged, was_cost, was_tokens, _, marks = values[1] and values[1] ~= 's', false, 0, 0, 0, nil
	if known then
		was_charged, was_cost, was_tokens, _, marks = cmsgpack.unpack(values[1])
	end
	local seen, has_budget, has_leases = {0, 0, 0, 0, 0, 0, 0, 0}, false, false

	-- But for what time has refilled since, which is told by how far the queue has been served.
	local function rate_give(r, mark, span)
		local back = min(span, max(mark - r.served, 0) * 1000, r.debt)
		r.debt, r.served, r.dirty = r.debt - back, r.served + ceil(back / 1000), true
	end

	for i = 1, n do
		local kind, key, _, by_tokens, unit, limit_t, span, ends, units = read('<ddddddddd', words, HEAD + (i - 1) * DEMAND + 1)
		local took = known and read('<d', marks, i * 8 - 7)
		took = took and took > 0 and took
		if kind >= BUDGET then
			-- What has been spent of a lease that was said again has been said with it.
			local is_said = kind == LEASE and by_tokens == 1
			local b = (took or not values[1] and ran == 1 and seen[key] ~= 1 and not is_said) and budget_of(key)
			has_budget, has_leases = true, has_leases or kind == LEASE
			if b then
				seen[key] = 1
				if kind == LEASE then
					lease_begin(b, unit, limit_t)
				end
				b[OF_ID] = kind == BUDGET and span == 1
				budget_ends(b, ends)
				if took and was_charged and not is_said then
					b[SC], b[ST], b[DIRTY] = max(b[SC] - was_cost, 0), max(b[ST] - was_tokens, 0), true
				elseif took and not was_charged then
					budget_release(b, was_cost, was_tokens)
				end
				-- Of what ran and a fail-over has lost the cost is what counts.
				if ran == 1 and not is_said then
					budget_spend(b, used_cost, used_tokens)
				end
			end
		elseif took and kind == SLOT then
			call('ZREM', KEYS[key], id)
		elseif took then
			if ran ~= 1 then
				rate_give(rate_of(key), took, span)
			elseif by_tokens == 1 and used_tokens < units then
				rate_give(rate_of(key), took, min((units - used_tokens) * unit, SPAN_MAX))
			elseif by_tokens == 1 and used_tokens > units then
				local r = rate_of(key)
				r.debt, r.dirty = min(r.debt + min((used_tokens - units) * unit, SPAN_MAX), SPAN_MAX), true
			end
		end
	end
	-- Of a slot that moves away, a key that is gone cannot be made anew: the script would break off here.
	call('SET', record, 's', 'PX', has_budget and KEEP_SPENT_MS or KEEP_MS)
	if has_budget and known then
		call('ZREM', prefix .. 'due', id)
	end
	write_back()
	return has_leases and write('<d', 1) .. say_leases(true) or write('<d', 1)
end

if values[1] and (op == ADMIT or op == HOLD) then
	return write('<d', op == HOLD and 1 or -1)
end

-- Whoever has expired has died, and may have been sent: charged, not given back. All is read before anything is written.
local function charge_expired()
	local due = prefix .. 'due'
	local dead = call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 100)
	if dead[1] then
		local names = {}
		for i, d in ipairs(dead) do
			names[i] = prefix .. 'i:' .. d
		end
		for i, packed in ipairs(call('MGET', unpack(names))) do
			local r = packed and packed ~= 's' and {cmsgpack.unpack(packed)} or {true}
			for at = 6, r[1] and 0 or #r, 2 do
				local b = r[at + 1] and budget_named(r[at])
				if b then
					budget_ends(b, r[at + 1])
					budget_release(b, r[2], r[3])
					budget_spend(b, r[2], r[3])
				end
			end
			if not r[1] then
				r[1] = true
				call('SET', names[i], cmsgpack.pack(unpack(r)), 'PX', KEEP_CHARGED_MS)
			end
		end
		call('ZREM', due, unpack(dead))
	end
	return tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]) or 0
end

-- ---- an admission

local out, cost, tokens = wanted, 0, 0
local cached, found, spare = ARGV[2] and KEYS[#KEYS], nil, nil

-- Bytes that no key opens are none.
local function find_cached()
	local bytes = cached and call('HGET', cached, 'v')
	if bytes and #bytes > 8 and string.find(ARGV[2], string.sub(bytes, 1, 8), 1, true) then
		if call('PTTL', cached) > tonumber(ARGV[3]) then
			found = bytes
		else
			spare = bytes
		end
	end
	cached = nil
	return found
end

-- Tokens of output that have room; -1: not even what is fixed has. What a sum buys still costs no more when it is rounded up
-- to a nano-dollar. Whole, and exact: what is divided has no rest left.
local function room(limit_cost, limit_tokens, c, t)
	local fits = MAX
	if limit_cost >= 0 then
		if c + fixed_cost > limit_cost then
			return -1
		elseif price > 0 then
			local sum = limit_cost - c - fixed_cost
			local rest = fmod(sum, price)
			fits = min((sum - rest) / price * 1000, MAX)
			if price <= 9007199254740 then
				rest = rest * 1000
				fits = min(fits + (rest - fmod(rest, price)) / price, MAX)
			end
		end
	end
	if limit_tokens >= 0 then
		local left = limit_tokens - t - fixed_tokens
		if left < 0 then
			return -1
		elseif each > 0 then
			fits = min(fits, (left - fmod(left, each)) / each)
		end
	end
	return fits
end

local demands, states, waits = {0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}
local refused, next_due, lacks, has_leases = -1, nil, false, false
for i = 1, n do
	local kind, key, soft, is_last, a, b, c, d, e, f = read('<dddddddddd', words, HEAD + (i - 1) * DEMAND + 1)
	local state, wait = 0, 0
	if op == HOLD then
		state = kind == RATE and NEVER or GRANTED
	elseif refused >= 0 or found or kind >= BUDGET and op == ADMIT and find_cached() then
		state = 0
	elseif kind == RATE then
		local would = rate_of(key).debt + c
		state = e > d and NEVER or would <= b and GRANTED or REFUSED
		wait = state == REFUSED and would - b or 0
	elseif kind == SLOT then
		call('ZREMRANGEBYSCORE', KEYS[key], '-inf', now)
		state = call('ZCARD', KEYS[key]) < a and GRANTED or REFUSED
	elseif kind >= BUDGET and op == ADMIT and d ~= -1 and d * 1000 + SLACK_MS <= now / 1000 then
		state = REFUSED -- it is forgotten at once: who names it has a clock that is late
	elseif kind == BUDGET and c == 1 and op == ADMIT and not values[key] and is_crowded() then
		state = CROWDED
	else
		local u = budget_of(key)
		if u[NEXT] > 0 and u[NEXT] <= now then
			next_due = next_due or max(charge_expired(), now + 1)
			if u[N] > 0 then
				u[NEXT], u[DIRTY] = next_due, true
			end
		end
		if op == ADMIT then
			budget_ends(u, d)
		end
		u[OF_ID] = kind == BUDGET and c == 1
		local want = max(min(least, wanted), 0)
		if kind == LEASE then
			lease_begin(u, a, b)
			if f == u[BORN] then
				u[HAS], u[HAS_T], u[UNDER], u[UNDER_T], u[DIRTY] = max(u[HAS], c), max(u[HAS_T], e), a, b, true
			end
			-- A limit has been lowered: what is free was granted under another.
			if a >= 0 and a < u[UNDER] or b >= 0 and b < u[UNDER_T] then
				u[GAVE] = u[GAVE] + max(u[HAS] - u[GAVE] - u[SC] - u[RC], 0)
				u[GAVE_T] = u[GAVE_T] + max(u[HAS_T] - u[GAVE_T] - u[ST] - u[RT], 0)
				u[UNDER], u[UNDER_T], u[DIRTY] = a, b, true
			end
			a, b = a >= 0 and u[HAS] - u[GAVE] or -1, b >= 0 and u[HAS_T] - u[GAVE_T] or -1
		end
		local fits = room(a, b, u[SC] + u[RC], u[ST] + u[RT])
		if kind == LEASE and is_last ~= 1 and fits < out then
			state, lacks = LACKS, true
		elseif fits >= want then
			state = GRANTED
			out = soft == 1 and out or min(out, fits)
		elseif room(a, b, u[SC], u[ST]) >= want then
			local next = tonumber(call('ZRANGE', prefix .. 'due', 0, 0, 'WITHSCORES')[2]) or now
			state, wait = RESERVED, max(max(u[NEXT], next) - now, 0) * 1000
		else
			state = REFUSED
		end
	end
	if op == ADMIT and state ~= GRANTED and state > 0 and state ~= LACKS and soft == 0 then
		refused = i - 1
	end
	has_leases = has_leases or kind == LEASE
	demands[i], states[i], waits[i] = {kind, key, a, b, c, d}, state, wait
end

if op == HOLD then
	cost, tokens = used_cost, used_tokens
elseif op == ADMIT and refused < 0 and not lacks and not found and not find_cached() then
	local rest = fmod(price, 1000)
	cost = min(fixed_cost + min(out * ((price - rest) / 1000), MAX), MAX)
	cost = min(cost + ceil(out * rest / 1000), MAX)
	tokens = min(fixed_tokens + min(out * each, MAX), MAX)
end

-- A counter that is named twice is taken from once.
if op == HOLD or op == ADMIT and refused < 0 and not lacks then
	local marks, seen = {0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}
	local expires, names, ends, has_budget = now + ttl, '', (now + ttl) / 1000000, false
	for i = 1, n do
		local kind, key, took, d = demands[i][1], demands[i][2], 0, demands[i][6]
		if seen[key] == 1 then
			took = 0
		elseif kind == RATE and states[i] == GRANTED then
			local r = rate_of(key)
			r.debt, r.dirty = min(r.debt + demands[i][5], SPAN_MAX), true
			took = r.served + floor(r.debt / 1000)
		elseif kind == SLOT and states[i] == GRANTED then
			local ms = ceil(ttl / 1000) + SLACK_MS
			call('ZADD', KEYS[key], expires, id)
			if call('PTTL', KEYS[key]) < ms then
				call('PEXPIRE', KEYS[key], ms)
			end
			names, took = names .. cmsgpack.pack(KEYS[key], false), 1
		elseif kind >= BUDGET and not found and states[i] ~= CROWDED then
			local b = budget_of(key)
			if kind == LEASE then
				lease_begin(b, demands[i][3], demands[i][4])
			end
			b[OF_ID] = kind == BUDGET and demands[i][5] == 1
			budget_ends(b, d)
			b[RC], b[RT], b[N] = min(b[RC] + cost, MAX), min(b[RT] + tokens, MAX), b[N] + 1
			b[NEXT], b[LAST] = b[NEXT] > 0 and min(b[NEXT], expires) or expires, max(b[LAST], expires)
			b[DIRTY], took, has_budget = true, 1, true
			names = names .. cmsgpack.pack(KEYS[key], d)
			ends = (ends == -1 or d == -1) and -1 or max(ends, d)
		end
		marks[i] = took
		if took > 0 then
			seen[key] = 1
		end
	end
	local packed = cmsgpack.pack(false, cost, tokens, expires, write('<' .. string.rep('d', n), unpack(marks, 1, n))) .. names
	if ends == -1 then
		call('SET', record, packed)
	else
		call('SET', record, packed, 'PX', ceil(ends * 1000 - now / 1000) + KEEP_CHARGED_MS)
	end
	if has_budget then
		call('ZADD', prefix .. 'due', expires, id)
	end
end
write_back()

local code = refused >= 0 and 0 or lacks and 3 or found and 2 or 1
local answer = write('<ddddd', code, refused, out, cost, tokens)
for i = 1, n do
	local d, n1, n2, n3, n4 = demands[i], 0, 0, 0, 0
	if d[1] == RATE and states[i] > 0 then
		n2 = rate_of(d[2]).debt
		local left = d[4] - n2
		if left >= 0 then
			n1 = (n2 == 0 or d[3] == 0) and d[6] or min((left - fmod(left, d[3])) / d[3], d[6])
		end
	elseif d[1] >= BUDGET and states[i] > 0 and states[i] ~= CROWDED then
		local b = budget_of(d[2])
		n1, n2, n3, n4 = b[SC], b[RC], b[ST], b[RT]
	end
	answer = answer .. write('<dddddd', states[i], waits[i], n1, n2, n3, n4)
end
answer = has_leases and answer .. say_leases(false) or answer
found = found or refused < 0 and not lacks and spare
return found and {answer, found} or answer
