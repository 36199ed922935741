/* SPDX-License-Identifier: Apache-2.0 */
/* budget_gauges: how the budgets of agents, teams and the gateway stand just now, for the page of metrics. */
#pragma once
#include "config/conf.h"
#include "observe/metrics.h"
#include "weir/store.h"

/* Sets g->budgets and g->n_budgets; none when there is no memory or the store cannot say at once. */
void budget_gauges_read(struct store *s, const struct conf *conf, uint64_t wall_ns, struct metrics_gauges *g);
void budget_gauges_free(struct metrics_gauges *g);
