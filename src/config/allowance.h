/* SPDX-License-Identifier: Apache-2.0 */
/* allowance: what an agent may use up: requests, tokens and calls at once, money. */
#pragma once
#include "base/money.h"
#include "config/units.h"

/* Innermost first: the order in which they are asked. */
enum budget_scope {
	BUDGET_REQUEST,
	BUDGET_WORKFLOW,
	BUDGET_SESSION,
	BUDGET_USER,
	BUDGET_AGENT,
	BUDGET_TEAM,
	BUDGET_GATEWAY,
	BUDGET_SCOPES,
};
extern const char *const budget_scope_names[BUDGET_SCOPES];

enum budget_per { PER_HOUR, PER_DAY, PER_MONTH, PER_TOTAL };
extern const char *const budget_per_names[];

/* One line of a budget as it is written. */
struct budget_item {
	nanousd cost;
	uint64_t tokens;
	bool has_cost, has_tokens;
	uint8_t per; /* enum budget_per */
};

struct budget_items {
	struct budget_item *at;
	unsigned n;
};

/* All lines of one scope and time, as one. */
struct budget_conf {
	enum budget_scope scope;
	enum budget_per per;
	nanousd limit_cost;    /* INT64_MAX: none */
	uint64_t limit_tokens; /* UINT64_MAX: none */
	struct slice counter;  /* the name of what counts it, or what stands before an id in it; empty
	                          for one request, which nothing counts */
};

enum unknown_usage { UNKNOWN_USAGE_RESERVED, UNKNOWN_USAGE_ESTIMATE };

struct allowance_conf {
	struct rate_conf *rates;
	unsigned n_rates;
	struct rate_conf *token_rates;
	unsigned n_token_rates;
	uint32_t concurrency; /* 0: no limit */
	struct budget_items of[BUDGET_SCOPES]; /* by scope; the gateway's own stands in conf */
	struct budget_conf *budgets; /* what they come to, innermost scope first */
	unsigned n_budgets;
	bool has_cost_budget;
	struct slice group; /* where all of it is counted: "t:TEAM", else "a:AGENT" */
	struct slice *rate_counters, *token_rate_counters; /* as a budget's; one a rate */
	struct slice slot_counter;
	uint32_t warn_at; /* hundredths of a percent */
	uint8_t on_unknown_usage;
	uint64_t min_output; /* tokens */
};
