/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: the buckets. A call to a model takes from tenths of a second to minutes; what Weir
 * itself spends is a thousandth of that, until it waits for a store. */
#include "observe/histogram.h"
#include "base/clock.h"
#include "observe/outcome.h"
#include "store/times.h"

#define US(n) ((n)*NS_PER_US)
#define MS(n) ((n)*NS_PER_MS)
#define S(n) ((n)*NS_PER_S)

const struct histogram_bounds histogram_call = {
        .n = 15,
        .ns = {MS(10), MS(25), MS(50), MS(100), MS(250), MS(500), S(1), MS(2500), S(5), S(10),
                S(20), S(30), S(60), S(120), S(300)},
};

const struct histogram_bounds histogram_gateway = {
        .n = 13,
        .ns = {US(50), US(100), US(250), US(500), MS(1), US(2500), MS(5), MS(10), MS(25), MS(50),
                MS(100), S(1), S(10)},
};

const struct histogram_bounds histogram_first_token = {
        .n = 13,
        .ns = {MS(10), MS(25), MS(50), MS(100), MS(250), MS(500), MS(750), S(1), MS(2500), S(5),
                S(10), S(30), S(60)},
};

const struct histogram_bounds histogram_store = {
        .n = STORE_TIMES_BOUNDS,
        .ns = STORE_TIMES_NS,
};

void histogram_observe(
        struct histogram *h, const struct histogram_bounds *b, uint64_t ns, const struct record *r)
{
	unsigned at = 0;
	struct exemplar *e;

	while (at < b->n && ns > b->ns[at])
		at++;
	h->n[at]++;
	h->sum_ns += ns;
	e = &h->last[at];
	e->ns = ns;
	e->wall_ns = record_ended_wall(r);
	memcpy(e->request_id, r->request_id, sizeof(e->request_id));
	e->has_trace = r->trace_id.len == sizeof(e->trace_id);
	if (e->has_trace)
		memcpy(e->trace_id, r->trace_id.at, sizeof(e->trace_id));
	e->is_set = r->request_id[0];
}

void histogram_add(struct histogram *sum, const struct histogram *more)
{
	sum->sum_ns += more->sum_ns;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum->n[i] += more->n[i];
		if (more->last[i].is_set && more->last[i].wall_ns >= sum->last[i].wall_ns)
			sum->last[i] = more->last[i];
	}
}
