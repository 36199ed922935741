/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/admission: one question for rates and budgets, and whatever was granted is
 * settled once, however the call ends. */
#include "rig/unit.h"
#include "exchange/view.h"
#include "rig/allowance_rig.h"
#include "rig/starve.h"

#define BOTH                                                                                       \
	", rate_limit: [10/minute, 20/hour], concurrency: 5, min_output: 100, "                    \
	"budget: {agent: {cost: 1, per: day}, workflow: {cost: 0.5}}"
#define FLOW "x-weir-workflow: w1\r\n"

static struct allowance_rig rig;

static void begin(const char *agent)
{
	assert_int_equal(allowance_begin(&rig, agent, "", false), 0);
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	return 0;
}

static void assert_nothing_held(void)
{
	assert_int_equal(allowance_held(&rig, ""), 0);
	assert_int_equal(fake_store_waiting(&rig.fake), 0);
}

static void one_question_is_asked_for_rates_and_budgets_together(void **state)
{
	(void)state;
	begin(BOTH);
	allowance_ask(&rig, ",\"max_tokens\":100", FLOW);
	const struct admitted *a = allowance_admitted(&rig);
	assert_non_null(a);
	assert_int_equal(rig.fake.admits, 1);
	assert_int_equal(a->ask.n, 5);
	assert_int_equal(a->n_rates, 3);
	assert_int_equal(a->ask.demands[0].kind, DEMAND_RATE);
	assert_int_equal(a->ask.demands[2].kind, DEMAND_SLOT);
	assert_int_equal(a->ask.demands[3].kind, DEMAND_BUDGET);
	assert_int_equal(a->budgets[0]->scope, BUDGET_WORKFLOW); /* innermost first */
	assert_int_equal(a->budgets[1]->scope, BUDGET_AGENT);
	assert_int_equal(allowance_held(&rig, "r:"), 2);
	assert_int_equal(allowance_held(&rig, "c:"), 1);
	assert_int_equal(allowance_held(&rig, "b:agent"), a->ask.reservation.cost);
	allowance_reply(&rig, 10, 20);
	assert_int_equal(rig.fake.settles, 1);
	assert_int_equal(allowance_held(&rig, "r:"), 2);
	assert_int_equal(allowance_held(&rig, "c:"), 0);
	assert_int_equal(allowance_held(&rig, "b:agent"), 10 * 1000 + 20 * 2000);
	assert_int_equal(allowance_held(&rig, "b:workflow"), 10 * 1000 + 20 * 2000);
	assert_int_equal(rig.x.last.r.cost, 50000);
}

static void an_agent_without_limits_asks_nothing(void **state)
{
	(void)state;
	begin("");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(rig.fake.admits, 0);
	allowance_end(&rig);
	begin(", budget: {request: {cost: 1}}");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	assert_int_equal(rig.fake.admits, 0);
}

static void a_call_waits_for_a_store_that_answers_later(void **state)
{
	(void)state;
	begin(BOTH);
	rig.fake.pending = true;
	for (unsigned i = 0; i < 2; i++) {
		allowance_ask(&rig, ",\"max_tokens\":100", FLOW);
		rig_advance(&rig.x, NS_PER_S);
		assert_int_equal(rig.x.n_reached, 0);
		assert_int_equal(fake_store_waiting(&rig.fake), 1);
		assert_true(fake_store_answer(&rig.fake, 0));
		rig_settle(&rig.x);
		assert_int_equal(rig.x.n_reached, 1);
		assert_int_equal(allowance_sent(&rig, "max_tokens"), 100);
		allowance_reply(&rig, 10, 20);
		allowance_read(&rig);
		assert_int_equal(rig.answer.status, 200);
	}
	assert_int_equal(rig.fake.settles, 2);
	assert_int_equal(allowance_held(&rig, "b:agent"), 100000);
}

static void a_late_refusal_is_a_refusal(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour");
	assert_int_equal(allowance_call(&rig, "", NULL), 200);
	rig.fake.pending = true;
	allowance_ask(&rig, "", NULL);
	fake_store_answer(&rig.fake, 0);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 429);
	assert_string_equal(allowance_code(&rig), "rate_limited");
	assert_int_equal(allowance_held(&rig, "r:"), 1);
	assert_int_equal(rig.fake.settles, 1);
}

static void an_agent_that_leaves_while_the_store_is_asked_holds_nothing(void **state)
{
	(void)state;
	begin(BOTH);
	rig.fake.pending = true;
	allowance_ask(&rig, "", FLOW);
	exchange_on_client_gone(rig.x.down.exchange);
	rig_settle(&rig.x);
	assert_int_equal(rig.fake.drops, 1);
	assert_nothing_held();
	assert_int_equal(rig.x.last.r.fault, FAULT_CLIENT_GONE);
	/* the store has answered, and nobody has heard of it */
	allowance_ask(&rig, "", FLOW);
	fake_store_answer(&rig.fake, 0);
	assert_true(allowance_held(&rig, "") > 0);
	exchange_on_client_gone(rig.x.down.exchange);
	rig_settle(&rig.x);
	assert_int_equal(rig.x.n_reached, 0);
	assert_int_equal(rig.fake.settles, 1);
	assert_nothing_held();
}

static void a_store_that_cannot_say_stops_only_what_needs_it(void **state)
{
	static const struct {
		const char *agent, *headers;
		unsigned status;
	} cases[] = {
	        {", rate_limit: 1/hour", NULL, 503},
	        {", concurrency: 1", NULL, 503},
	        {", budget: {agent: {cost: 1}}", NULL, 503},
	        {", budget: {request: {cost: 1}}", NULL, 200},
	        {"", "x-weir-max-cost: 1\r\n", 200},
	        {", rate_limit: 1/hour, mode: {shadow: [rates]}", NULL, 200},
	        {", budget: {agent: {cost: 1}}, mode: {shadow: [budget]}", NULL, 200},
	        {", budget: {agent: {cost: 1}}, mode: {shadow: [rates]}", NULL, 503},
	        {", rate_limit: 1/hour, budget: {agent: {cost: 1}}, mode: {shadow: [budget]}", NULL,
	                503},
	        {", rate_limit: 1/hour, budget: {agent: {cost: 1}}, mode: {shadow: [rates, "
	         "budget]}",
	                NULL, 200},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(cases[i].agent);
		for (unsigned late = 0; late < 2; late++) {
			rig.fake.pending = late;
			rig.fake.fails = late ? 0 : -EIO;
			allowance_ask(&rig, "", cases[i].headers);
			fake_store_answer(&rig.fake, -ETIMEDOUT);
			rig_settle(&rig.x);
			if (rig.x.n_reached)
				allowance_reply(&rig, 10, 20);
			allowance_read(&rig);
			if (rig.answer.status != cases[i].status)
				fail_msg("%s: %u", cases[i].agent, rig.answer.status);
			if (cases[i].status == 503)
				assert_string_equal(allowance_code(&rig), "store_unavailable");
		}
		assert_int_equal(rig.fake.settles, 0);
		assert_nothing_held();
		allowance_end(&rig);
	}
	begin("");
}

static void without_a_store_nothing_that_needs_one_passes(void **state)
{
	(void)state;
	begin(BOTH);
	rig.x.env.store = NULL;
	assert_int_equal(allowance_call(&rig, "", FLOW), 503);
	assert_string_equal(allowance_code(&rig), "store_unavailable");
}

static void what_did_not_go_upstream_goes_back_rates_too(void **state)
{
	(void)state;
	begin(BOTH);
	rig.x.reach_fault = FAULT_UPSTREAM_UNREACHABLE;
	assert_int_equal(allowance_call(&rig, "", FLOW), 503);
	assert_int_equal(rig.fake.settles, 1);
	assert_nothing_held();
	rig.x.reach_fault = FAULT_NONE;
	rig.x.reach_result = -ENOMEM; /* refused once everything was granted */
	allowance_ask(&rig, "", FLOW);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 503);
	assert_int_equal(rig.fake.settles, 2);
	assert_nothing_held();
}

static void what_a_provider_refused_has_used_its_rate_and_no_money(void **state)
{
	(void)state;
	begin(BOTH);
	allowance_ask(&rig, "", FLOW);
	scripted_source_head(&rig.x.source, 429, "application/json");
	scripted_source_end(&rig.x.source);
	rig_settle(&rig.x);
	assert_int_equal(rig.fake.settles, 1);
	assert_int_equal(allowance_held(&rig, "r:"), 2);
	assert_int_equal(allowance_held(&rig, "b:"), 0);
	assert_int_equal(allowance_held(&rig, "c:"), 0);
}

static void an_agent_that_leaves_midway_is_charged_what_was_reserved(void **state)
{
	(void)state;
	begin(BOTH);
	allowance_ask(&rig, ",\"max_tokens\":1000", FLOW);
	nanousd reserved = allowance_admitted(&rig)->ask.reservation.cost;
	exchange_on_client_gone(rig.x.down.exchange);
	rig_settle(&rig.x);
	assert_true(reserved > 1000 * 2000);
	assert_int_equal(allowance_held(&rig, "b:agent"), reserved);
	assert_int_equal(rig.x.last.r.cost, reserved);
	assert_true(rig.x.last.r.estimated);
	assert_int_equal(allowance_held(&rig, "c:"), 0);
}

static void it_expires_after_the_longest_that_the_call_can_last_from_now(void **state)
{
	(void)state;
	begin(BOTH);
	allowance_ask(&rig, "", FLOW);
	const struct admitted *a = allowance_admitted(&rig);
	assert_int_equal(a->ask.now_wall_ns, rig.x.clock.wall);
	assert_int_equal(a->ask.expires, rig.x.clock.wall + (15 * 60 + 60) * NS_PER_S);
	allowance_reply(&rig, 1, 1);
	allowance_ask(&rig, "", FLOW "x-weir-timeout: 5s\r\n");
	a = allowance_admitted(&rig);
	assert_int_equal(a->ask.expires, rig.x.clock.wall + (5 + 60) * NS_PER_S);
	allowance_reply(&rig, 1, 1);
	/* a body that takes its time takes none of the call's */
	rig_reconnect(&rig.x);
	loopback_feed(
	        &rig.x.down, SLICE("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n"
	                           "content-type: application/json\r\ncontent-length: 60\r\n\r\n"));
	rig_advance(&rig.x, 8 * NS_PER_S);
	loopback_feed(&rig.x.down, SLICE("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
	                                 "\"content\":\"hello\"}]}"));
	a = allowance_admitted(&rig);
	assert_non_null(a);
	assert_int_equal(a->ask.now_wall_ns, rig.x.clock.wall);
	assert_int_equal(a->ask.expires, rig.x.clock.wall + (15 * 60 + 60) * NS_PER_S);
	allowance_reply(&rig, 1, 1);
}

static void no_instant_is_ahead_of_the_clock_however_late_in_a_turn_a_call_begins(void **state)
{
	(void)state;
	begin(BOTH);
	fake_clock_advance(&rig.x.clock, 20 * NS_PER_MS); /* the turn goes on, its instant stays */
	uint64_t late = rig.x.clock.mono - rig.x.now;
	allowance_ask(&rig, "", FLOW);
	const struct admitted *a = allowance_admitted(&rig);
	assert_int_equal(late, 20 * NS_PER_MS);
	assert_int_equal(a->ask.now_wall_ns, rig.x.clock.wall - late);
	rig.x.now = rig.x.clock.mono;
	allowance_reply(&rig, 1, 1);
}

static void each_attempt_has_an_id_of_its_own(void **state)
{
	char first[ID_LEN + 4];

	(void)state;
	begin(BOTH);
	allowance_ask(&rig, "", FLOW);
	const struct admitted *a = allowance_admitted(&rig);
	assert_int_equal(a->ask.id.len, ID_LEN + 2);
	assert_memory_equal(a->ask.id.at, rig.x.down.exchange->request_id, ID_LEN);
	assert_memory_equal(a->ask.id.at + ID_LEN, ":1", 2);
	memcpy(first, a->ask.id.at, ID_LEN);
	allowance_reply(&rig, 1, 1);
	allowance_ask(&rig, "", FLOW);
	assert_memory_not_equal(allowance_admitted(&rig)->ask.id.at, first, ID_LEN);
	allowance_reply(&rig, 1, 1);
}

static void people_have_no_names_in_a_store(void **state)
{
	(void)state;
	begin(", rate_limit: 5/hour per user, budget: {agent: {cost: 1}, user: {cost: 1}}");
	allowance_ask(&rig, "", "x-weir-user: ann@example.com\r\n");
	const struct admitted *a = allowance_admitted(&rig);
	assert_int_equal(a->ask.n, 3);
	for (unsigned i = 0; i < a->ask.n; i++)
		assert_null(
		        memmem(a->ask.demands[i].name.at, a->ask.demands[i].name.len, "ann", 3));
	assert_memory_equal(a->ask.demands[0].name.at, "r:tester:3600:user:", 19);
	assert_int_equal(a->ask.demands[0].name.len, 19 + 32);
	allowance_reply(&rig, 1, 1);
}

/* ---- without memory ---- */

static int starved(void *arg)
{
	bool late = *(bool *)arg;
	int e = allowance_begin(&rig, BOTH ", token_rate_limit: 1M/hour", "", false);

	if (!e) {
		rig.fake.pending = late;
		allowance_ask(&rig, ",\"max_tokens\":100", FLOW);
		fake_store_answer(&rig.fake, 0);
		rig_settle(&rig.x);
		if (rig.x.n_reached && rig.x.down.exchange)
			allowance_reply(&rig, 10, 20);
		rig_reconnect(&rig.x);
		rig_settle(&rig.x);
		assert_int_equal(allowance_held(&rig, "c:"), 0);
		assert_int_equal(fake_store_waiting(&rig.fake), 0);
		if (!rig.x.n_reached)
			assert_int_equal(allowance_held(&rig, ""), 0);
	}
	allowance_end(&rig);
	return e;
}

static void without_memory_nothing_is_held_and_nothing_leaks(void **state)
{
	bool late = false;

	(void)state;
	starve(starved, &late);
	late = true;
	starve(starved, &late);
	begin("");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(one_question_is_asked_for_rates_and_budgets_together),
	        T(an_agent_without_limits_asks_nothing),
	        T(a_call_waits_for_a_store_that_answers_later),
	        T(a_late_refusal_is_a_refusal),
	        T(an_agent_that_leaves_while_the_store_is_asked_holds_nothing),
	        T(a_store_that_cannot_say_stops_only_what_needs_it),
	        T(without_a_store_nothing_that_needs_one_passes),
	        T(what_did_not_go_upstream_goes_back_rates_too),
	        T(what_a_provider_refused_has_used_its_rate_and_no_money),
	        T(an_agent_that_leaves_midway_is_charged_what_was_reserved),
	        T(it_expires_after_the_longest_that_the_call_can_last_from_now),
	        T(no_instant_is_ahead_of_the_clock_however_late_in_a_turn_a_call_begins),
	        T(each_attempt_has_an_id_of_its_own),
	        T(people_have_no_names_in_a_store),
	        T(without_memory_nothing_is_held_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
