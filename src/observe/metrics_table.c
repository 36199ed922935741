/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_table: the declarations. The order is that of the page. The four agent_* are there for
 * dashboards that know them; new ones use weir_*. */
#include "observe/metrics_table.h"

static const char *const tool_columns[TOOL_COLUMNS] = {
        [TOOL_ALLOWED] = "allow", [TOOL_DENIED] = "deny"};

static const char *const token_kinds[TOKEN_KINDS] = {
        [TOKEN_INPUT] = "input",
        [TOKEN_CACHED_INPUT] = "cached_input",
        [TOKEN_CACHE_WRITE] = "cache_write",
        [TOKEN_INPUT_AUDIO] = "input_audio",
        [TOKEN_INPUT_IMAGE] = "input_image",
        [TOKEN_INPUT_VIDEO] = "input_video",
        [TOKEN_OUTPUT] = "output",
        [TOKEN_REASONING] = "reasoning",
        [TOKEN_OUTPUT_AUDIO] = "output_audio",
        [TOKEN_OUTPUT_IMAGE] = "output_image",
        [TOKEN_OUTPUT_VIDEO] = "output_video",
};

#define OF_AGENT(member)                                                                           \
	.table = TABLE_AGENT, .labels = {"agent"}, .at = offsetof(struct agent_counts, member)
#define FACT(member) .source = FROM_FACTS, .at = offsetof(struct page_facts, member)
#define OF_BUDGET(member)                                                                          \
	.source = FROM_BUDGETS, .unit = UNIT_NANO, .at = offsetof(struct budget_gauge, member)
#define COLUMNS(names) .columns = (names), .n_columns = sizeof(names) / sizeof(*(names))
#define COUNTER .type = METRIC_COUNTER
#define GAUGE .type = METRIC_GAUGE
#define HISTOGRAM(b) .type = METRIC_HISTOGRAM, .bounds = &(b)

/* clang-format off */
const struct metric metric_table[] = {
	{"agent_requests_total", "Calls that ended.", COUNTER, OF_AGENT(requests)},
	{"agent_latency_ms", "Milliseconds from a call's first byte to the last of its answer.",
		HISTOGRAM(histogram_call), .unit = UNIT_MILLI_OF_NANO, OF_AGENT(call)},
	{"agent_tool_calls_total", "Calls of tools, by models or by agents over HTTP, by whether they were let through.",
		COUNTER, .table = TABLE_TOOLS, .labels = {"agent", "tool"}, .column_label = "verdict", COLUMNS(tool_columns)},
	{"agent_cost_usd_total", "What an agent's calls cost in US dollars; calls without a known price are left out.",
		COUNTER, .unit = UNIT_NANO, OF_AGENT(cost)},
	{"weir_calls_total", "Calls that ended, by how they did.",
		COUNTER, .table = TABLE_CALLS, .labels = {"agent", "dialect", "upstream", "code"}},
	{"weir_call_duration_seconds", "From a call's first byte to the last of its answer.",
		HISTOGRAM(histogram_call), .unit = UNIT_NANO, OF_AGENT(call)},
	{"weir_gateway_duration_seconds", "Of a call's duration, what was spent in Weir itself.",
		HISTOGRAM(histogram_gateway), .unit = UNIT_NANO, OF_AGENT(gateway)},
	{"weir_time_to_first_token_seconds", "From a call's first byte to the first of its answer's content.",
		HISTOGRAM(histogram_first_token), .unit = UNIT_NANO, OF_AGENT(first_token)},
	{"weir_tokens_total", "Tokens used; each is counted in one kind.",
		COUNTER, .table = TABLE_TOKENS, .labels = {"agent", "model"}, .column_label = "kind", COLUMNS(token_kinds)},
	{"weir_cost_usd_total", "What calls cost in US dollars, by what was paid for.",
		COUNTER, .unit = UNIT_NANO, .table = TABLE_COST, .labels = {"agent", "kind", "name"}},
	{"weir_policy_verdicts_total", "What policies said about calls, the gravest word of each.",
		COUNTER, .source = FROM_POLICIES},
	{"weir_budget_limit_usd", "What may be spent in the present window, by budgets in US dollars.", GAUGE, OF_BUDGET(limit)},
	{"weir_budget_spent_usd", "What is spent of it.", GAUGE, OF_BUDGET(spent)},
	{"weir_budget_reserved_usd", "What calls that run hold of it in reserve.", GAUGE, OF_BUDGET(reserved)},
	{"weir_budget_warnings_total", "Windows in which a budget passed its warn_at.",
		COUNTER, .table = TABLE_WARNINGS, .labels = {"scope", "name", "window"}},
	{"weir_cache_total", "Calls for which a cache was asked, by what it said; error: nothing that could be read, and so a miss.",
		COUNTER, .table = TABLE_CACHE, .labels = {"kind", "result"}},
	{"weir_store_seconds", "How long the store that instances share took to answer, by what it was asked and how that ended.",
		HISTOGRAM(histogram_store), .source = FROM_STORES, .unit = UNIT_NANO, .labels = {"op", "outcome"}},
	{"weir_store_ways", "Ways to the store that instances share, one a loop.", GAUGE, FACT(stores)},
	{"weir_store_ways_up", "Those of them that can be asked.", GAUGE, FACT(stores_up)},
	{"weir_store_forgotten_total", "Times that the store had lost its data, and what was spent with it.", COUNTER, FACT(stores_forgot)},
	{"weir_store_outage_calls_total", "Calls that the store could not be asked about, by what the policy said then.",
		COUNTER, .table = TABLE_OUTAGE, .labels = {"decision"}},
	{"weir_attempts_total", "Attempts to reach an upstream, by how they ended.",
		COUNTER, .table = TABLE_ATTEMPTS, .labels = {"upstream", "outcome"}},
	{"weir_unknown_price_total", "Calls whose cost is not known, since their model has no price.",
		COUNTER, .table = TABLE_UNPRICED, .labels = {"model"}},
	{"weir_usage_mismatch_total", "Answers whose token counts contradict each other.",
		COUNTER, .table = TABLE_MISMATCH, .labels = {"model"}},
	{"weir_reservation_exceeded_total", "Calls that used more than was reserved for them in their budgets.",
		COUNTER, .table = TABLE_EXCEEDED, .labels = {"model"}},
	{"weir_reservations_unbounded", "1: too many kinds of calls used more than was reserved; budgets refuse calls.",
		GAUGE, FACT(nothing_is_bounded)},
	{"weir_usage_estimated_total", "Calls whose cost was estimated: their tokens were never told, or the price of their tier is not known.",
		COUNTER, OF_AGENT(estimated)},
	{"weir_records_dropped_total", "Records that a sink could not take in time.",
		COUNTER, FACT(log_dropped), .fixed = "sink=\"log\""},
	{"weir_book_lag_seconds", "How long the journal has held something that the ledger and the budgets' book do not.",
		GAUGE, .unit = UNIT_NANO, FACT(book_lag_ns)},
	{"weir_config_last_reload_successful", "Whether the newest policy file is in force.", GAUGE, FACT(reload_good)},
	{"weir_config_last_reload_timestamp_seconds", "When a policy file was last taken.",
		GAUGE, .unit = UNIT_NANO, FACT(reload_wall_ns)},
	{"weir_config_reload_failures_total", "Policy files that were not taken.", COUNTER, FACT(reloads_failed)},
	{"weir_shadow_agents", "Agents for whom some policy only records what it would have said.", GAUGE, FACT(shadow_agents)},
	{"weir_connections", "Connections from callers.", GAUGE, FACT(connections)},
	{"weir_calls_in_flight", "Calls that have begun and not ended.", GAUGE, FACT(in_flight)},
	{"weir_build_info", "The version of the program and of the policy in force.", .type = METRIC_INFO, .source = FROM_BUILD},
	{"process_cpu_seconds_total", "User and system CPU time.", COUNTER, .unit = UNIT_NANO, FACT(process.cpu_ns)},
	{"process_start_time_seconds", "When the process started, since 1970.",
		GAUGE, .unit = UNIT_NANO, FACT(process.started_wall_ns)},
	{"process_resident_memory_bytes", "Memory that is resident.", GAUGE, FACT(process.resident_bytes)},
	{"process_virtual_memory_bytes", "Address space.", GAUGE, FACT(process.virtual_bytes)},
	{"process_threads", "Threads.", GAUGE, FACT(process.threads)},
	{"process_open_fds", "Open file descriptors.", GAUGE, FACT(process.open_fds)},
	{"process_max_fds", "File descriptors that may be open.", GAUGE, FACT(process.max_fds)},
};
/* clang-format on */

const unsigned metric_table_len = sizeof(metric_table) / sizeof(*metric_table);
