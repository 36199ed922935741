/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/rates: how often, with how many tokens and how many at once, and what whoever is
 * refused is told. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "policy/registry.h"
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

static void again(const char *agent)
{
	allowance_end(&rig);
	begin(agent);
}

static void assert_refused(const char *code, const char *says)
{
	assert_int_equal(rig.x.n_reached, 0);
	assert_string_equal(allowance_code(&rig), code);
	if (!strstr(rig.answer.body, says))
		fail_msg("%s", rig.answer.body);
	assert_string_equal(rig.x.last.r.verdict, "deny");
}

static void so_many_pass_and_the_next_hears_how_long_to_wait(void **state)
{
	(void)state;
	begin(", rate_limit: 3/minute");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("rate_limited",
	        "This agent's rate is 3 requests in 1m; wait as long as retry-after says.");
	assert_string_equal(allowance_header(&rig, "retry-after-ms"), "20000");
	assert_string_equal(allowance_header(&rig, "retry-after"), "20");
	assert_string_equal(allowance_header(&rig, "x-should-retry"), "");
	rig_advance(&rig.x, 19 * NS_PER_S);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_string_equal(allowance_header(&rig, "retry-after-ms"), "1000");
	rig_advance(&rig.x, NS_PER_S);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
}

static void a_wait_over_a_minute_is_not_named(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour");
	allowance_call(&rig, "", NULL);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_string_equal(allowance_header(&rig, "x-should-retry"), "false");
	assert_string_equal(allowance_header(&rig, "retry-after"), "");
	assert_string_equal(allowance_header(&rig, "retry-after-ms"), "");
}

static void a_burst_is_smaller_than_what_a_period_admits(void **state)
{
	(void)state;
	begin(", rate_limit: 60/hour burst 2");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_string_equal(allowance_header(&rig, "retry-after"), "60");
	assert_non_null(strstr(rig.answer.body, "60 requests in 1h"));
}

static void the_first_window_that_refuses_is_the_one_that_is_named(void **state)
{
	(void)state;
	begin(", rate_limit: [2/hour, 1/minute]");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("rate_limited", "1 requests in 1m");
	rig_advance(&rig.x, 60 * NS_PER_S);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("rate_limited", "2 requests in 1h");
}

static void users_have_rates_of_their_own_where_they_are_believed(void **state)
{
	(void)state;
	begin(", rate_limit: 1/minute per user");
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: ann\r\n"), 200);
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: ann\r\n"), 429);
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: bob\r\n"), 200);
	assert_int_equal(
	        allowance_call(&rig, ",\"user\":\"cy\"", NULL), 200); /* the body says so too */
	assert_int_equal(allowance_call(&rig, ",\"user\":\"cy\"", NULL), 429);
	assert_int_equal(allowance_call(&rig, "", NULL), 400);
	assert_refused("attribution_required", "\"param\":\"x-weir-user\"");
	again(", rate_limit: [1/minute, 1/minute per user]");
	assert_int_equal(
	        allowance_call(&rig, "", NULL), 400); /* and it took nothing from the other */
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: ann\r\n"), 200);
}

static void a_user_that_is_missing_is_noted_in_shadow(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		assert_int_equal(allowance_begin(&rig,
		                         ", rate_limit: [1/minute per user, 5/hour], mode: "
		                         "{shadow: [rates]}",
		                         "", false),
		        0);
		rig.fake.pending = late;
		allowance_ask(&rig, "", NULL);
		fake_store_answer(&rig.fake, 0);
		rig_settle(&rig.x);
		assert_int_equal(rig.x.n_reached, 1);
		allowance_reply(&rig, 1, 1);
		assert_true(rig.x.last.r.shadow);
		assert_int_equal(rig.x.last.r.verdicts[4].verdict, VERDICT_ANSWER);
		assert_int_equal(rig.x.last.r.verdicts[4].mode, MODE_SHADOW);
		assert_int_equal(allowance_held(&rig, "r:"), 1);
		if (!late)
			allowance_end(&rig);
	}
}

static void keys_have_rates_of_their_own_and_no_key_is_one(void **state)
{
	(void)state;
	begin(", rate_limit: 2/minute per key");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
}

static uint64_t tokens_left(void)
{
	return strtoull(allowance_header(&rig, "x-ratelimit-remaining-tokens"), NULL, 10);
}

static void tokens_are_taken_as_estimated_and_corrected(void **state)
{
	(void)state;
	begin(", token_rate_limit: 1000/hour");
	allowance_ask(&rig, ",\"max_tokens\":400", NULL);
	const struct demand *d = &allowance_admitted(&rig)->ask.demands[0];
	assert_true(d->by_tokens);
	assert_in_range(d->rate.units, 401, 420);
	assert_int_equal(d->left, 1000 - d->rate.units);
	allowance_reply(&rig, 10, 20);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":100", NULL), 200);
	assert_in_range(tokens_left(), 1000 - 30 - 120, 1000 - 30 - 101);
	/* several answers */
	allowance_ask(&rig, ",\"max_tokens\":100,\"n\":3", NULL);
	assert_in_range(allowance_admitted(&rig)->ask.demands[0].rate.units, 301, 320);
	allowance_reply(&rig, 10, 20);
}

static void a_call_larger_than_the_burst_waits_for_all_of_it_and_owes_the_rest(void **state)
{
	(void)state;
	begin(", token_rate_limit: 600/minute");
	allowance_ask(&rig, ",\"max_tokens\":5000", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	assert_int_equal(allowance_admitted(&rig)->ask.demands[0].rate.units, 600);
	allowance_reply(&rig, 200, 1000);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":1", NULL), 429);
	assert_refused("rate_limited", "600 tokens in 1m");
	rig_advance(&rig.x, 61 * NS_PER_S);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":1", NULL), 200);
	/* more than can be counted is not little */
	allowance_ask(&rig, ",\"max_tokens\":2147483647,\"n\":2147483647", NULL);
	assert_int_equal(rig.x.n_reached, 0);
	allowance_read(&rig);
	assert_string_equal(allowance_code(&rig), "rate_limited");
}

static void what_writes_nothing_takes_its_input_only(void **state)
{
	(void)state;
	begin(", token_rate_limit: 1000/hour");
	allowance_post(
	        &rig, "/v1/embeddings", "{\"model\":\"m\",\"input\":\"some words here\"}", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	assert_in_range(allowance_admitted(&rig)->ask.demands[0].rate.units, 1, 20);
	allowance_reply(&rig, 3, 0);
}

static void a_place_is_free_again_when_a_call_ends(void **state)
{
	struct demand other = {.kind = DEMAND_SLOT,
	        .group = SLICE("a:tester"),
	        .name = SLICE("c:tester"),
	        .slot = {2}};
	struct admission held = {.demands = &other, .n = 1, .id = SLICE("x")};
	struct store *s;

	(void)state;
	begin(", concurrency: 2");
	s = rig.x.env.store;
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(s->ops->admit(s, &held), READY);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	struct demand more = other;
	struct admission second = {.demands = &more, .n = 1, .id = SLICE("y")};
	assert_int_equal(s->ops->admit(s, &second), READY);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("concurrency_limited",
	        "This agent may have 2 calls at once; wait for one of them to end.");
	assert_string_equal(allowance_header(&rig, "retry-after-ms"), "1000");
	assert_string_equal(allowance_header(&rig, "retry-after"), "1");
	s->ops->settle(s, &second, &(struct settlement){.ran = true});
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	s->ops->settle(s, &held, &(struct settlement){.ran = true});
}

static void shadow_stops_nobody_and_takes_nothing_from_who_comes_after(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour, mode: {shadow: [rates]}");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_false(rig.x.last.r.shadow);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_true(rig.x.last.r.shadow);
	assert_int_equal(rig.x.last.r.verdicts[4].verdict, VERDICT_ANSWER);
	assert_string_equal(
	        allowance_header(&rig, "ratelimit"), ""); /* what does not hold is not told */
	assert_string_equal(allowance_header(&rig, "x-ratelimit-remaining-requests"), "");
	rig_advance(&rig.x, 3600 * NS_PER_S);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_false(rig.x.last.r.shadow);
}

static void rates_in_shadow_leave_a_budget_in_force(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour, budget: {agent: {tokens: 400}}, min_output: 100, mode: "
	      "{shadow: [rates]}");
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":300", NULL), 200);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":300", NULL), 200);
	assert_true(rig.x.last.r.shadow);
	allowance_ask(&rig, ",\"max_tokens\":300", NULL);
	allowance_reply(&rig, 10, 270);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":300", NULL), 429);
	assert_refused("budget_exceeded", "insufficient_quota");
}

static void a_rate_is_named_before_a_budget(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour, budget: {agent: {tokens: 2000}}");
	allowance_ask(&rig, "", NULL);
	allowance_reply(&rig, 1000, 1000);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("rate_limited", "1 requests in 1h");
	/* and what the budget refuses has taken none of the rate */
	again(", rate_limit: 2/hour, budget: {agent: {tokens: 2000}}");
	allowance_ask(&rig, "", NULL);
	allowance_reply(&rig, 1000, 1000);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(allowance_call(&rig, "", NULL), 429);
		assert_refused("budget_exceeded", "for this call. Do not repeat it.");
	}
}

static void too_many_callers_of_their_own_are_not_kept(void **state)
{
	char header[60];

	(void)state;
	assert_int_equal(allowance_begin(&rig, ", rate_limit: 5/hour per user", "", true), 0);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(header, sizeof(header), "x-weir-user: u%u\r\n", i);
		assert_int_equal(allowance_call(&rig, "", header), 200);
	}
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: one-more\r\n"), 429);
	assert_refused("rate_limited", "So many callers have a rate of their own here (5 requests "
	                               "in 1h) that no more are taken");
	assert_string_equal(allowance_header(&rig, "ratelimit"), "");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(so_many_pass_and_the_next_hears_how_long_to_wait),
	        T(a_wait_over_a_minute_is_not_named),
	        T(a_burst_is_smaller_than_what_a_period_admits),
	        T(the_first_window_that_refuses_is_the_one_that_is_named),
	        T(users_have_rates_of_their_own_where_they_are_believed),
	        T(a_user_that_is_missing_is_noted_in_shadow),
	        T(keys_have_rates_of_their_own_and_no_key_is_one),
	        T(tokens_are_taken_as_estimated_and_corrected),
	        T(a_call_larger_than_the_burst_waits_for_all_of_it_and_owes_the_rest),
	        T(what_writes_nothing_takes_its_input_only),
	        T(a_place_is_free_again_when_a_call_ends),
	        T(shadow_stops_nobody_and_takes_nothing_from_who_comes_after),
	        T(rates_in_shadow_leave_a_budget_in_force),
	        T(a_rate_is_named_before_a_budget),
	        T(too_many_callers_of_their_own_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
