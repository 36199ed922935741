/* SPDX-License-Identifier: Apache-2.0 */
/* keys_budgets: money and tokens that may be spent, by whom and in what time. */
#include "config/keys.h"

const char *const budget_scope_names[BUDGET_SCOPES] = {
        "request", "workflow", "session", "user", "agent", "team", "gateway"};
const char *const budget_per_names[] = {"hour", "day", "month", "total"};

#define ITEM_KEYS                                                                                  \
	{KEY("cost", MONEY, "USD"), DIRECTIVE_AT(struct budget_item, cost),                        \
	        .present = offsetof(struct budget_item, has_cost)},                                \
	        {KEY("tokens", COUNT, "input and output tokens together"),                         \
	                DIRECTIVE_AT(struct budget_item, tokens), .min = 1,                        \
	                .max = (uint64_t)1 << 53,                                                  \
	                .present = offsetof(struct budget_item, has_tokens)},                      \
	        {KEY("per", CHOICE, "the time that it is for; in UTC"),                            \
	                DIRECTIVE_AT(struct budget_item, per), .words = "hour day month total",    \
	                .fallback = "total"},

static const struct directive item_keys[] = {
        ITEM_KEYS{0},
};

#define SCOPE_ITEMS(scope)                                                                         \
	ONE_OR_LIST, OF_BLOCK(item_keys), OFF("none []"),                                          \
	        .stored = true, .offset = offsetof(struct allowance_conf, of[scope].at),           \
	        .width = sizeof(struct budget_item),                                               \
	        .count_offset = offsetof(struct allowance_conf, of[scope].n)

const struct directive budget_directives[] = {
        {KEY("request", BLOCK, "one request"), SCOPE_ITEMS(BUDGET_REQUEST)},
        {KEY("workflow", BLOCK, "one workflow"), SCOPE_ITEMS(BUDGET_WORKFLOW)},
        {KEY("session", BLOCK, "one session"), SCOPE_ITEMS(BUDGET_SESSION)},
        {KEY("user", BLOCK, "one user"), SCOPE_ITEMS(BUDGET_USER)},
        {KEY("agent", BLOCK, "the agent"), SCOPE_ITEMS(BUDGET_AGENT)},
        {KEY("team", BLOCK, "the team as a whole; stands at a team"), SCOPE_ITEMS(BUDGET_TEAM)},
        {KEY("warn_at", PERCENT, "when an alert is raised"),
                DIRECTIVE_AT(struct allowance_conf, warn_at), .fallback = "80%", .max = 10000},
        {KEY("on_unknown_usage", CHOICE, "what is charged when the provider does not say"),
                DIRECTIVE_AT(struct allowance_conf, on_unknown_usage), .words = "reserved estimate",
                .fallback = "reserved"},
        {0},
};

const struct directive gateway_budget_keys[] = {
        ITEM_KEYS{0},
};
