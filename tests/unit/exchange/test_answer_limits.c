/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/answer_limits: what an answer's head says about rates and budgets, to the
 * letter. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "rig/allowance_rig.h"

static struct allowance_rig rig;

static void begin(const char *agent)
{
	assert_int_equal(allowance_begin(&rig, agent, "", true), 0);
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	return 0;
}

static void assert_header(const char *name, const char *value)
{
	assert_string_equal(allowance_header(&rig, name), value);
}

static void each_window_is_told_in_the_order_of_the_policy(void **state)
{
	(void)state;
	begin(", rate_limit: [100/hour, 5/minute burst 2], token_rate_limit: 1000/hour");
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":90", NULL), 200);
	assert_header("ratelimit-policy",
	        "\"requests-3600-0\";q=100;w=3600, \"requests-60-1\";q=2;w=60, "
	        "\"tokens-3600-2\";q=1000;w=3600");
	assert_memory_equal(allowance_header(&rig, "ratelimit"),
	        "\"requests-3600-0\";r=99;t=36, \"requests-60-1\";r=1;t=12, \"tokens-3600-2\";r=90",
	        75);
	assert_header("x-ratelimit-limit-requests", "2");
	assert_header("x-ratelimit-remaining-requests", "1");
	assert_header("x-ratelimit-reset-requests", "12s");
	assert_header("x-ratelimit-limit-tokens", "1000");
	assert_int_equal(allowance_header(&rig, "x-ratelimit-remaining-tokens")[0], '9');
}

static void a_wait_is_written_as_openai_writes_it_and_never_too_short(void **state)
{
	static const struct {
		const char *rate, *reset;
	} cases[] = {
	        {"1000/second", "1ms"},
	        {"50/second", "20ms"},
	        {"3/second", "334ms"},
	        {"1/second", "1s"},
	        {"40/minute", "1.5s"},
	        {"32/minute", "1.875s"},
	        {"6/minute", "10s"},
	        {"7/hour", "8m35s"}, /* 8m34.3s */
	        {"10/hour", "6m0s"},
	        {"1/hour", "1h0m0s"},
	        {"7/day", "3h25m43s"}, /* 3h25m42.9s */
	        {"1/day", "24h0m0s"},
	};
	char agent[80];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(agent, sizeof(agent), ", rate_limit: %s", cases[i].rate);
		begin(agent);
		allowance_call(&rig, "", NULL);
		assert_header("x-ratelimit-reset-requests", cases[i].reset);
		allowance_end(&rig);
	}
	begin("");
}

static void a_refusal_tells_them_too(void **state)
{
	(void)state;
	begin(", rate_limit: [2/hour, 1/minute]");
	allowance_call(&rig, "", NULL);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_header(
	        "ratelimit-policy", "\"requests-3600-0\";q=2;w=3600, \"requests-60-1\";q=1;w=60");
	assert_header("ratelimit", "\"requests-3600-0\";r=1;t=1800, \"requests-60-1\";r=0;t=60");
	assert_header("x-ratelimit-remaining-requests", "0");
	assert_header("x-ratelimit-reset-requests", "1m0s");
	allowance_end(&rig);
	/* a window behind the one that refuses was not asked */
	begin(", rate_limit: [1/minute, 2/hour]");
	allowance_call(&rig, "", NULL);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_header("ratelimit", "\"requests-60-0\";r=0;t=60");
}

static void nothing_is_told_of_what_there_is_not(void **state)
{
	(void)state;
	begin("");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_header("ratelimit", "");
	assert_header("ratelimit-policy", "");
	assert_header("x-ratelimit-limit-requests", "");
	assert_header("x-weir-budget-remaining-usd", "");
	assert_header("x-weir-max-tokens", "");
	allowance_end(&rig);
	begin(", concurrency: 3");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_header("ratelimit", "");
}

static void what_is_left_of_an_agents_own_budgets_is_told(void **state)
{
	(void)state;
	begin(", budget: {agent: [{cost: 0.5, per: day}, {cost: 2, per: month}]}");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_header("x-weir-budget-remaining-usd", "0.49995"); /* 10 and 20 tokens */
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_header("x-weir-budget-remaining-usd", "0.4999");
	allowance_ask(&rig, ",\"max_tokens\":249900", NULL);
	allowance_reply(&rig, 0, 249900);
	allowance_read(&rig);
	assert_header("x-weir-budget-remaining-usd", "0.0001");
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_header("x-weir-budget-remaining-usd", "0.0001");
	allowance_ask(&rig, ",\"max_tokens\":4", NULL);
	allowance_reply(&rig, 1000, 1000); /* more than it should have been */
	allowance_read(&rig);
	assert_header("x-weir-budget-remaining-usd", "0");
}

static void what_others_share_in_is_not_told(void **state)
{
	(void)state;
	assert_int_equal(
	        allowance_begin(&rig,
	                ", budget: {agent: {tokens: 1M}, user: {cost: 1}, workflow: {cost: "
	                "1}, request: {cost: 1}}",
	                "budget: {cost: 3, per: day}\n", true),
	        0);
	assert_int_equal(
	        allowance_call(&rig, "", "x-weir-user: ann\r\nx-weir-workflow: w\r\n"), 200);
	assert_header("x-weir-budget-remaining-usd", "");
}

static void what_was_not_asked_is_not_known(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour, budget: {agent: {cost: 0.5}}");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_string_equal(allowance_code(&rig), "rate_limited");
	assert_header("x-weir-budget-remaining-usd", "");
	assert_int_equal(allowance_call(&rig, "", "x-weir-max-cost: 0\r\n"), 429);
	assert_header("x-weir-budget-remaining-usd", "");
	assert_header("ratelimit", "");
}

static void a_stream_is_told_what_is_left_with_all_of_it_reserved(void **state)
{
	char left[40];

	(void)state;
	begin(", budget: {agent: {cost: 1}}");
	allowance_ask(&rig, ",\"stream\":true,\"max_tokens\":1000", NULL);
	nanousd reserved = allowance_admitted(&rig)->ask.reservation.cost;
	scripted_source_head(&rig.x.source, 200, "text/event-stream");
	scripted_source_data(&rig.x.source, SLICE("data: [DONE]\n\n"));
	scripted_source_end(&rig.x.source);
	allowance_read(&rig);
	left[money_format(1000000000 - reserved, left)] = '\0';
	assert_header("x-weir-budget-remaining-usd", left);
}

static void a_bound_of_ours_is_told(void **state)
{
	(void)state;
	begin(", budget: {agent: {tokens: 3000}}");
	allowance_call(&rig, ",\"max_tokens\":1000", NULL);
	assert_header("x-weir-max-tokens", "");
	allowance_call(&rig, ",\"max_tokens\":9000", NULL);
	assert_int_equal(strtoull(allowance_header(&rig, "x-weir-max-tokens"), NULL, 10),
	        allowance_sent(&rig, "max_tokens"));
	allowance_call(&rig, "", NULL); /* no bound at all was asked for */
	assert_int_equal(strtoull(allowance_header(&rig, "x-weir-max-tokens"), NULL, 10),
	        allowance_sent(&rig, "max_completion_tokens"));
	allowance_post(&rig, "/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}", NULL);
	allowance_reply(&rig, 3, 0);
	allowance_read(&rig);
	assert_header("x-weir-max-tokens", "");
	/* a refusal has no bound */
	allowance_ask(&rig, "", NULL);
	allowance_reply(&rig, 2000, 700);
	allowance_call(&rig, "", NULL);
	assert_int_equal(rig.answer.status, 429);
	assert_header("x-weir-max-tokens", "");
}

static void a_provider_does_not_speak_of_our_rates(void **state)
{
	(void)state;
	for (unsigned own = 0; own < 2; own++) {
		begin(own ? ", rate_limit: 5/hour" : ", budget: {agent: {cost: 1}}");
		allowance_ask(&rig, "", NULL);
		scripted_source_header(&rig.x.source, "x-ratelimit-remaining-requests", "777");
		scripted_source_header(&rig.x.source, "x-weir-budget-remaining-usd", "9");
		scripted_source_header(&rig.x.source, "x-weir-max-tokens", "9");
		allowance_reply(&rig, 10, 20);
		allowance_read(&rig);
		assert_header("x-ratelimit-remaining-requests", own ? "4" : "777");
		assert_header("x-weir-budget-remaining-usd", own ? "" : "0.99995");
		assert_header("x-weir-max-tokens", own ? "" : "4096");
		if (!own)
			allowance_end(&rig);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(each_window_is_told_in_the_order_of_the_policy),
	        T(a_wait_is_written_as_openai_writes_it_and_never_too_short),
	        T(a_refusal_tells_them_too),
	        T(nothing_is_told_of_what_there_is_not),
	        T(what_is_left_of_an_agents_own_budgets_is_told),
	        T(what_others_share_in_is_not_told),
	        T(what_was_not_asked_is_not_known),
	        T(a_stream_is_told_what_is_left_with_all_of_it_reserved),
	        T(a_bound_of_ours_is_told),
	        T(a_provider_does_not_speak_of_our_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
