/* SPDX-License-Identifier: Apache-2.0 */
/* window: the calendar's hours, days and months in UTC, which budgets are counted in. */
#pragma once
#include <stdint.h>

enum window_kind { WINDOW_TOTAL, WINDOW_HOUR, WINDOW_DAY, WINDOW_MONTH };

struct window {
	uint64_t start, end; /* wall seconds; it holds start, and end is the next one's */
};

/* The window that holds a wall time in seconds. Of the total: 0 and WINDOW_NEVER_ENDS
 * (weir/store.h). */
struct window window_of(enum window_kind kind, uint64_t wall_s);
