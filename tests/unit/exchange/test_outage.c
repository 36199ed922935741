/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/outage: what becomes of calls that the shared store cannot be asked about, by
 * what the policy says, whether it fails at once or after a while. */
#include <errno.h>
#include <stdlib.h>
#include "rig/allowance_rig.h"
#include "rig/unit.h"

#define REDIS(rule)                                                                                \
	"deployment_key: \"${env:WEIR_TEST_KEY}\"\n"                                               \
	"store: {kind: redis, url: \"redis://127.0.0.1\", on_outage: {rate_limits: " rule "}}\n"
#define RATE ", rate_limit: 2/minute, concurrency: 5"
#define BUDGET ", budget: {agent: {cost: 1, per: day}}"

static struct allowance_rig rig;
static struct embedded *here;

/* The fake store is the shared one, which fails; here is this process's own. */
static void begin(const char *agent, const char *top, bool later)
{
	assert_int_equal(allowance_begin(&rig, agent, top, false), 0);
	here = embedded_new((struct table_limits){1000, 1 << 20}, &rig.x.clock.clock);
	assert_non_null(here);
	rig.x.env.local = embedded_store(here);
	rig.fake.fails = later ? 0 : -EHOSTDOWN;
	rig.fake.pending = later;
}

static void end(void)
{
	allowance_end(&rig);
	embedded_free(here);
	here = NULL;
}

/* A call whose question fails: at once, or when its time is up. */
static unsigned call(bool later)
{
	allowance_ask(&rig, "", NULL);
	if (later && fake_store_waiting(&rig.fake))
		assert_true(fake_store_answer(&rig.fake, -ETIMEDOUT));
	rig_settle(&rig.x);
	if (rig.x.n_reached)
		allowance_reply(&rig, 10, 20);
	allowance_read(&rig);
	return rig.answer.status;
}

#define EITHER_WAY(later) for (unsigned later = 0; later < 2; later++)

static void rates_go_on_in_this_process_alone(void **state)
{
	(void)state;
	EITHER_WAY(later)
	{
		begin(RATE, REDIS("local"), later);
		assert_int_equal(call(later), 200);
		assert_int_equal(call(later), 200);
		assert_int_equal(call(later), 429);
		assert_string_equal(allowance_code(&rig), "rate_limited");
		assert_int_equal(rig.fake.settles, 0);
		end();
	}
}

static void a_place_that_was_taken_here_is_given_back_here(void **state)
{
	(void)state;
	begin(", concurrency: 1", REDIS("local"), false);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(call(false), 200);
	allowance_ask(&rig, "", NULL);
	rig.fake.fails =
	        0; /* it is there again: whoever was let go by this process is settled here */
	allowance_reply(&rig, 10, 20);
	assert_int_equal(rig.fake.settles, 0);
	rig.fake.fails = -EHOSTDOWN;
	assert_int_equal(call(false), 200);
	end();
}

static void rates_are_refused_where_the_policy_says_closed(void **state)
{
	(void)state;
	EITHER_WAY(later)
	{
		begin(RATE, REDIS("closed"), later);
		assert_int_equal(call(later), 503);
		assert_string_equal(allowance_code(&rig), "store_unavailable");
		assert_string_equal(allowance_header(&rig, "retry-after"), "1");
		assert_int_equal(rig.x.n_reached, 0);
		end();
	}
}

static void rates_are_not_counted_where_the_policy_says_open(void **state)
{
	(void)state;
	EITHER_WAY(later)
	{
		begin(RATE, REDIS("open"), later);
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(call(later), 200);
		end();
	}
}

static void budgets_are_refused_whatever_rates_may_do(void **state)
{
	static const char *const tops[] = {REDIS("local"), REDIS("closed"), REDIS("open")};
	static const char *const agents[] = {
	        BUDGET, RATE BUDGET, ", mode: {shadow: [rates], until: 2099-01-01}" RATE BUDGET};

	(void)state;
	for (unsigned t = 0; t < 3; t++)
		for (unsigned a = 0; a < 3; a++)
			EITHER_WAY(later)
			{
				begin(agents[a], tops[t], later);
				assert_int_equal(call(later), 503);
				assert_string_equal(allowance_code(&rig), "store_unavailable");
				assert_int_equal(rig.x.n_reached, 0);
				end();
			}
}

static void what_is_in_shadow_stops_nobody(void **state)
{
	(void)state;
	EITHER_WAY(later)
	{
		begin(", mode: {shadow: [budget], until: 2099-01-01}" RATE BUDGET, REDIS("local"),
		        later);
		assert_int_equal(call(later), 200);
		assert_int_equal(call(later), 200);
		assert_int_equal(call(later), 429);
		end();
		begin(", mode: {shadow: [rates, budget], until: 2099-01-01}" RATE BUDGET,
		        REDIS("closed"), later);
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(call(later), 200);
		end();
	}
}

static void who_needs_no_store_does_not_notice(void **state)
{
	(void)state;
	begin("", REDIS("closed"), false);
	assert_int_equal(call(false), 200);
	end();
	begin(", budget: {request: {cost: 1}}", REDIS("closed"), false);
	assert_int_equal(call(false), 200);
	end();
}

static void a_bound_of_one_call_holds_all_the_same(void **state)
{
	(void)state;
	begin(RATE ", budget: {request: {tokens: 600}}", REDIS("open"), false);
	allowance_ask(&rig, ",\"max_tokens\":5000", NULL);
	assert_in_range(allowance_sent(&rig, "max_tokens"), 1, 599);
	allowance_reply(&rig, 10, 20);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rates_go_on_in_this_process_alone),
	        cmocka_unit_test(a_place_that_was_taken_here_is_given_back_here),
	        cmocka_unit_test(rates_are_refused_where_the_policy_says_closed),
	        cmocka_unit_test(rates_are_not_counted_where_the_policy_says_open),
	        cmocka_unit_test(budgets_are_refused_whatever_rates_may_do),
	        cmocka_unit_test(what_is_in_shadow_stops_nobody),
	        cmocka_unit_test(who_needs_no_store_does_not_notice),
	        cmocka_unit_test(a_bound_of_one_call_holds_all_the_same),
	};

	setenv("WEIR_TEST_KEY", "0123456789abcdef0123456789abcdef", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
