/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/excess: who has used more than was reserved for him is charged all of it, and
 * no more calls like it are made under a budget until the policy is loaded anew. */
#include "rig/unit.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "exchange/excess.h"
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

static void call(const char *more, int input, int output)
{
	allowance_ask(&rig, more, NULL);
	assert_int_equal(rig.x.n_reached, 1);
	allowance_reply(&rig, input, output);
}

static bool is_refused(const char *more)
{
	allowance_ask(&rig, more, NULL);
	if (rig.x.n_reached)
		allowance_reply(&rig, 1, 1);
	allowance_read(&rig);
	if (rig.answer.status == 200)
		return false;
	assert_int_equal(rig.answer.status, 403);
	assert_string_equal(allowance_code(&rig), "price_unknown");
	return true;
}

#define WEB ",\"max_tokens\":300,\"web_search_options\":{}"

static void what_went_beyond_is_charged_and_not_repeated(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 100}}");
	call(",\"max_tokens\":300", 10, 300);
	assert_false(rig.x.last.r.reservation_exceeded);
	call(",\"max_tokens\":300", 10, 5000);
	assert_true(rig.x.last.r.reservation_exceeded);
	assert_int_equal(rig.x.last.r.cost, 10 * 1000 + 5000 * 2000);
	assert_true(is_refused(",\"max_tokens\":300"));
	assert_true(is_refused(""));
}

static void calls_of_another_kind_go_on(void **state)
{
	(void)state;
	begin(", hosted_tools: [web_search], budget: {agent: {cost: 100}}");
	call(WEB, 10, 2000000);
	assert_true(rig.x.last.r.reservation_exceeded);
	assert_true(is_refused(WEB));
	assert_false(is_refused(",\"max_tokens\":300"));
	allowance_post(&rig, "/v1/chat/completions",
	        "{\"model\":\"capped\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
	        ",\"web_search_options\":{}}",
	        NULL);
	assert_int_equal(rig.x.n_reached, 1);
	allowance_reply(&rig, 1, 1);
}

/* Some put words of their own before the caller's: that can be reserved once it is known. */
static void input_that_a_provider_adds_is_reserved_the_next_time(void **state)
{
	uint64_t before;

	(void)state;
	begin(", budget: {agent: {cost: 100}}");
	allowance_ask(&rig, ",\"max_tokens\":5", NULL);
	before = allowance_admitted(&rig)->ask.reservation.fixed_tokens;
	allowance_reply(&rig, (int)before + 700, 5);
	assert_true(rig.x.last.r.reservation_exceeded);
	assert_false(is_refused(",\"max_tokens\":5"));
	allowance_ask(&rig, ",\"max_tokens\":5", NULL);
	assert_int_equal(allowance_admitted(&rig)->ask.reservation.fixed_tokens, before + 1400);
	allowance_reply(&rig, (int)before + 1400, 5);
	assert_false(rig.x.last.r.reservation_exceeded);
	call(",\"max_tokens\":5", (int)before + 1500, 5);
	assert_true(rig.x.last.r.reservation_exceeded);
	assert_true(is_refused(",\"max_tokens\":5"));
}

static void who_is_not_limited_is_not_stopped(void **state)
{
	static const char *const agents[] = {"",
	        ", mode: {shadow: [budget]}, budget: {agent: {cost: 100}}",
	        ", budget: {agent: {tokens: 1M}}"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		begin(agents[i]);
		call(",\"max_tokens\":300", 10, i < 2 ? 5000 : 300);
		assert_false(rig.x.last.r.reservation_exceeded);
		assert_false(is_refused(",\"max_tokens\":300"));
		allowance_end(&rig);
	}
	begin(", budget: {agent: {tokens: 1M}}");
	call(",\"max_tokens\":300", 10, 5000);
	assert_true(is_refused(",\"max_tokens\":300"));
}

/* What nobody told says nothing about a price. */
static void an_estimate_blocks_nobody(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 100}}");
	call(",\"max_tokens\":1", -1, 0);
	assert_true(rig.x.last.r.estimated);
	assert_false(is_refused(",\"max_tokens\":1"));
}

static void a_table_that_is_full_bounds_nothing_any_more(void **state)
{
	FILE *file = tmpfile();
	struct sink *sink = sink_new(fileno(file), 1 << 20);
	static char said[1 << 20];
	char model[300];
	bool blocked = false;

	(void)state;
	log_init(sink, LEVEL_INFO, FORMAT_TEXT);
	begin(", budget: {agent: {cost: 100}}");
	allowance_ask(&rig, ",\"max_tokens\":1", NULL);
	struct exchange *x = rig.x.down.exchange;
	struct call *c = &x->calls[0];
	c->cost = 100 * NS_PER_S;
	c->priced = x->answer.usage.known = true;
	for (unsigned i = 0; i < 600; i++) {
		snprintf(model, sizeof(model), "m%u", i);
		c->upstream_model = slice_str(model);
		assert_true(excess_note(x, c));
		assert_true(excess_blocks(c));
	}
	log_init(NULL, LEVEL_ERROR, FORMAT_TEXT);
	sink_free(sink);
	assert_true(pread(fileno(file), said, sizeof(said) - 1, 0) > 0);
	fclose(file);
	const char *once = strstr(said, "more than 512 kinds of calls");
	assert_non_null(once);
	assert_null(strstr(once + 1, "more than 512 kinds of calls"));
	assert_null(strstr(once, "a call of model"));
	c->upstream_model = SLICE("another");
	blocked = excess_blocks(c);
	assert_true(blocked);
	c->upstream_model = (struct slice){NULL, 0};
	c->cost = 0;
	allowance_reply(&rig, 1, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(what_went_beyond_is_charged_and_not_repeated),
	        T(calls_of_another_kind_go_on),
	        T(input_that_a_provider_adds_is_reserved_the_next_time),
	        T(who_is_not_limited_is_not_stopped),
	        T(an_estimate_blocks_nobody),
	        T(a_table_that_is_full_bounds_nothing_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
