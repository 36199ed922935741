-- SPDX-License-Identifier: Apache-2.0
-- What a group has leased of a budget that all share, beside its counters: returned, or said again after a fail-over.
--
-- KEYS: the lease (see counters.lua).
-- ARGV: numbers as doubles: whether it is said again; when it was born, cost granted and tokens, returned, spent; cost and
-- tokens to keep of what is free; when it ends (s; -1: never).
-- Answer: cost spent and reserved, tokens spent and reserved, cost granted and tokens, returned, when it was born, when it
-- was like this; all 0: there is none.

local SC, RC, ST, RT, LAST, ENDS = 1, 2, 3, 4, 7, 8
local GRANTED, GRANTED_T, RETURNED, RETURNED_T, BORN = 9, 10, 11, 12, 13
local MAX, SLACK_MS = 9007199254740991, 120000

local max, ceil, FORMAT = math.max, math.ceil, '<ddddddddddddddd'
local again, born, granted, granted_t, returned, returned_t, spent, spent_t, keep, keep_t, ends =
	struct.unpack('<ddddddddddd', ARGV[1])
local was = redis.call('GET', KEYS[1])
local l = was and {struct.unpack(FORMAT, was)}

if again == 1 and not l then
	-- Under which limits it was granted is not known: the next one who asks returns what is free.
	l = {spent, 0, spent_t, 0, 0, 0, 0, ends, granted, granted_t, returned, returned_t, born, MAX, MAX}
elseif again == 1 and l[GRANTED] + l[GRANTED_T] == 0 then
	l[GRANTED], l[GRANTED_T], l[RETURNED], l[RETURNED_T], l[BORN] = granted, granted_t, returned, returned_t, born
	l[SC], l[ST] = max(l[SC], spent), max(l[ST], spent_t)
elseif again == 1 and l[BORN] == born then
	l[GRANTED], l[GRANTED_T] = max(l[GRANTED], granted), max(l[GRANTED_T], granted_t)
	l[RETURNED], l[RETURNED_T] = max(l[RETURNED], returned), max(l[RETURNED_T], returned_t)
	l[SC], l[ST] = max(l[SC], spent), max(l[ST], spent_t)
elseif again == 0 and l and l[BORN] == born then
	-- What the pool has granted may have been lost on the way here.
	l[GRANTED], l[GRANTED_T] = max(l[GRANTED], granted), max(l[GRANTED_T], granted_t)
	l[RETURNED] = l[RETURNED] + max(l[GRANTED] - l[RETURNED] - l[SC] - l[RC] - keep, 0)
	l[RETURNED_T] = l[RETURNED_T] + max(l[GRANTED_T] - l[RETURNED_T] - l[ST] - l[RT] - keep_t, 0)
end
if not l then
	return struct.pack('<dddddddddd', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
end
local time = redis.call('TIME')
if l[ENDS] == -1 then
	redis.call('SET', KEYS[1], struct.pack(FORMAT, unpack(l, 1, 15)))
else
	local ms = max(l[ENDS] * 1000, l[LAST] / 1000) + SLACK_MS - time[1] * 1000
	redis.call('SET', KEYS[1], struct.pack(FORMAT, unpack(l, 1, 15)), 'PX', max(ceil(ms), 1))
end
l[BORN + 1] = time[1] * 1000000 + time[2]
return struct.pack('<dddddddddd', l[SC], l[RC], l[ST], l[RT], unpack(l, GRANTED, BORN + 1))
