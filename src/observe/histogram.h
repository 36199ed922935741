/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: durations counted in buckets, and for each bucket the call that last fell into it.
 * Bounds are inclusive. */
#pragma once
#include "weir/record.h"

#define HISTOGRAM_BUCKETS 16 /* the last one has no bound */

struct histogram_bounds {
	unsigned n;                         /* buckets without the last */
	uint64_t ns[HISTOGRAM_BUCKETS - 1]; /* rising */
};

extern const struct histogram_bounds histogram_call, histogram_gateway, histogram_first_token,
        histogram_store;

/* A call that stands for its bucket. */
struct exemplar {
	uint64_t ns, wall_ns;
	char request_id[26];
	char trace_id[32];
	bool is_set, has_trace;
};

struct histogram {
	uint64_t sum_ns;
	uint64_t n[HISTOGRAM_BUCKETS]; /* each by itself, not cumulative */
	struct exemplar last[HISTOGRAM_BUCKETS];
};

void histogram_observe(
        struct histogram *h, const struct histogram_bounds *b, uint64_t ns, const struct record *r);
void histogram_add(struct histogram *sum,
        const struct histogram *more); /* of two exemplars the later one stays */
