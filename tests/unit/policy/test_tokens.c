/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/tokens: what a provider said of one call is in the estimate of the next, of the
 * same agent and model only. */
#include "rig/unit.h"
#include "policy/tokens.h"
#include "text/tokens_learn.h"
#include "weir/exchange.h"

static struct exchange x;
static struct exchange_env env;
static struct tokens_learn learn;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(tokens_learn_init(&learn, 16), 0);
	env = (struct exchange_env){.learn = &learn};
	x = (struct exchange){.env = &env};
	arena_init(&x.arena, 1 << 16);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_finish(&x.arena);
	tokens_learn_finish(&learn);
	return 0;
}

/* A call that says a hundred words, before and after the provider has counted them. */
struct heard {
	uint64_t before, after;
};

static struct heard call(const char *name, const char *model, uint64_t told)
{
	struct agent_conf agent = {.name = slice_str(name), .allowance = {.n_token_rates = 1}};
	struct call c = {.exchange = &x, .agent = &agent};
	struct heard heard;

	tokens_count(&c);
	assert_non_null(c.tokens);
	for (unsigned i = 0; i < 100; i++)
		tokens_feed(c.tokens, SLICE("a word "));
	c.facts = (struct request_facts){.model = slice_str(model)};
	heard.before = tokens_input_estimate(&c);
	x.answer.usage = (struct usage){.known = told != 0, .in_uncached = told};
	tokens_settle(&c);
	heard.after = tokens_input_estimate(&c);
	return heard;
}

static void what_was_counted_is_in_the_next_estimate(void **state)
{
	uint64_t plain = call("a", "gpt-4o", 0).before;
	struct heard first, second;

	(void)state;
	assert_in_range(plain, 150, 300);
	first = call("a", "gpt-4o", plain * 3);
	assert_int_equal(first.before, plain);
	assert_true(first.after > plain);
	second = call("a", "gpt-4o", plain * 3);
	assert_int_equal(second.before, first.after);
	assert_true(second.after > first.after);
	assert_int_equal(call("b", "gpt-4o", 0).before, plain);
	assert_int_equal(call("a", "gpt-4.1", 0).before, plain);
}

static void without_a_learner_estimates_stay_as_they_are(void **state)
{
	struct heard heard;

	(void)state;
	env.learn = NULL;
	heard = call("a", "gpt-4o", 5000);
	assert_int_equal(heard.before, heard.after);
}

static void who_has_no_token_rate_is_not_counted(void **state)
{
	struct agent_conf agent = {.name = SLICE("a")};
	struct call c = {.exchange = &x, .agent = &agent, .facts = {.text_bytes = 400}};

	(void)state;
	tokens_count(&c);
	assert_null(c.tokens);
	assert_int_equal(tokens_input_estimate(&c), 101);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                what_was_counted_is_in_the_next_estimate, begin, end),
	        cmocka_unit_test_setup_teardown(
	                without_a_learner_estimates_stay_as_they_are, begin, end),
	        cmocka_unit_test_setup_teardown(who_has_no_token_rate_is_not_counted, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
