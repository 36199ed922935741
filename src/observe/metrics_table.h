/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_table: every metric once: its name, its kind, its labels, where its numbers are, what it
 * means. */
#pragma once
#include "observe/metrics_core.h"
#include "observe/process.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };
enum metric_source { FROM_ROWS, FROM_POLICIES, FROM_FACTS, FROM_BUDGETS, FROM_STORES, FROM_BUILD };

/* What a number counts, as the power of ten that makes one unit of the metric. */
enum metric_unit { UNIT_ONE = 0, UNIT_MILLI_OF_NANO = 6, UNIT_NANO = 9 };

/* What is looked up when the page is made. */
struct page_facts {
	uint64_t reload_good, reload_wall_ns, reloads_failed;
	uint64_t log_dropped, book_lag_ns, shadow_agents, connections, in_flight,
	        nothing_is_bounded;
	uint64_t stores, stores_up, stores_forgot;
	struct process_facts process;
};

struct metric {
	const char
	        *name; /* as in the text format: a counter's ends in _total, an info's in _info */
	const char *help; /* needs no escaping */
	enum metric_type type;
	enum metric_source source;
	enum metric_unit unit;
	enum table table; /* FROM_ROWS */
	size_t at;        /* in the row's counts, in page_facts, or in a budget_gauge */
	const char *labels[LABELS_MAX]; /* of the row's key, in its order */
	const char *column_label;       /* NULL: the row has one series */
	const char *const *columns;     /* n_columns values of that label */
	unsigned n_columns;
	const struct histogram_bounds *bounds; /* METRIC_HISTOGRAM */
	const char *fixed; /* FROM_FACTS: labels that never change, as they are written; or NULL */
};

extern const struct metric metric_table[];
extern const unsigned metric_table_len;
