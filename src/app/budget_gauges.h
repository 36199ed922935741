/* SPDX-License-Identifier: Apache-2.0 */
/* budget_gauges: how the budgets of agents, teams and the gateway stand, for the page of metrics. A store that answers at
 * once shows how they stand now; one that instances share is asked anew for each page, which shows what it said last. */
#pragma once
#include "observe/metrics.h"
#include "weir/store.h"

struct budget_gauges; /* one a loop */
struct snapshot;
struct budget_gauges *budget_gauges_new(void); /* NULL: no memory */
void budget_gauges_free(struct budget_gauges *g); /* before the store goes */
/* Sets g->budgets and g->n_budgets, which stand until the next call; none when the store could not say. */
void budget_gauges_read(
	struct budget_gauges *b, struct store *s, struct snapshot *snapshot, uint64_t wall_ns, struct metrics_gauges *g);
