/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/cache: what is answered again, for whom, and what memory that fails does to it.
 */
#include "rig/unit.h"
#include "base/mem.h"
#include "policy/registry.h"
#include "rig/allowance_rig.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "store/cache.h"

static struct allowance_rig rig;
static struct cache *cache;

static void begin(const char *agent)
{
	assert_int_equal(allowance_begin(&rig, agent, "", true), 0);
	cache = cache_new((struct cache_limits){1 << 20, 1 << 16});
	rig.x.env.cache = cache;
	rig.x.view->snapshot->conf->models[0].cache.ttl_ns = 10 * NS_PER_S;
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	cache_free(cache);
	return 0;
}

static const char *call(const char *more, const char *headers)
{
	assert_int_equal(allowance_call(&rig, more, headers), 200);
	assert_non_null(strstr(rig.answer.body, "hello"));
	return allowance_header(&rig, "x-weir-cache");
}

static void an_identical_call_is_answered_for_nothing(void **state)
{
	(void)state;
	begin("");
	assert_string_equal(call("", NULL), "miss");
	assert_true(rig.x.n_reached == 1 && rig.x.last.r.cost > 0);
	assert_string_equal(call("", NULL), "hit");
	assert_true(rig.x.n_reached == 0 && rig.x.last.r.cost == 0 && !rig.x.last.r.usage_known);
	assert_string_equal(rig.x.last.r.cache, "hit");
	assert_string_equal(call(",\"seed\":1", NULL), "miss");
	assert_string_equal(call("", "x-weir-user: ann\r\n"), "miss");
	assert_string_equal(call("", "x-other: 1\r\n"), "miss");
	assert_string_equal(call("", "x-weir-workflow: w\r\n"), "hit");
	rig_advance(&rig.x, 10 * NS_PER_S);
	assert_string_equal(call("", NULL), "miss");
}

static void a_hit_takes_of_rates_and_not_of_budgets(void **state)
{
	(void)state;
	begin(", rate_limit: 3/hour, budget: {agent: {tokens: 60}}, min_output: 20");
	assert_string_equal(call(",\"max_tokens\":20", NULL), "miss");
	assert_string_equal(call(",\"max_tokens\":20", NULL), "hit");
	assert_string_equal(call(",\"max_tokens\":20", NULL), "hit");
	assert_int_equal(allowance_call(&rig, ",\"max_tokens\":20", NULL), 429);
	assert_string_equal(allowance_code(&rig), "rate_limited");
}

static void what_a_budget_has_lowered_is_not_kept(void **state)
{
	(void)state;
	begin(", budget: {agent: {tokens: 1000}}, min_output: 1");
	assert_string_equal(call(",\"max_tokens\":5000", NULL), "miss");
	assert_string_equal(call(",\"max_tokens\":5000", NULL), "miss");
}

static void in_shadow_it_only_notes(void **state)
{
	(void)state;
	begin("");
	assert_string_equal(call("", NULL), "miss");
	allowance_end(&rig);
	cache_free(cache);
	begin("");
	((struct agent_conf *)conf_agent(rig.x.view->snapshot->conf, SLICE("tester")))->shadow =
	        SHADOW_CACHE;
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(call("", NULL), "bypass");
		assert_int_equal(rig.x.n_reached, 1);
		assert_int_equal(rig.x.last.r.shadow, i == 1);
	}
}

/* Whatever fails, the call ends, and what comes after is answered as ever. */
static void memory_may_fail(void **state)
{
	(void)state;
	for (long n = 0; n < 60; n++) {
		begin("");
		assert_string_equal(call("", NULL), "miss");
		mem_fail_after(n);
		allowance_ask(&rig, "", NULL);
		mem_fail_after(-1);
		if (rig.x.n_reached)
			allowance_reply(&rig, 10, 20);
		rig_settle(&rig.x);
		assert_string_equal(call("", NULL), "hit");
		end(NULL);
	}
	begin("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(an_identical_call_is_answered_for_nothing, end),
	        cmocka_unit_test_teardown(a_hit_takes_of_rates_and_not_of_budgets, end),
	        cmocka_unit_test_teardown(what_a_budget_has_lowered_is_not_kept, end),
	        cmocka_unit_test_teardown(in_shadow_it_only_notes, end),
	        cmocka_unit_test_teardown(memory_may_fail, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
