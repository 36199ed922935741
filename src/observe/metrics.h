/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: what is counted over all calls, and the page that tells it. Each worker counts into a
 * part of its own; the page adds them up. Label values are bounded: a metric has at most
 * METRIC_SERIES_MAX series, then "other". */
#pragma once
#include "base/buf.h"
#include "weir/record.h"

#define METRIC_SERIES_MAX 1000
#define METRIC_IDLE_SECONDS 600 /* series that nothing was added to for so long are dropped */

struct metrics;
struct metrics_part;
struct metrics *metrics_new(unsigned n_parts); /* NULL: no memory */
void metrics_free(struct metrics *m);
struct metrics_part *metrics_part(struct metrics *m, unsigned i);
struct observer *metrics_observer(struct metrics_part *p); /* the part's own; used on one thread */

/* How one budget stands in its present window. */
struct budget_gauge {
	const char *scope;
	struct slice name; /* whose it is; borrowed */
	const char *window;
	nanousd limit, spent, reserved;
};

struct store_times;

/* What is not counted but looked up when the page is made. */
struct metrics_gauges {
	bool last_reload_good;
	uint64_t last_reload_wall_ns, reloads_failed;
	uint64_t log_lines_dropped;
	uint64_t
	        book_lag_ns; /* how long something has been waiting to be folded; 0: nothing does */
	unsigned sessions, in_flight, shadow_agents;
	bool nothing_is_bounded; /* too many kinds of calls went beyond their reservations */
	const char *version;     /* of Weir */
	struct slice policy_version;
	struct budget_gauge *budgets; /* at most METRIC_SERIES_MAX */
	unsigned n_budgets;
	const struct store_times *const *stores; /* of every loop's way to the shared store */
	unsigned n_stores;
};

/* Prometheus text 0.0.4, or OpenMetrics 1.0 with its # EOF. From any thread. 0, -ENOMEM, -ENOBUFS.
 */
int metrics_write(
        struct metrics *m, const struct metrics_gauges *g, bool openmetrics, struct buf *out);
