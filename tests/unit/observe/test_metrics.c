/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/metrics: what each record adds to each metric. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/mem.h"
#include "observe/metrics_core.h"
#include "rig/fake_clock.h"
#include "rig/starve.h"
#include "unit/observe/page.h"
#include "unit/observe/records.h"

#define AGENT "agent=\"support-bot\""
#define PARTS 3

static void add(struct metrics *m, unsigned part, const struct record *r)
{
	struct observer *o = metrics_observer(metrics_part(m, part));

	o->call_ended(o, r);
}

static void calls_are_counted_over_all_parts(void **state)
{
	struct metrics *m = metrics_new(PARTS);
	struct record r = sample_record(), nobody = {.fault = FAULT_UNAUTHENTICATED, .status = 401};
	struct page_read p;

	(void)state;
	for (unsigned i = 0; i < PARTS; i++)
		add(m, i, &r);
	r.status = 503;
	add(m, 0, &r);
	r.fault = FAULT_UPSTREAM_TIMEOUT;
	add(m, 0, &r);
	add(m, 1, &nobody);
	p = page_of(m, false);
	assert_sample(&p, "agent_requests_total", AGENT, "5");
	assert_sample(&p, "agent_requests_total", "agent=\"unknown\"", "1");
	assert_sample(&p, "weir_calls_total",
	        AGENT ",dialect=\"openai\",upstream=\"openai\",code=\"ok\"", "3");
	assert_sample(&p, "weir_calls_total",
	        AGENT ",dialect=\"openai\",upstream=\"openai\",code=\"upstream_5xx\"", "1");
	assert_sample(&p, "weir_calls_total",
	        AGENT ",dialect=\"openai\",upstream=\"openai\",code=\"upstream_timeout\"", "1");
	assert_sample(&p, "weir_calls_total",
	        "agent=\"unknown\",dialect=\"none\",upstream=\"none\",code=\"unauthenticated\"",
	        "1");
	assert_int_equal(page_count(&p, "weir_calls_total"), 4);
	page_close(&p);
	metrics_free(m);
}

static void money_is_exact_to_the_nano_dollar(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct page_read p;

	(void)state;
	r.cost = 9007199254740993; /* 2^53 + 1: a double would lose one */
	add(m, 0, &r);
	p = page_of(m, true);
	assert_sample(&p, "agent_cost_usd_total", AGENT, "9007199.254740993");
	assert_sample(&p, "weir_cost_usd_total", AGENT ",kind=\"model\",name=\"gpt-4o-mini\"",
	        "9007199.254740993");
	page_close(&p);
	r.cost = 1;
	add(m, 0, &r);
	r.agent = SLICE("thrifty");
	r.cost = 0;
	add(m, 0, &r);
	r.cost = 77;
	r.price_unknown = r.reservation_exceeded = true;
	add(m, 0, &r);
	p = page_of(m, true);
	assert_sample(&p, "agent_cost_usd_total", AGENT, "9007199.254740994");
	assert_sample(&p, "agent_cost_usd_total", "agent=\"thrifty\"", "0");
	assert_int_equal(page_count(&p, "weir_cost_usd_total"), 1);
	assert_sample(&p, "weir_unknown_price_total", "model=\"gpt-4o-mini\"", "1");
	assert_sample(&p, "weir_reservation_exceeded_total", "model=\"gpt-4o-mini\"", "1");
	page_close(&p);
	metrics_free(m);
}

static void every_token_is_in_one_kind(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct page_read p;

	(void)state;
	add(m, 0, &r);
	p = page_of(m, false);
	assert_sample(
	        &p, "weir_tokens_total", AGENT ",model=\"gpt-4o-mini\",kind=\"input\"", "900");
	assert_sample(&p, "weir_tokens_total", AGENT ",model=\"gpt-4o-mini\",kind=\"cached_input\"",
	        "124");
	assert_sample(
	        &p, "weir_tokens_total", AGENT ",model=\"gpt-4o-mini\",kind=\"output\"", "70");
	assert_sample(
	        &p, "weir_tokens_total", AGENT ",model=\"gpt-4o-mini\",kind=\"reasoning\"", "10");
	assert_int_equal(page_count(&p, "weir_tokens_total"), 4);
	page_close(&p);
	r.model = SLICE("all");
	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		r.usage.of[i] = 1ull << i;
	add(m, 0, &r);
	add(m, 0, &r);
	p = page_of(m, false);
	assert_int_equal(
	        page_sum(&p, "weir_tokens_total"), 1104 + 2 * usage_tokens_total(&r.usage));
	assert_sample(&p, "weir_tokens_total", AGENT ",model=\"all\",kind=\"cache_write\"", "24");
	page_close(&p);
	metrics_free(m);
}

static void a_counter_stops_at_its_end_and_does_not_wrap(void **state)
{
	struct metrics *m = metrics_new(2);
	struct record r = sample_record();
	struct page_read p;

	(void)state;
	r.usage.in_uncached = UINT64_MAX;
	r.usage.in_tool = UINT64_MAX;
	for (unsigned i = 0; i < 4; i++)
		add(m, i % 2, &r);
	p = page_of(m, false);
	assert_sample(&p, "weir_tokens_total", AGENT ",model=\"gpt-4o-mini\",kind=\"input\"",
	        "18446744073709551615");
	page_close(&p);
	metrics_free(m);
}

static void durations_fall_into_buckets(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct page_read p;

	(void)state;
	add(m, 0, &r);
	r.latency_ns = 1000000000; /* a bound */
	r.ttft_ns = 0;             /* there was none */
	add(m, 0, &r);
	p = page_of(m, false);
	assert_sample(&p, "agent_latency_ms_bucket", AGENT ",le=\"500\"", "0");
	assert_sample(&p, "agent_latency_ms_bucket", AGENT ",le=\"1000\"", "2");
	assert_sample(&p, "agent_latency_ms_sum", AGENT, "1812.345678");
	assert_sample(&p, "agent_latency_ms_count", AGENT, "2");
	assert_sample(&p, "weir_call_duration_seconds_bucket", AGENT ",le=\"0.5\"", "0");
	assert_sample(&p, "weir_call_duration_seconds_bucket", AGENT ",le=\"1\"", "2");
	assert_sample(&p, "weir_call_duration_seconds_sum", AGENT, "1.812345678");
	assert_sample(&p, "weir_gateway_duration_seconds_bucket", AGENT ",le=\"0.00005\"", "0");
	assert_sample(&p, "weir_gateway_duration_seconds_bucket", AGENT ",le=\"0.0001\"", "2");
	assert_sample(&p, "weir_gateway_duration_seconds_sum", AGENT, "0.000169998");
	assert_sample(&p, "weir_time_to_first_token_seconds_count", AGENT, "1");
	assert_sample(&p, "weir_time_to_first_token_seconds_bucket", AGENT ",le=\"0.25\"", "1");
	page_close(&p);
	metrics_free(m);
}

static void tools_are_counted_by_what_became_of_them(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct record_tool tools[] = {{.name = SLICE("search"), .allowed = true},
	        {.name = SLICE("search"), .allowed = true},
	        {.name = SLICE("drop\n"), .fault = FAULT_TOOL_DENIED}};
	struct page_read p;

	(void)state;
	r.tools = tools;
	r.n_tools = 3;
	add(m, 0, &r);
	p = page_of(m, false);
	assert_sample(
	        &p, "agent_tool_calls_total", AGENT ",tool=\"search\",verdict=\"allow\"", "2");
	assert_sample(&p, "agent_tool_calls_total", AGENT ",tool=\"drop?\",verdict=\"deny\"", "1");
	assert_int_equal(page_count(&p, "agent_tool_calls_total"), 2);
	page_close(&p);
	metrics_free(m);
}

static void verdicts_are_counted_by_policy_and_mode(void **state)
{
	struct metrics *m = metrics_new(2);
	struct record r = sample_record();
	char again[] = "models"; /* another pointer, the same policy */
	struct page_read p;

	(void)state;
	r.verdicts[0] = (struct record_verdict){"models", VERDICT_PASS, MODE_ENFORCE};
	r.verdicts[1] = (struct record_verdict){"tools", VERDICT_ANSWER, MODE_SHADOW};
	r.verdicts[2] =
	        (struct record_verdict){NULL, VERDICT_PASS, MODE_ENFORCE}; /* was not asked */
	r.verdicts[3] = (struct record_verdict){"rates", VERDICT_ABORT, MODE_ENFORCE};
	r.n_verdicts = 4;
	add(m, 0, &r);
	add(m, 1, &r);
	r.verdicts[0].policy = again;
	add(m, 1, &r);
	p = page_of(m, false);
	assert_sample(&p, "weir_policy_verdicts_total",
	        "policy=\"models\",verdict=\"allow\",mode=\"enforce\"", "3");
	assert_sample(&p, "weir_policy_verdicts_total",
	        "policy=\"tools\",verdict=\"deny\",mode=\"shadow\"", "3");
	assert_sample(&p, "weir_policy_verdicts_total",
	        "policy=\"rates\",verdict=\"abort\",mode=\"enforce\"", "3");
	assert_int_equal(page_count(&p, "weir_policy_verdicts_total"), 3);
	page_close(&p);
	metrics_free(m);
}

static void attempts_are_counted_by_how_they_ended(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct page_read p;

	(void)state;
	add(m, 0, &r);
	r.attempts = 3;
	add(m, 0, &r);
	r.attempts = 1;
	r.fault = FAULT_UPSTREAM_UNREACHABLE;
	add(m, 0, &r);
	r.fault = FAULT_CLIENT_GONE;
	add(m, 0, &r);
	r.attempts = 0;
	add(m, 0, &r);
	p = page_of(m, false);
	assert_sample(&p, "weir_attempts_total", "upstream=\"openai\",outcome=\"ok\"", "2");
	assert_sample(&p, "weir_attempts_total", "upstream=\"openai\",outcome=\"retried\"", "2");
	assert_sample(&p, "weir_attempts_total",
	        "upstream=\"openai\",outcome=\"upstream_unreachable\"", "1");
	assert_sample(&p, "weir_attempts_total", "upstream=\"openai\",outcome=\"cancelled\"", "1");
	assert_int_equal(page_sum(&p, "weir_attempts_total"), 6);
	page_close(&p);
	metrics_free(m);
}

static void doubtful_usage_is_counted(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();
	struct page_read p;

	(void)state;
	add(m, 0, &r);
	p = page_of(m, false);
	assert_int_equal(page_count(&p, "weir_usage_mismatch_total"), 0);
	assert_sample(&p, "weir_usage_estimated_total", AGENT, "0");
	page_close(&p);
	r.usage.mismatch = r.estimated = true;
	add(m, 0, &r);
	p = page_of(m, false);
	assert_sample(&p, "weir_usage_mismatch_total", "model=\"gpt-4o-mini\"", "1");
	assert_sample(&p, "weir_usage_estimated_total", AGENT, "1");
	page_close(&p);
	metrics_free(m);
}

static void many_agents_are_bounded_and_none_is_lost(void **state)
{
	struct metrics *m = metrics_new(2);
	struct record r = sample_record();
	struct page_read p;
	char name[40];

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "agent-%u", i);
		r.agent = slice_str(name);
		add(m, i % 2, &r);
	}
	p = page_of(m, false);
	assert_int_equal(page_count(&p, "agent_requests_total"), METRIC_SERIES_MAX + 1);
	assert_int_equal(page_sum(&p, "agent_requests_total"), 1500);
	assert_sample(&p, "agent_requests_total", "agent=\"other\"", "500");
	assert_sample(&p, "agent_latency_ms_count", "agent=\"other\"", "500");
	assert_sample(&p, "agent_cost_usd_total", "agent=\"other\"", "0.21725");
	/* Four kinds of tokens an agent: 250 agents fill it. */
	assert_int_equal(page_count(&p, "weir_tokens_total"), METRIC_SERIES_MAX + 4);
	assert_int_equal(page_sum(&p, "weir_tokens_total"), 1500 * 1104);
	assert_sample(&p, "weir_tokens_total", "agent=\"other\",model=\"other\",kind=\"output\"",
	        "87500");
	page_close(&p);
	metrics_free(m);
}

static void idle_series_leave_the_page(void **state)
{
	struct metrics *m = metrics_new(2);
	struct record r = sample_record();
	struct fake_clock clock;
	struct page_read p;

	(void)state;
	fake_clock_init(&clock);
	m->clock = &clock.clock;
	add(m, 0, &r);
	r.agent = SLICE("busy");
	add(m, 0, &r);
	p = page_of(m, false);
	page_close(&p);
	fake_clock_advance(&clock, 300 * NS_PER_S);
	add(m, 1, &r);
	p = page_of(m, false);
	assert_int_equal(page_count(&p, "agent_requests_total"), 2);
	page_close(&p);
	fake_clock_advance(&clock, 300 * NS_PER_S);
	p = page_of(m, false);
	assert_int_equal(page_count(&p, "agent_requests_total"), 1);
	assert_sample(&p, "agent_requests_total", "agent=\"busy\"", "2");
	page_close(&p);
	r = sample_record();
	add(m, 0, &r);
	p = page_of(m, false);
	assert_sample(&p, "agent_requests_total", AGENT, "1");
	page_close(&p);
	metrics_free(m);
}

static int count_without_memory(void *arg)
{
	struct metrics *m = metrics_new(2);
	struct record r = sample_record();
	struct metrics_gauges g = {.version = "1"};
	struct buf out = BUF_INIT(PAGE_MAX);
	int error;

	(void)arg;
	if (!m)
		return -ENOMEM;
	add(m, 0, &r);
	add(m, 1, &r);
	error = metrics_write(m, &g, false, &out);
	if (!error)
		error = buf_put_char(&out, '\0');
	if (!error && !strstr(buf_at(&out), "} 2\n"))
		error = strstr(buf_at(&out), "agent=\"other\"} 1") ? 0 : -EIO;
	buf_finish(&out);
	metrics_free(m);
	return error;
}

static void without_memory_nothing_is_lost_and_a_page_is_whole_or_none(void **state)
{
	(void)state;
	starve(count_without_memory, NULL);
}

static void once_a_series_is_there_nothing_is_allocated(void **state)
{
	struct metrics *m = metrics_new(1);
	struct record r = sample_record();

	(void)state;
	add(m, 0, &r);
	mem_fail_after(0);
	add(m, 0, &r);
	assert_int_equal(mem_count(), 0);
	mem_fail_after(-1);
	metrics_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(calls_are_counted_over_all_parts),
	        cmocka_unit_test(money_is_exact_to_the_nano_dollar),
	        cmocka_unit_test(every_token_is_in_one_kind),
	        cmocka_unit_test(a_counter_stops_at_its_end_and_does_not_wrap),
	        cmocka_unit_test(durations_fall_into_buckets),
	        cmocka_unit_test(tools_are_counted_by_what_became_of_them),
	        cmocka_unit_test(verdicts_are_counted_by_policy_and_mode),
	        cmocka_unit_test(attempts_are_counted_by_how_they_ended),
	        cmocka_unit_test(doubtful_usage_is_counted),
	        cmocka_unit_test(many_agents_are_bounded_and_none_is_lost),
	        cmocka_unit_test(idle_series_leave_the_page),
	        cmocka_unit_test(without_memory_nothing_is_lost_and_a_page_is_whole_or_none),
	        cmocka_unit_test(once_a_series_is_there_nothing_is_allocated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
