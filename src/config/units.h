/* SPDX-License-Identifier: Apache-2.0 */
/* units: durations, sizes, counts, rates, percentages and dates the way people write them, read
 * exactly. Each function answers 0, -EINVAL (not of this form) or -ERANGE (too large, or finer than
 * one unit); its output is untouched then. */
#pragma once
#include "base/slice.h"

/* Whose requests a rate counts, beside the agent's. */
enum rate_by { RATE_BY_AGENT, RATE_BY_USER, RATE_BY_KEY };

struct rate_conf {
	uint64_t count; /* in one period; admitted at once unless burst says otherwise */
	uint64_t period_ns;
	uint64_t burst; /* 0: count */
	enum rate_by by;
};

int duration_text_parse(struct slice s, uint64_t *ret_ns); /* 250ms 5s 15m 1h 30d 0 */
int size_parse(struct slice s, uint64_t *ret_bytes);       /* 512 64KiB 8MiB 1GiB */
int count_parse(struct slice s, uint64_t *ret);            /* 5000 200k 5M 1G 5e+06 1.5M */
int rate_parse(
        struct slice s, struct rate_conf *ret); /* 100/hour, 10/minute per user, 5/second burst 10 */
int percent_parse(struct slice s, uint32_t *ret_basis); /* 80% as 8000 */
int date_parse(struct slice s,
        uint64_t *ret_wall_ns); /* 2026-12-31 (its start, UTC), 2026-12-31T23:00:00Z */
/* "5s", "90s" for what is no whole larger unit; at least 24 bytes of room. Returns the length. */
size_t duration_format(uint64_t ns, char *ret);
