/* SPDX-License-Identifier: Apache-2.0 */
/* explain: what `weir explain` prints: each value with where it was written, and how one call would
 * be judged. */
#pragma once
#include "config/load.h"

struct explain {
	const struct load *load; /* borrowed */
	const struct conf *conf; /* borrowed, the load's */
	struct buf out;          /* owned */
	int error;               /* sticks: the output is not whole */
};

#define EXPLAIN_MAX (16u << 20)

__attribute__((format(printf, 2, 3))) void explain_put(struct explain *e, const char *format, ...);
/* One row: a name, a value, where it comes from. */
void explain_row(struct explain *e, const char *prefix, const char *name, const struct node *value,
        const char *fallback);
/* Every key of a block that is set or has a default. */
void explain_block(struct explain *e, const struct directive *table, const struct node *n);
void explain_origin(struct explain *e,
        const struct node *n); /* FILE:LINE, and the level it is inherited from */

void explain_all(struct explain *e);
void explain_agent(struct explain *e, const struct agent_conf *a);
void explain_model(struct explain *e, const struct model_conf *m);
void explain_tool(struct explain *e, const struct tool_conf *t);
void explain_inactive(struct explain *e);

/* What a call is about; each may be empty. */
struct asked {
	struct slice model, tool;
	struct slice body; /* at == NULL: none was given */
};

/* The decision table for one call. a is an agent of the conf. */
void explain_call(struct explain *e, const struct agent_conf *a, const struct asked *asked);
