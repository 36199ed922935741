/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/budget: the worst case of a call is bounded, lowered to what is left, reserved,
 * and settled by what it really was. Prices are 1000 nano-dollars a token of input, 2000 of output.
 */
#include "rig/unit.h"
#include <stdio.h>
#include "policy/registry.h"
#include "rig/allowance_rig.h"
#include "rig/starve.h"

#define IN ((nanousd)1000)
#define OUT ((nanousd)2000)

static struct allowance_rig rig;
static uint64_t input; /* the bound of what allowance_ask asks */

static void begin(const char *agent)
{
	assert_int_equal(allowance_begin(&rig, agent, "", true), 0);
	allowance_ask(&rig, "", "x-weir-max-tokens: 1000000\r\n");
	input = allowance_admitted(&rig)->ask.reservation.fixed_tokens;
	assert_in_range(input, 2, 60);
	exchange_on_client_gone(rig.x.down.exchange);
	rig_settle(&rig.x);
}

static void begin_plain(const char *agent, bool embedded)
{
	assert_int_equal(allowance_begin(&rig, agent, "", embedded), 0);
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	return 0;
}

static const struct reservation *asked(void)
{
	const struct admitted *a = allowance_admitted(&rig);

	assert_non_null(a);
	return &a->ask.reservation;
}

static void assert_refused(const char *code, const char *says)
{
	assert_int_equal(rig.x.n_reached, 0);
	assert_string_equal(allowance_code(&rig), code);
	if (!strstr(rig.answer.body, says))
		fail_msg("%s", rig.answer.body);
}

/* ---- the worst case ---- */

static void the_worst_case_is_input_and_output_at_their_prices(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1}}", true);
	allowance_ask(&rig, ",\"max_tokens\":300", NULL);
	assert_int_equal(asked()->out_wanted, 300);
	assert_int_equal(asked()->out_granted, 300);
	assert_int_equal(asked()->out_price, OUT * 1000);
	assert_int_equal(asked()->fixed_cost, asked()->fixed_tokens * IN);
	assert_int_equal(asked()->cost, asked()->fixed_cost + 300 * OUT);
	assert_int_equal(asked()->tokens, asked()->fixed_tokens + 300);
	assert_int_equal(asked()->out_min, 256);
	allowance_reply(&rig, 1, 1);
	allowance_ask(&rig, ",\"max_tokens\":300,\"n\":4", NULL);
	assert_int_equal(asked()->out_price, OUT * 4000);
	assert_int_equal(asked()->out_tokens_each, 4);
	assert_int_equal(asked()->cost, asked()->fixed_cost + 1200 * OUT);
	allowance_reply(&rig, 1, 1);
	allowance_ask(&rig, ",\"max_tokens\":3", NULL);
	assert_int_equal(asked()->out_min, 3); /* whoever wants little gets it */
	allowance_reply(&rig, 1, 1);
}

static void who_names_no_bound_gets_the_expected_output(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1}}", true);
	allowance_ask(&rig, "", NULL);
	assert_int_equal(asked()->out_wanted, 4096);
	assert_int_equal(allowance_sent(&rig, "max_completion_tokens"), 4096);
	allowance_reply(&rig, 1, 1);
	allowance_read(&rig);
	assert_string_equal(allowance_header(&rig, "x-weir-max-tokens"), "4096");
	allowance_post(&rig, "/v1/chat/completions",
	        "{\"model\":\"capped\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
	        "\"max_tokens\":9000}",
	        NULL);
	assert_int_equal(asked()->out_wanted, 500); /* the model can write no more */
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 500);
	allowance_reply(&rig, 1, 1);
}

static void what_writes_nothing_reserves_its_input(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1, tokens: 1M}}", true);
	allowance_post(&rig, "/v1/embeddings", "{\"model\":\"m\",\"input\":\"some words\"}", NULL);
	assert_int_equal(asked()->out_wanted, 0);
	assert_int_equal(asked()->cost, asked()->fixed_tokens * IN);
	assert_in_range(asked()->fixed_tokens, 10, 60);
	assert_null(strstr(rig.x.sending, "max_"));
	allowance_reply(&rig, 3, 0);
	assert_int_equal(rig.x.last.r.cost, 3 * IN);
	allowance_post(&rig, "/v1/moderations", "{\"model\":\"m\",\"input\":\"some words\"}", NULL);
	assert_int_equal(asked()->cost, 0); /* it is free */
	allowance_reply(&rig, -1, 0);
	assert_int_equal(rig.x.last.r.cost, 0);
}

static void what_is_more_than_text_takes_the_window(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 100}}", true);
	allowance_post(&rig, "/v1/chat/completions",
	        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	        "\"image_url\",\"image_url\":{\"url\":\"https://a.example/x.png\"}}]}]}",
	        NULL);
	assert_in_range(
	        asked()->fixed_tokens, 1 << 20, (1 << 20) + 60); /* and its text beside it */
	assert_int_equal(asked()->fixed_cost, asked()->fixed_tokens * IN);
	allowance_reply(&rig, 1, 1);
}

/* What a provider does not take over of it is billed as output, beyond any bound. */
static void what_is_predicted_may_cost_as_if_it_were_written(void **state)
{
	static const char prediction[] = "{\"type\":\"content\",\"content\":\"0123456789\"}";
	nanousd plain;

	(void)state;
	begin_plain(", budget: {agent: {cost: 1}}", true);
	allowance_ask(&rig, ",\"max_tokens\":300,\"n\":2", NULL);
	plain = asked()->fixed_cost;
	allowance_reply(&rig, 1, 1);
	char more[128];
	snprintf(more, sizeof(more), ",\"max_tokens\":300,\"n\":2,\"prediction\":%s", prediction);
	allowance_ask(&rig, more, NULL);
	assert_in_range(
	        asked()->fixed_cost, plain + 10 * IN + 20 * OUT, plain + 50 * IN + 100 * OUT);
	assert_int_equal(asked()->cost, asked()->fixed_cost + 600 * OUT);
	allowance_reply(&rig, 1, 1);
}

static void audio_that_is_wanted_may_come(void **state)
{
	static const char *const wants[] = {"\"modalities\":[\"text\",\"audio\"]",
	        "\"audio\":{\"voice\":\"alloy\"}", "\"modalities\":[\"text\"]"};
	char more[96];

	(void)state;
	assert_int_equal(
	        allowance_begin(&rig, ", budget: {agent: {cost: 1}}", "unknown_price: count\n", true), 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(more, sizeof(more), ",\"max_tokens\":300,%s", wants[i]);
		allowance_ask(&rig, more, NULL);
		assert_int_equal(rig.x.down.exchange->calls[0].facts.wants_media, i < 2);
		assert_in_range(asked()->fixed_tokens, 10, 120);
		allowance_reply(&rig, 1, 1);
	}
}

/* It costs many times what text does, and a price of text alone bounds none of it. */
static void audio_without_a_price_is_refused_where_money_is_limited(void **state)
{
	static const char *const with[] = {"\"modalities\":[\"text\",\"audio\"]", "\"audio\":{\"voice\":\"alloy\"}"};
	static const char spoken[] =
	        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"%s\",\"%s\":{}}]}]}";
	char text[200];

	(void)state;
	begin_plain(", budget: {agent: {cost: 100}}", true);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), ",%s", with[i]);
		assert_int_equal(allowance_call(&rig, text, NULL), 403);
		assert_refused("price_unknown", "The price of audio is not known");
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), spoken, i ? "image_url" : "input_audio", i ? "image_url" : "input_audio");
		allowance_post(&rig, "/v1/chat/completions", text, NULL);
		assert_int_equal(rig.x.n_reached, i);
		if (i)
			allowance_reply(&rig, 1, 1);
	}
	allowance_end(&rig);
	begin_plain(", budget: {agent: {tokens: 4M}}", true);
	assert_int_equal(allowance_call(&rig, ",\"modalities\":[\"text\",\"audio\"]", NULL), 200);
}

static void so_many_answers_that_they_cannot_be_counted_are_too_many(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1}}", true);
	assert_int_equal(
	        allowance_call(&rig, ",\"max_tokens\":2147483647,\"n\":2147483647", NULL), 429);
	assert_refused("budget_exceeded", "not enough for this call");
	allowance_post(&rig, "/v1/completions",
	        "{\"model\":\"m\",\"prompt\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\","
	        "\"i\"],"
	        "\"n\":2147483647,\"max_tokens\":2147483647}",
	        NULL);
	allowance_read(&rig);
	assert_refused("budget_exceeded", "not enough for this call");
}

/* ---- lowering ---- */

static void the_bound_is_lowered_to_what_is_left(void **state)
{
	char agent[120];

	(void)state;
	begin("");
	allowance_end(&rig);
	snprintf(agent, sizeof(agent), ", budget: {agent: {tokens: %u}}", (unsigned)input + 1000);
	begin_plain(agent, true);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":5000", NULL), 200);
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 1000);
	assert_string_equal(allowance_header(&rig, "x-weir-max-tokens"), "1000");
	/* 30 were used */
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":5000,\"n\":3", NULL), 200);
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 970 / 3);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":500", NULL), 200);
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 500);
	assert_string_equal(allowance_header(&rig, "x-weir-max-tokens"), "");
	/* less than min_output is not worth it */
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":5000,\"n\":4", NULL), 429);
	assert_refused("budget_exceeded", "What is left of the agent's budget is not enough");
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":200,\"n\":4", NULL), 200);
}

static void every_limit_lowers_and_the_least_counts(void **state)
{
	char headers[200];

	(void)state;
	begin(", budget: {agent: {cost: 1}, request: {tokens: 3000}}");
	snprintf(headers, sizeof(headers), "x-weir-max-cost: 0.00%llu\r\n",
	        (unsigned long long)(input * 1000 + 2000 * 2000) / 1000);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":9000", headers), 200);
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 2000);
	snprintf(headers, sizeof(headers), "x-weir-max-tokens: %llu\r\n",
	        (unsigned long long)input + 700);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":9000", headers), 200);
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 700);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":9000", NULL), 200);
	assert_in_range(allowance_sent(&rig, "max_tokens"), 2900,
	        2999); /* less the estimate of its input */
	assert_int_equal(
	        allowance_call(&rig, ",\"max_tokens\":9000", "x-weir-max-cost: 9000000000\r\n"),
	        200);
}

static void callers_limits_that_leave_no_room_refuse(void **state)
{
	(void)state;
	begin("");
	assert_int_equal(allowance_call(&rig, "", "x-weir-max-cost: 0\r\n"), 429);
	assert_refused(
	        "budget_exceeded", "This call alone may cost more than the caller's budget for it");
	assert_string_equal(allowance_header(&rig, "x-should-retry"), "false");
	assert_int_equal(allowance_call(&rig, "", "x-weir-max-tokens: 1\r\n"), 429);
	assert_int_equal(
	        allowance_call(&rig, "", "x-weir-max-tokens: 200\r\n"), 429); /* under min_output */
	assert_int_equal(
	        allowance_call(&rig, ",\"max_tokens\":100", "x-weir-max-tokens: 200\r\n"), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
}

static void a_request_takes_the_estimate_for_its_input(void **state)
{
	char words[1201], body[2000]; /* about 200 tokens */

	(void)state;
	for (unsigned i = 0; i < 1200; i++)
		words[i] = "words "[i % 6];
	words[1200] = '\0';
	snprintf(body, sizeof(body),
	        "{\"model\":\"m\",\"max_tokens\":5000,\"messages\":[{\"role\":\"user\",\"content\":"
	        "\"%s\"}]}",
	        words);
	begin_plain(", budget: {request: {tokens: 900}}, min_output: 100", true);
	allowance_post(&rig, "/v1/chat/completions", body, NULL);
	assert_int_equal(rig.x.n_reached, 1);
	assert_in_range(allowance_sent(&rig, "max_tokens"), 650, 720);
	assert_true(asked()->fixed_tokens > 1200);
	allowance_reply(&rig, 1, 1);
}

/* ---- whose ---- */

static void a_call_without_a_workflow_is_its_own(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1}, workflow: {tokens: 1000}}", true);
	for (unsigned i = 0; i < 3; i++) {
		allowance_ask(&rig, ",\"max_tokens\":5000", NULL);
		assert_in_range(allowance_sent(&rig, "max_tokens"), 940, 998);
		allowance_reply(&rig, 100, 800);
	}
	allowance_ask(&rig, "", "x-weir-workflow: w\r\n");
	allowance_reply(&rig, 100, 800);
	assert_int_equal(allowance_call(&rig, "", "x-weir-workflow: w\r\n"), 429);
	assert_refused("budget_exceeded",
	        "the workflow's budget is not enough for this call. Do not repeat it.");
	assert_int_equal(allowance_call(&rig, "", "x-weir-workflow: v\r\n"), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
}

static void a_user_has_to_be_named_and_believed(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1}, user: {tokens: 1000, per: day}}", true);
	assert_int_equal(allowance_call(&rig, "", NULL), 400);
	assert_refused("attribution_required", "x-weir-user");
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: ann\r\n"), 200);
	assert_int_equal(allowance_call(&rig, ",\"user\":\"ann\"", NULL), 200);
	allowance_end(&rig);
	/* whoever is not believed selects no budget: his workflow is nobody's */
	begin_plain(", trust_claimed: [user, workflow], budget: {agent: {tokens: 100k}, workflow: "
	            "{tokens: 5000}}",
	        true);
	allowance_ask(&rig, "", "x-weir-workflow: w\r\n");
	assert_int_equal(allowance_admitted(&rig)->ask.n, 2);
	allowance_reply(&rig, 1, 1);
}

static void windows_are_the_calendars_and_begin_anew(void **state)
{
	(void)state;
	begin_plain(", min_output: 1, budget: {agent: [{tokens: 500, per: hour}, {tokens: 800, "
	            "per: day}]}",
	        true);
	allowance_ask(&rig, "", NULL);
	allowance_reply(&rig, 20, 465);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("budget_exceeded",
	        "the agent's budget for this hour is not enough for this call. It begins anew at "
	        "2026-01-01T01:00:00Z. Do not repeat the call before.");
	assert_string_equal(allowance_header(&rig, "retry-after"), "");
	fake_clock_advance(&rig.x.clock, 3600 * NS_PER_S);
	rig.x.now = rig.x.clock.mono;
	allowance_ask(&rig, "", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	allowance_reply(&rig, 20, 280);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("budget_exceeded", "for this day is not enough for this call. It begins "
	                                  "anew at 2026-01-02T00:00:00Z.");
}

static void what_others_hold_is_told_apart_from_what_is_spent(void **state)
{
	struct demand d = {.kind = DEMAND_BUDGET,
	        .group = SLICE("a:tester"),
	        .name = SLICE("b:agent:tester:total"),
	        .budget = {.limit_cost = BUDGET_NO_COST,
	                .limit_tokens = 1000,
	                .ends = WINDOW_NEVER_ENDS}};
	struct admission held = {
	        .demands = &d, .n = 1, .id = SLICE("x"), .reservation = {.fixed_tokens = 900}};
	struct store *s;

	(void)state;
	begin_plain(", budget: {agent: {tokens: 1000}}", true);
	s = rig.x.env.store;
	held.now_wall_ns = rig.x.clock.wall;
	held.expires = rig.x.clock.wall + 30 * NS_PER_S;
	assert_int_equal(s->ops->admit(s, &held), READY);
	assert_true(held.granted);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("budget_reserved",
	        "Calls that still run hold what is left of the agent's budget; wait for them.");
	assert_non_null(strstr(rig.answer.body, "rate_limit_error"));
	assert_string_equal(allowance_header(&rig, "retry-after"), "30");
	s->ops->settle(s, &held, &(struct settlement){.ran = true, .tokens = 900});
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("budget_exceeded", "Do not repeat it.");
}

static void the_whole_gateway_is_a_scope_too(void **state)
{
	(void)state;
	assert_int_equal(allowance_begin(&rig, "", "budget: {tokens: 500, per: month}\n", true), 0);
	allowance_ask(&rig, "", NULL);
	allowance_reply(&rig, 200, 299);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("budget_exceeded", "the gateway's budget for this month");
	assert_string_equal(allowance_header(&rig, "x-weir-budget-remaining-usd"), "");
}

/* ---- prices that nobody knows ---- */

static unsigned dear(const char *headers)
{
	allowance_post(&rig, "/v1/chat/completions",
	        "{\"model\":\"dear\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
	        headers);
	if (rig.x.n_reached)
		allowance_reply(&rig, 10, 20);
	allowance_read(&rig);
	return rig.answer.status;
}

static void an_unknown_price_is_refused_where_money_is_limited(void **state)
{
	static const struct {
		const char *agent, *top, *headers;
		unsigned status;
	} cases[] = {
	        {"", "", NULL, 200},
	        {"", "", "x-weir-max-cost: 1\r\n", 403},
	        {"", "", "x-weir-max-tokens: 9000\r\n", 200},
	        {", budget: {agent: {cost: 1}}", "", NULL, 403},
	        {", budget: {agent: {tokens: 9000}}", "", NULL, 200},
	        {"", "budget: {cost: 1, per: day}\n", NULL, 403},
	        {", budget: {agent: {cost: 1}}", "unknown_price: count\n", NULL, 200},
	        {"", "unknown_price: deny\n", NULL, 403},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(allowance_begin(&rig, cases[i].agent, cases[i].top, true), 0);
		if (dear(cases[i].headers) != cases[i].status)
			fail_msg("%u: %u", i, rig.answer.status);
		if (cases[i].status == 403)
			assert_string_equal(allowance_code(&rig), "price_unknown");
		allowance_end(&rig);
	}
	begin("");
}

/* ---- afterwards ---- */

static void usage_that_never_came_is_charged_as_the_policy_says(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {cost: 1}}", false);
	allowance_ask(&rig, ",\"max_tokens\":1000", NULL);
	nanousd reserved = asked()->cost;
	allowance_reply(&rig, -1, 0);
	assert_true(rig.x.last.r.estimated);
	assert_int_equal(rig.x.last.r.cost, reserved);
	assert_int_equal(allowance_held(&rig, "b:"), reserved);
	allowance_end(&rig);
	begin_plain(", budget: {agent: {cost: 1}, on_unknown_usage: estimate}", false);
	allowance_ask(&rig, ",\"max_tokens\":1000", NULL);
	allowance_reply(&rig, -1, 0);
	assert_true(rig.x.last.r.estimated);
	assert_in_range(rig.x.last.r.cost, 1, 100 * OUT);
	assert_int_equal(allowance_held(&rig, "b:"), rig.x.last.r.cost);
	allowance_end(&rig);
	/* a limit of one call alone is a budget as well */
	begin_plain("", false);
	allowance_ask(&rig, "", "x-weir-max-tokens: 2000\r\n");
	reserved = asked()->cost;
	assert_true(reserved > 1900 * OUT);
	allowance_reply(&rig, -1, 0);
	assert_int_equal(rig.x.last.r.cost, reserved);
}

/* ---- shadow ---- */

#define SHADOW ", mode: {shadow: [budget]}"

static void shadow_changes_nothing_of_a_call_and_counts_it(void **state)
{
	(void)state;
	begin_plain(", budget: {agent: {tokens: 1000}, request: {tokens: 200}}" SHADOW, true);
	for (unsigned i = 0; i < 3; i++) {
		allowance_ask(&rig, "", NULL);
		assert_null(strstr(rig.x.sending, "max_"));
		allowance_reply(&rig, 100, 400);
		allowance_read(&rig);
		assert_int_equal(rig.answer.status, 200);
		assert_true(rig.x.last.r.shadow);
		assert_string_equal(allowance_header(&rig, "x-weir-max-tokens"), "");
		assert_string_equal(allowance_header(&rig, "x-weir-budget-remaining-usd"), "");
	}
	allowance_end(&rig);
	begin_plain(", budget: {agent: {cost: 1}}" SHADOW, false);
	allowance_ask(&rig, "", NULL);
	assert_null(strstr(rig.x.sending, "max_"));
	allowance_reply(&rig, 10, 20);
	assert_false(rig.x.last.r.shadow); /* it would have passed */
	assert_int_equal(allowance_held(&rig, "b:"), 50000);
}

static void both_in_shadow_stop_nobody(void **state)
{
	(void)state;
	begin_plain(", rate_limit: 1/hour, budget: {agent: {tokens: 300}}, mode: {shadow: [rates, "
	            "budget]}",
	        true);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(rig.x.last.r.verdicts[4].verdict, VERDICT_ANSWER);
	assert_int_equal(rig.x.last.r.verdicts[6].verdict, VERDICT_ANSWER);
	assert_int_equal(rig.x.last.r.verdicts[6].mode, MODE_SHADOW);
}

static void a_budget_in_shadow_leaves_rates_in_force(void **state)
{
	(void)state;
	begin_plain(", rate_limit: 1/hour, budget: {agent: {tokens: 300}}" SHADOW, true);
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_refused("rate_limited", "");
}

static void callers_limits_hold_in_shadow_too(void **state)
{
	(void)state;
	begin(", budget: {agent: {tokens: 300}}" SHADOW);
	assert_int_equal(
	        allowance_call(&rig, ",\"max_tokens\":5000", "x-weir-max-tokens: 800\r\n"), 200);
	assert_int_equal(allowance_sent(&rig, "max_tokens"), 800 - input);
	assert_true(rig.x.last.r.shadow);
	assert_int_equal(allowance_call(&rig, "", "x-weir-max-cost: 0\r\n"), 429);
	assert_refused("budget_exceeded", "the caller's budget");
	assert_int_equal(rig.x.last.r.verdicts[5].mode, MODE_ENFORCE);
	allowance_end(&rig);
	begin_plain(", budget: {agent: {tokens: 300}}" SHADOW, false);
	rig.fake.fails = -EIO;
	assert_int_equal(
	        allowance_call(&rig, ",\"max_tokens\":5000", "x-weir-max-tokens: 800\r\n"), 200);
	assert_in_range(allowance_sent(&rig, "max_tokens"), 700, 800);
}

static int starved(void *arg)
{
	int e = allowance_begin(
	        &rig, ", budget: {agent: {tokens: 300}, user: {cost: 1}}" SHADOW, "", false);

	(void)arg;
	if (!e) {
		allowance_ask(&rig, ",\"max_tokens\":5000",
		        "x-weir-max-tokens: 800\r\nx-weir-user: ann\r\n");
		rig_settle(&rig.x);
		if (rig.x.n_reached)
			assert_in_range(allowance_sent(&rig, "max_tokens"), 700, 800);
		rig_reconnect(&rig.x);
		rig_settle(&rig.x);
		assert_int_equal(fake_store_waiting(&rig.fake), 0);
	}
	allowance_end(&rig);
	return e;
}

static void without_memory_no_call_goes_on_without_its_own_limit(void **state)
{
	(void)state;
	starve(starved, NULL);
	begin_plain("", false);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(the_worst_case_is_input_and_output_at_their_prices),
	        T(who_names_no_bound_gets_the_expected_output),
	        T(what_writes_nothing_reserves_its_input),
	        T(what_is_more_than_text_takes_the_window),
	        T(what_is_predicted_may_cost_as_if_it_were_written),
	        T(audio_that_is_wanted_may_come),
	        T(audio_without_a_price_is_refused_where_money_is_limited),
	        T(so_many_answers_that_they_cannot_be_counted_are_too_many),
	        T(the_bound_is_lowered_to_what_is_left),
	        T(every_limit_lowers_and_the_least_counts),
	        T(callers_limits_that_leave_no_room_refuse),
	        T(a_request_takes_the_estimate_for_its_input),
	        T(a_call_without_a_workflow_is_its_own),
	        T(a_user_has_to_be_named_and_believed),
	        T(windows_are_the_calendars_and_begin_anew),
	        T(what_others_hold_is_told_apart_from_what_is_spent),
	        T(the_whole_gateway_is_a_scope_too),
	        T(an_unknown_price_is_refused_where_money_is_limited),
	        T(usage_that_never_came_is_charged_as_the_policy_says),
	        T(shadow_changes_nothing_of_a_call_and_counts_it),
	        T(both_in_shadow_stop_nobody),
	        T(a_budget_in_shadow_leaves_rates_in_force),
	        T(callers_limits_hold_in_shadow_too),
	        T(without_memory_no_call_goes_on_without_its_own_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
