/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/local_budget: an agent hears what its limits leave to it, and nothing of what
 * others spend. */
#include "rig/unit.h"
#include <stdio.h>
#include "rig/allowance_rig.h"
#include "rig/starve.h"

static struct allowance_rig rig;

static void begin(const char *agent, const char *top, bool embedded)
{
	assert_int_equal(allowance_begin(&rig, agent, top, embedded), 0);
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	return 0;
}

static void get(const char *headers)
{
	char text[400];

	snprintf(text, sizeof(text),
	        "GET /weir/v1/budget HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n%s\r\n", headers);
	rig_reconnect(&rig.x);
	rig.x.n_records = 0;
	loopback_feed(&rig.x.down, slice_str(text));
	allowance_read(&rig);
}

static void assert_says(const char *text)
{
	if (!strstr(rig.answer.body, text))
		fail_msg("%s", rig.answer.body);
}

static void an_agent_without_limits_has_none(void **state)
{
	(void)state;
	begin("", "", false);
	rig.fake.fails = -EIO; /* nobody has to be asked */
	get("");
	assert_int_equal(rig.answer.status, 200);
	assert_string_equal(rig.answer.body,
	        "{\"agent\":\"tester\",\"rates\":[],\"rates_enforced\":true,\"budgets\":[],"
	        "\"budgets_enforced\":true}");
}

static void what_is_left_is_told_limit_by_limit(void **state)
{
	(void)state;
	begin(", rate_limit: 10/minute burst 5, token_rate_limit: 1000/hour, concurrency: 2, "
	      "budget: "
	      "{agent: [{cost: 1, tokens: 1000, per: day}, {cost: 5}], request: {cost: 0.1}}",
	        "", true);
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":300", NULL), 200);
	get("");
	assert_int_equal(rig.answer.status, 200);
	assert_string_equal(allowance_header(&rig, "content-type"), "application/json");
	assert_says("\"rates\":[{\"unit\":\"requests\",\"by\":\"agent\",\"limit\":10,\"period_"
	            "seconds\":60,\"burst\":5,\"remaining\":4,\"reset_seconds\":6},");
	assert_says("{\"unit\":\"tokens\",\"by\":\"agent\",\"limit\":1000,\"period_seconds\":3600,"
	            "\"burst\":1000,\"remaining\":970,\"reset_seconds\":108}],");
	assert_says("\"concurrency\":{\"limit\":2,\"has_room\":true}");
	assert_says("{\"scope\":\"request\",\"usd\":{\"limit\":0.1}}");
	assert_says("{\"scope\":\"agent\",\"per\":\"day\",\"usd\":{\"limit\":1,\"spent\":0.00005,"
	            "\"reserved\":0,\"left\":0.99995},\"tokens\":{\"limit\":1000,\"spent\":30,"
	            "\"reserved\":0,\"left\":970},\"has_room\":true,\"resets_at\":\"2026-01-02T00:"
	            "00:00Z\"}");
	assert_says("{\"scope\":\"agent\",\"per\":\"total\",\"usd\":{\"limit\":5,\"spent\":0.00005,"
	            "\"reserved\":0,\"left\":4.99995},\"has_room\":true}");
	assert_string_equal(rig.x.last.r.verdict, "allow");
	assert_string_equal(rig.x.last.r.action.at, "budget");
	get(""); /* looking takes nothing */
	assert_says("\"remaining\":4,");
}

static void what_is_used_up_is_nothing_left(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.001, tokens: 1000}}", "", true);
	allowance_ask(&rig, ",\"max_tokens\":100", NULL);
	allowance_reply(&rig, 2000, 1000);
	get("");
	assert_says("\"spent\":0.004,\"reserved\":0,\"left\":0}");
	assert_says("\"spent\":3000,\"reserved\":0,\"left\":0}");
	assert_says("\"has_room\":false");
}

static void what_others_share_in_shows_its_limit_and_whether_there_is_room(void **state)
{
	(void)state;
	begin(", team: crew, budget: {user: {cost: 2, per: day}, agent: {cost: 1}}",
	        "budget: {cost: 9, per: month}\nteams:\n  crew: {budget: {team: {cost: 3, per: "
	        "hour}}}\n",
	        true);
	assert_int_equal(allowance_call(&rig, "", "x-weir-user: ann\r\n"), 200);
	get("x-weir-user: ann\r\n");
	assert_says("\"user\":\"ann\"");
	assert_says("{\"scope\":\"user\",\"per\":\"day\",\"usd\":{\"limit\":2},\"has_room\":true,");
	assert_says("{\"scope\":\"team\",\"per\":\"hour\",\"usd\":{\"limit\":3},\"has_room\":true,"
	            "\"resets_at\":\"2026-01-01T01:00:00Z\"}");
	assert_says("{\"scope\":\"gateway\",\"per\":\"month\",\"usd\":{\"limit\":9},\"has_room\":"
	            "true,\"resets_at\":\"2026-02-01T00:00:00Z\"}");
	assert_says(
	        "{\"scope\":\"agent\",\"per\":\"total\",\"usd\":{\"limit\":1,\"spent\":0.00005,");
}

static void ids_that_are_named_and_believed_select_a_counter(void **state)
{
	const char *limits =
	        ", rate_limit: 5/hour per user, budget: {agent: {cost: 1}, user: {cost: "
	        "2}, workflow: {cost: 3}}";

	(void)state;
	begin(limits, "", true);
	assert_int_equal(
	        allowance_call(&rig, "", "x-weir-user: ann\r\nx-weir-workflow: w\r\n"), 200);
	get("x-weir-user: ann\r\nx-weir-workflow: w\r\n");
	assert_says(
	        "\"by\":\"user\",\"limit\":5,\"period_seconds\":3600,\"burst\":5,\"remaining\":4");
	assert_says("{\"scope\":\"user\",\"per\":\"total\",\"usd\":{\"limit\":2,\"spent\":0.00005");
	assert_says("{\"scope\":\"workflow\",\"per\":\"total\",\"usd\":{\"limit\":3,\"spent\":"
	            "0.00005");
	get("x-weir-user: bob\r\n");
	assert_says("\"burst\":5,\"remaining\":5");
	assert_says("{\"scope\":\"user\",\"per\":\"total\",\"usd\":{\"limit\":2,\"spent\":0,");
	assert_says("{\"scope\":\"workflow\",\"per\":\"total\",\"usd\":{\"limit\":3}}");
	get("");
	assert_null(strstr(rig.answer.body, "\"user\":\""));
	assert_says("\"by\":\"user\",\"limit\":5,\"period_seconds\":3600,\"burst\":5}");
	assert_says("{\"scope\":\"user\",\"per\":\"total\",\"usd\":{\"limit\":2}}");
}

static void a_shadow_may_have_spent_more_than_can_be_counted(void **state)
{
	struct demand d = {.kind = DEMAND_BUDGET,
	        .group = SLICE("a:tester"),
	        .name = SLICE("b:agent:tester:total"),
	        .soft = true,
	        .budget = {.limit_cost = 1, .limit_tokens = BUDGET_NO_TOKENS, .ends = UINT64_MAX}};
	struct admission a = {.demands = &d, .n = 1, .reservation = {.fixed_cost = INT64_MAX}};
	struct settlement used = {.ran = true, .cost = INT64_MAX};

	(void)state;
	begin(", budget: {agent: {cost: 1}}, mode: {shadow: [budget]}", "", true);
	struct store *s = embedded_store(rig.embedded);
	assert_int_equal(s->ops->admit(s, &a), READY);
	s->ops->settle(s, &a, &used);
	assert_int_equal(s->ops->admit(s, &a), READY);
	get("");
	assert_int_equal(rig.answer.status, 200);
	assert_says("\"left\":0");
	s->ops->settle(s, &a, &used);
}

static void shadow_is_said(void **state)
{
	(void)state;
	begin(", rate_limit: 1/hour, budget: {agent: {cost: 1}}, mode: {shadow: [budget]}", "",
	        true);
	get("");
	assert_says("\"rates_enforced\":true");
	assert_says("\"budgets_enforced\":false");
}

static void a_store_may_answer_later_or_not_at_all(void **state)
{
	(void)state;
	begin(", rate_limit: 5/hour", "", false);
	rig.fake.pending = true;
	get("");
	assert_false(rig.answer.begun);
	assert_int_equal(fake_store_waiting(&rig.fake), 1);
	rig_advance(&rig.x, NS_PER_S);
	exchange_wake(rig.x.down.exchange); /* for no reason */
	assert_int_equal(fake_store_waiting(&rig.fake), 1);
	fake_store_answer(&rig.fake, 0);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 200);
	assert_says("\"remaining\":5");
	get("");
	fake_store_answer(&rig.fake, -ETIMEDOUT);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 503);
	assert_string_equal(allowance_code(&rig), "store_unavailable");
	rig.fake.fails = -EIO;
	get("");
	assert_string_equal(allowance_code(&rig), "store_unavailable");
	rig.fake.fails = 0;
	get("");
	rig_reconnect(&rig.x); /* it leaves */
	rig_settle(&rig.x);
	assert_int_equal(fake_store_waiting(&rig.fake), 0);
	get("");
	exchange_on_shutdown(rig.x.down.exchange);
	rig_settle(&rig.x);
	assert_int_equal(fake_store_waiting(&rig.fake), 0);
}

static int starved(void *arg)
{
	int e = allowance_begin(&rig,
	        ", rate_limit: 5/hour per user, concurrency: 2, budget: {agent: {cost: 1}, user: "
	        "{cost: 1}}",
	        "", false);

	(void)arg;
	if (!e) {
		rig.fake.pending = true;
		get("x-weir-user: ann\r\n");
		fake_store_answer(&rig.fake, 0);
		rig_settle(&rig.x);
		rig_reconnect(&rig.x);
		assert_int_equal(fake_store_waiting(&rig.fake), 0);
	}
	allowance_end(&rig);
	return e;
}

static void without_memory_nothing_leaks(void **state)
{
	(void)state;
	starve(starved, NULL);
	begin("", "", false);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(an_agent_without_limits_has_none),
	        T(what_is_left_is_told_limit_by_limit),
	        T(what_is_used_up_is_nothing_left),
	        T(what_others_share_in_shows_its_limit_and_whether_there_is_room),
	        T(ids_that_are_named_and_believed_select_a_counter),
	        T(a_shadow_may_have_spent_more_than_can_be_counted),
	        T(shadow_is_said),
	        T(a_store_may_answer_later_or_not_at_all),
	        T(without_memory_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
