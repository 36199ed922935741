-- SPDX-License-Identifier: Apache-2.0
-- The counters of one group: rates, slots, budgets, asked all or nothing in one step.
--
-- KEYS: the attempt's record; the group's attempts by when they expire; a counter for each demand.
-- ARGV: op, id, ttl (us), fixed cost, fixed tokens, price of output, tokens each, output wanted,
-- output at least, ran, cost, tokens; then eight words for each demand. With one more key, of a value that
-- would answer the call, come the ids of the keys that open it (8 bytes each), and a span (ms): where it stands,
-- opens and has more than that left of its life, no budget is asked, and the answer ends in its bytes; with less
-- it answers nothing, and comes with what was granted.
-- Answer: 1 granted or done, 2 granted and answered, 0 refused, -1 the id is known already; which demand refused (from 0);
-- output, cost, tokens reserved; then for each demand its state, its wait (ns), and four numbers.
--
-- Numbers are doubles, exact below 2^53, and nothing here goes above: instants are microseconds,
-- spans nanoseconds (104 days), amounts nano-dollars (9 million dollars) and tokens; sums saturate.
-- Time is the server's. A rate is its debt at an instant, so a clock that is set back refills
-- nothing, and one that is set forward no more than the burst.

local MAX = 9007199254740991
local SPAN_MAX = 4503599627370496
local HEAD, WORDS = 12, 8
local KEEP_MS, KEEP_SPENT_MS, KEEP_CHARGED_MS, SLACK_MS = 60000, 600000, 86400000, 120000
local GRANTED, REFUSED, RESERVED, NEVER = 1, 2, 3, 4

local op, id = ARGV[1], ARGV[2]
local ttl = tonumber(ARGV[3])
local fixed_cost, fixed_tokens = tonumber(ARGV[4]), tonumber(ARGV[5])
local price, each = tonumber(ARGV[6]), tonumber(ARGV[7])
local wanted, least = tonumber(ARGV[8]), tonumber(ARGV[9])
local ran, used_cost, used_tokens = ARGV[10] == '1', tonumber(ARGV[11]), tonumber(ARGV[12])
local record, due = KEYS[1], KEYS[2]
local records = string.sub(record, 1, -#id - 1)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function add(a, b)
	return math.min(a + b, MAX)
end

local function less(a, b)
	return math.max(a - b, 0)
end

-- Whole, and exact: what is divided has no rest left.
local function divide(a, b)
	return (a - math.fmod(a, b)) / b
end

local demands = {}
local n_demands = math.floor((#ARGV - HEAD) / WORDS)
for i = 3, 2 + n_demands do
	local at = HEAD + (i - 3) * WORDS
	demands[i - 2] = {
		key = KEYS[i], kind = ARGV[at + 1], soft = ARGV[at + 2] == '1', by_tokens = ARGV[at + 3] == '1',
		a = tonumber(ARGV[at + 4]), b = tonumber(ARGV[at + 5]), c = tonumber(ARGV[at + 6]),
		d = tonumber(ARGV[at + 7]), e = tonumber(ARGV[at + 8]),
	}
end

-- What has been read, by key; written back at the end.
local rates, budgets = {}, {}

-- ---- rates: a = a unit, b = the burst, c = what is wanted (spans); d = the burst, e = wanted (units)

local function rate_of(key)
	local r = rates[key]
	if not r then
		local h = redis.call('HMGET', key, 'debt', 'at', 'served')
		local past = less(now, tonumber(h[2]) or now)
		r = {
			debt = less(tonumber(h[1]) or 0, math.min(past * 1000, MAX)),
			served = (tonumber(h[3]) or now) + past,
		}
		rates[key] = r
	end
	return r
end

local function rate_judge(d, r)
	local would = r.debt + d.c
	if d.e > d.d then
		return NEVER, 0
	elseif would <= d.b then
		return GRANTED, 0
	end
	return REFUSED, would - d.b
end

local function rate_take(r, span)
	r.debt = math.min(r.debt + span, SPAN_MAX)
	r.dirty = true
	return r.served + math.floor(r.debt / 1000)
end

-- But for what time has refilled since, which is told by how far the queue has been served.
local function rate_give(r, mark, span)
	local back = math.min(span, less(mark, r.served) * 1000, r.debt)
	r.debt = r.debt - back
	r.served = r.served + math.ceil(back / 1000)
	r.dirty = true
end

local function rate_left(d, r)
	if r.debt > d.b then
		return 0
	elseif r.debt == 0 or d.a == 0 then
		return d.d
	end
	return math.min(divide(d.b - r.debt, d.a), d.d)
end

-- ---- budgets: a = limit of cost, b = limit of tokens (-1: none), c = when it ends (s; -1: never)

local function budget_of(key)
	local b = budgets[key]
	if not b then
		local h = redis.call('HMGET', key, 'sc', 'rc', 'st', 'rt', 'n', 'next', 'last', 'ends')
		b = {}
		for i, name in ipairs({'sc', 'rc', 'st', 'rt', 'n', 'next', 'last', 'ends'}) do
			b[name] = tonumber(h[i]) or 0
		end
		budgets[key] = b
	end
	return b
end

local function budget_ends(b, ends)
	if b.ends ~= -1 and (ends == -1 or ends > b.ends) then
		b.ends = ends
	end
end

-- Tokens of output that cost may buy: rounded up to a nano-dollar, they still cost no more.
local function bought(cost)
	if price == 0 then
		return MAX
	end
	local rest = math.fmod(cost, price)
	local n = math.min((cost - rest) / price * 1000, MAX)
	if price <= MAX / 1000 then
		n = math.min(n + divide(rest * 1000, price), MAX)
	end
	return n
end

local function room(d, cost, tokens)
	local out = MAX
	if d.a >= 0 then
		if add(cost, fixed_cost) > d.a then
			return nil
		end
		out = bought(d.a - cost - fixed_cost)
	end
	if d.b >= 0 then
		if add(tokens, fixed_tokens) > d.b then
			return nil
		end
		if each > 0 then
			out = math.min(out, divide(d.b - tokens - fixed_tokens, each))
		end
	end
	return out
end

local function budget_judge(d, b, out)
	local want = math.min(least, wanted)
	local fits = room(d, add(b.sc, b.rc), add(b.st, b.rt))
	if fits and fits >= want then
		return GRANTED, 0, math.min(out, fits)
	end
	fits = room(d, b.sc, b.st)
	if fits and fits >= want then
		return RESERVED, less(b.next, now) * 1000, out
	end
	return REFUSED, 0, out
end

local function budget_reserve(b, cost, tokens, expires)
	b.rc, b.rt = add(b.rc, cost), add(b.rt, tokens)
	b.next = b.n > 0 and math.min(b.next, expires) or expires
	b.last = b.n > 0 and math.max(b.last, expires) or expires
	b.n = b.n + 1
	b.dirty = true
end

local function budget_release(b, cost, tokens, expires)
	b.rc, b.rt, b.n = less(b.rc, cost), less(b.rt, tokens), less(b.n, 1)
	if b.n == 0 then
		b.next, b.last = 0, 0
	elseif b.next == expires then
		b.next = b.last
	end
	b.dirty = true
end

local function budget_spend(b, cost, tokens)
	b.sc, b.st = add(b.sc, cost), add(b.st, tokens)
	b.dirty = true
end

-- ---- slots: a = the limit. Who has died gives his place back when it expires.

local function slot_judge(d)
	redis.call('ZREMRANGEBYSCORE', d.key, '-inf', now)
	return redis.call('ZCARD', d.key) < d.a and GRANTED or REFUSED
end

local function slot_take(key, expires)
	local left = redis.call('PTTL', key)
	local ms = math.ceil(ttl / 1000) + SLACK_MS
	redis.call('ZADD', key, expires, id)
	if left < ms then
		redis.call('PEXPIRE', key, ms)
	end
end

-- ---- records: state h (held), c (charged, for it expired), s (settled, or cancelled: its id is used up)

local function record_of(key)
	local h = redis.call('HMGET', key, 's', 'c', 't', 'e', 'k')
	if not h[1] then
		return nil
	end
	return {
		state = h[1], cost = tonumber(h[2]) or 0, tokens = tonumber(h[3]) or 0, expires = tonumber(h[4]) or 0,
		taken = h[5] and cmsgpack.unpack(h[5]) or {},
	}
end

local function record_write(cost, tokens, expires, taken)
	local ends = expires / 1000000
	for _, t in ipairs(taken) do
		if t.kind == 'b' then
			ends = (ends == -1 or t.ends == -1) and -1 or math.max(ends, t.ends)
		end
	end
	redis.call('HSET', record, 's', 'h', 'c', cost, 't', tokens, 'e', expires, 'k', cmsgpack.pack(taken))
	if ends ~= -1 then
		redis.call('PEXPIREAT', record, math.ceil(ends * 1000) + KEEP_CHARGED_MS)
	end
	redis.call('ZADD', due, expires, id)
end

-- Whoever has expired has died, and may have been sent: charged, not given back.
local function charge_expired()
	for _, dead in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 100)) do
		local key = records .. dead
		local r = record_of(key)
		if r and r.state == 'h' then
			for _, t in ipairs(r.taken) do
				if t.kind == 'b' then
					local b = budget_of(t.key)
					budget_ends(b, t.ends)
					budget_release(b, r.cost, r.tokens, r.expires)
					budget_spend(b, r.cost, r.tokens)
				end
			end
			redis.call('HSET', key, 's', 'c')
			redis.call('PEXPIRE', key, KEEP_CHARGED_MS)
		end
		redis.call('ZREM', due, dead)
	end
end

-- ---- an admission

local out, cost, tokens = wanted, 0, 0
local cached, found, spare = KEYS[3 + n_demands], nil, nil

-- Bytes that no key opens are none.
local function find_cached()
	local bytes = cached and redis.call('HGET', cached, 'v')
	if bytes and #bytes > 8 and string.find(ARGV[#ARGV - 1], string.sub(bytes, 1, 8), 1, true) then
		if redis.call('PTTL', cached) > tonumber(ARGV[#ARGV]) then
			found = bytes
		else
			spare = bytes
		end
	end
	cached = nil
	return found
end

local function judge(d)
	if d.kind == 'r' then
		d.state, d.wait = rate_judge(d, rate_of(d.key))
	elseif d.kind == 's' then
		d.state, d.wait = slot_judge(d), 0
	else
		local b, lowered = budget_of(d.key), nil
		if op == 'admit' then
			budget_ends(b, d.c)
		end
		d.state, d.wait, lowered = budget_judge(d, b, out)
		if not d.soft then
			out = lowered
		end
	end
	return d.state == GRANTED or d.soft
end

local function work_out_price()
	local rest = math.fmod(price, 1000)
	cost = add(fixed_cost, math.min(out * ((price - rest) / 1000), MAX))
	cost = add(cost, math.ceil(out * rest / 1000))
	tokens = add(fixed_tokens, math.min(out * each, MAX))
end

-- A counter that is named twice is taken from once.
local function take()
	local taken, seen, expires = {}, {}, now + ttl
	for _, d in ipairs(demands) do
		local t = {kind = d.kind, key = d.key}
		local is_taken = not seen[d.key] and (d.state == GRANTED or d.kind == 'b' and not found)
		if is_taken and d.kind == 'r' then
			t.mark, t.span = rate_take(rate_of(d.key), d.c), d.c
			t.unit, t.units, t.by_tokens = d.a, d.e, d.by_tokens
		elseif is_taken and d.kind == 's' then
			slot_take(d.key, expires)
		elseif is_taken then
			t.ends = d.c
			budget_ends(budget_of(d.key), d.c)
			budget_reserve(budget_of(d.key), cost, tokens, expires)
		end
		if is_taken then
			seen[d.key] = true
			taken[#taken + 1] = t
		end
	end
	record_write(cost, tokens, expires, taken)
end

local function rate_settle(t)
	local r = rate_of(t.key)
	if not ran then
		rate_give(r, t.mark, t.span)
	elseif t.by_tokens and used_tokens < t.units then
		rate_give(r, t.mark, math.min((t.units - used_tokens) * t.unit, SPAN_MAX))
	elseif t.by_tokens then
		rate_take(r, math.min((used_tokens - t.units) * t.unit, SPAN_MAX))
	end
end

local function budget_settle(t, r)
	local b = budget_of(t.key)
	budget_ends(b, t.ends)
	if r.state == 'h' then
		budget_release(b, r.cost, r.tokens, r.expires)
	else
		b.sc, b.st, b.dirty = less(b.sc, r.cost), less(b.st, r.tokens), true
	end
	if ran then
		budget_spend(b, used_cost, used_tokens)
	end
end

-- A fail-over has lost it: of what ran the cost is what counts.
local function settle_lost()
	local seen = {}
	for _, d in ipairs(demands) do
		if ran and d.kind == 'b' and not seen[d.key] then
			seen[d.key] = true
			budget_ends(budget_of(d.key), d.c)
			budget_spend(budget_of(d.key), used_cost, used_tokens)
		end
	end
end

-- Whether the same settlement once more would count twice.
local function has_budget()
	for _, d in ipairs(demands) do
		if d.kind == 'b' then
			return true
		end
	end
	return false
end

local function settle_known(r)
	for _, t in ipairs(r.taken) do
		if t.kind == 'r' and op == 'settle' then
			rate_settle(t)
		elseif t.kind == 's' then
			redis.call('ZREM', t.key, id)
		elseif t.kind == 'b' then
			budget_settle(t, r)
		end
	end
end

-- ---- writing back, and the answer

local function write_back()
	for key, r in pairs(rates) do
		if r.dirty then
			redis.call('HSET', key, 'debt', r.debt, 'at', now, 'served', r.served)
			local ms = math.ceil(r.debt / 1000000 + math.max(ttl, 0) / 1000) + SLACK_MS
			if redis.call('PTTL', key) < ms then
				redis.call('PEXPIRE', key, ms)
			end
		end
	end
	for key, b in pairs(budgets) do
		if b.dirty then
			redis.call('HSET', key, 'sc', b.sc, 'rc', b.rc, 'st', b.st, 'rt', b.rt, 'n', b.n,
				'next', b.next, 'last', b.last, 'ends', b.ends)
			if b.ends == -1 then
				redis.call('PERSIST', key)
			else
				local at = math.max(b.ends * 1000, math.ceil(b.last / 1000))
				redis.call('PEXPIREAT', key, at + SLACK_MS)
			end
		end
	end
end

local function answer(code, refused)
	local a = {code, refused, out, cost, tokens}
	for _, d in ipairs(demands) do
		local n = {0, 0, 0, 0}
		if d.state and d.kind == 'r' then
			local r = rate_of(d.key)
			n = {rate_left(d, r), r.debt, 0, 0}
		elseif d.state and d.kind == 'b' then
			local b = budget_of(d.key)
			n = {b.sc, b.rc, b.st, b.rt}
		end
		a[#a + 1], a[#a + 2] = d.state or 0, d.wait or 0
		for i = 1, 4 do
			a[#a + 1] = n[i]
		end
	end
	a[#a + 1] = found or refused == -1 and spare or nil
	return a
end

-- What a process that has died wrote down may have been said long ago, by itself or by one that read it before: of an id
-- that is not known any more nothing is.
if op == 'settle_owed' then
	local r = record_of(record)
	if not r or r.state == 's' then
		return {1}
	end
end

if op == 'settle' or op == 'settle_owed' then
	local r = record_of(record)
	if not r then
		settle_lost()
	elseif r.state ~= 's' then
		settle_known(r)
	end
	-- Of a slot that moves away, a key that is gone cannot be made anew: the script would break off here.
	redis.call('HSET', record, 's', 's')
	redis.call('HDEL', record, 'c', 't', 'e', 'k')
	redis.call('PEXPIRE', record, has_budget() and KEEP_SPENT_MS or KEEP_MS)
	redis.call('ZREM', due, id)
	write_back()
	return {1}
end

if op ~= 'look' and redis.call('EXISTS', record) == 1 then
	return {op == 'hold' and 1 or -1}
end

if op == 'hold' then
	cost, tokens = used_cost, used_tokens
	for _, d in ipairs(demands) do
		d.state = d.kind ~= 'r' and GRANTED or NEVER
	end
	take()
	write_back()
	return {1}
end

charge_expired()
local refused = -1
for i, d in ipairs(demands) do
	if d.kind == 'b' and op == 'admit' and find_cached() then
		break
	end
	if not judge(d) and op == 'admit' then
		refused = i - 1
		break
	end
end
if op == 'admit' and refused == -1 then
	if not found and not find_cached() then
		work_out_price()
	end
	take()
end
write_back()
return answer(refused == -1 and (found and 2 or 1) or 0, refused)
