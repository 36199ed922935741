/* SPDX-License-Identifier: Apache-2.0 */
/* duration: see duration.h. */
#include <errno.h>
#include "base/clock.h"
#include "policy/duration.h"

#define DAY (24 * 3600 * NS_PER_S)

int duration_parse(struct slice text, uint64_t *ret_ns)
{
	static const struct {
		struct slice unit;
		uint64_t ns;
	} units[] = {
		{SLICE_INIT("ms"), NS_PER_MS}, {SLICE_INIT("s"), NS_PER_S},
		{SLICE_INIT("m"), 60 * NS_PER_S}, {SLICE_INIT("h"), 3600 * NS_PER_S},
	};
	uint64_t n;

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct slice digits = {text.at, text.len - units[i].unit.len};
		if (!slice_ends(text, units[i].unit) || slice_to_u64(digits, DAY, &n) < 0)
			continue;
		if (!n || n > DAY / units[i].ns)
			return -ERANGE;
		*ret_ns = n * units[i].ns;
		return 0;
	}
	return -EINVAL;
}
