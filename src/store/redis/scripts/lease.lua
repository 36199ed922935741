-- SPDX-License-Identifier: Apache-2.0
-- What a group has leased of a budget that all share, beside its counters: returned, or said again after a fail-over.
--
-- KEYS: the lease (see counters.lua).
-- ARGV: numbers as doubles: whether it is said again; when it was born, cost granted and tokens, returned, spent; cost and
-- tokens to keep of what is free; when it ends (s; -1: never); what is known to be spent and in use (-1: whatever that is):
-- of a lease that is like that, and used by others therefore no more than here, what is free is returned.
-- Answer: cost spent and reserved, tokens spent and reserved, cost granted and tokens, returned, when it was born, when it
-- was like this; all 0: there is none.
--
-- What is granted and returned grows as long as the lease lives: before numbers stop being exact it is born anew. What it
-- stands for then counts as spent in the pool, so it is done when that is nothing if it can be.

local SC, RC, ST, RT, N, LAST, ENDS = 1, 2, 3, 4, 5, 7, 8
local GRANTED, GRANTED_T, RETURNED, RETURNED_T, BORN = 9, 10, 11, 12, 13
local MAX, SLACK_MS = 9007199254740991, 120000
local OLD = 4503599627370496

local max, ceil, FORMAT = math.max, math.ceil, '<ddddddddddddddd'
local again, born, granted, granted_t, returned, returned_t, spent, spent_t, keep, keep_t, ends, known, known_t =
	struct.unpack('<ddddddddddddd', ARGV[1])
local was = redis.call('GET', KEYS[1])
local l = was and {struct.unpack(FORMAT, was)}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local has_ended = false

local function returns()
	-- What the pool has granted may have been lost on the way here.
	l[GRANTED], l[GRANTED_T] = max(l[GRANTED], granted), max(l[GRANTED_T], granted_t)
	local free = max(l[GRANTED] - l[RETURNED] - l[SC] - l[RC] - keep, 0)
	local free_t = max(l[GRANTED_T] - l[RETURNED_T] - l[ST] - l[RT] - keep_t, 0)
	local is_known = l[SC] + l[RC] == known and l[ST] + l[RT] == known_t
	-- Whoever asks has told the pool what it knows to be returned.
	local is_told = l[RETURNED] == returned and l[RETURNED_T] == returned_t
	local most, is_bare = max(l[GRANTED], l[GRANTED_T]), is_known and is_told and free + free_t == 0
	if is_known or known < 0 then
		l[RETURNED], l[RETURNED_T] = l[RETURNED] + free, l[RETURNED_T] + free_t
	end
	if is_bare and most > OLD and l[RC] + l[RT] + l[N] == 0 then
		has_ended = true
	elseif most > 1.9 * OLD or is_bare and most > 1.5 * OLD then
		l[SC], l[ST], l[RETURNED], l[RETURNED_T] = 0, 0, 0, 0
		l[GRANTED], l[GRANTED_T], l[BORN] = l[RC], l[RT], max(now, l[BORN] + 1)
	end
end

-- One that is not there, or was born since, is not brought back: who says it need not know all that was spent of it. The pool
-- counts it as spent, and what was settled lately and is said again too: over, never under (tests/model/lease.pml).
if again == 1 and l and l[BORN] == born then
	l[GRANTED], l[GRANTED_T] = max(l[GRANTED], granted), max(l[GRANTED_T], granted_t)
	l[RETURNED], l[RETURNED_T] = max(l[RETURNED], returned), max(l[RETURNED_T], returned_t)
	l[SC], l[ST] = max(l[SC], spent), max(l[ST], spent_t)
elseif again == 0 and l and l[BORN] == born then
	returns()
end
if has_ended then
	redis.call('DEL', KEYS[1])
end
if not l or has_ended then
	return struct.pack('<dddddddddd', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
end
if l[ENDS] == -1 then
	redis.call('SET', KEYS[1], struct.pack(FORMAT, unpack(l, 1, 15)))
else
	local ms = max(l[ENDS] * 1000, l[LAST] / 1000) + SLACK_MS - time[1] * 1000
	redis.call('SET', KEYS[1], struct.pack(FORMAT, unpack(l, 1, 15)), 'PX', max(ceil(ms), 1))
end
l[BORN + 1] = now
return struct.pack('<dddddddddd', l[SC], l[RC], l[ST], l[RT], unpack(l, GRANTED, BORN + 1))
