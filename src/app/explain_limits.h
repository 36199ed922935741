/* SPDX-License-Identifier: Apache-2.0 */
/* explain_limits: what an agent's rates come to, and what one call would take of rates and budgets. */
#pragma once
#include "app/explain.h"
#include "weir/call.h"
#include "weir/exchange.h"

/* For each rate the most that it lets through in any hour. */
void explain_worst_hours(struct explain *e, const struct agent_conf *a);

void explain_tool_worst_hours(struct explain *e, const struct tool_conf *t);

/* One call as the policies would see it, without anybody who makes it. */
struct planned {
	struct exchange exchange;
	struct snapshot *snapshot;
	struct call call;
	struct price price;
	struct complaint why; /* the body could not be read */
	int error;            /* -EPROTO: why; -ENOMEM */
};

/* body: of a chat call; it names the model, unless model does. NULL: no memory. */
struct planned *planned_new(const struct explain *e, const struct agent_conf *a, struct slice model, struct slice body);
/* The same of a call of a tool; body: its arguments. */
struct planned *planned_of_tool(const struct agent_conf *a, const struct tool_conf *tool, struct slice body);
void planned_free(struct planned *p);
/* Which counters would be asked, for what. */
void explain_planned(struct explain *e, const struct planned *p);
