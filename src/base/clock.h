/* SPDX-License-Identifier: Apache-2.0 */
/* clock: what time it is. Durations are measured with the monotonic one; the wall one is only written down. */
#pragma once
#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

struct clock {
	uint64_t (*mono)(struct clock *c); /* ns since some start, never back */
	uint64_t (*wall)(struct clock *c); /* ns since 1970 UTC */
};

extern struct clock clock_system;

static inline uint64_t clock_mono(struct clock *c)
{
	return c->mono(c);
}

static inline uint64_t clock_wall(struct clock *c)
{
	return c->wall(c);
}

/* RFC 3339 with milliseconds and Z, 24 bytes and a NUL, as 2026-11-22T08:30:00.123Z. */
void clock_format(uint64_t wall_ns, char ret[25]);
