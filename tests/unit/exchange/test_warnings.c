/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/warnings: a budget warns once a window, whoever notices. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "exchange/warnings.h"
#include "rig/allowance_rig.h"

static struct allowance_rig rig;
static struct warnings warnings;
static unsigned n_warned;
static char last[120];

/* The record is gone when its observer returns. */
static void on_call_ended(struct observer *o, const struct record *r)
{
	(void)o;
	for (unsigned i = 0; i < r->n_warnings; i++, n_warned++)
		snprintf(last, sizeof(last), "%s %.*s %s", r->warnings[i].scope,
		        SLICE_FMT(r->warnings[i].name), r->warnings[i].window);
}

static struct observer observer = {.name = "warnings", .call_ended = on_call_ended};

static void begin(const char *agent, const char *top)
{
	assert_int_equal(allowance_begin(&rig, agent, top, true), 0);
	rig.x.env.warnings = memset(&warnings, 0, sizeof(warnings));
	rig.x.observer.next = &observer;
	n_warned = 0;
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	return 0;
}

/* A call that is bounded by just so much. */
static void spend(int input, int output, const char *headers)
{
	char text[1024], body[1200];
	int len = input > 22 ? input - 20 : 2;

	memset(text, 'x', sizeof(text));
	snprintf(body, sizeof(body),
	        "{\"model\":\"m\",\"max_tokens\":%d,\"messages\":[{\"role\":\"user\",\"content\":\"%.*s\"}]}",
	        output ? output : 10, len, text);
	allowance_post(&rig, "/v1/chat/completions", body, headers);
	assert_int_equal(rig.x.n_reached, 1);
	allowance_reply(&rig, input, output);
}

static void a_budget_warns_once_a_window(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.001, per: day}}", "");
	spend(700, 0, NULL);
	assert_int_equal(n_warned, 0);
	spend(99, 0, NULL);
	assert_int_equal(n_warned, 0);
	spend(1, 0, NULL); /* 80% */
	assert_int_equal(n_warned, 1);
	assert_string_equal(last, "agent tester day");
	spend(1, 0, NULL);
	assert_int_equal(n_warned, 1);
	fake_clock_advance(&rig.x.clock, 24 * 3600 * NS_PER_S);
	rig.x.now = rig.x.clock.mono;
	spend(100, 0, NULL);
	assert_int_equal(n_warned, 1);
	spend(800, 0, NULL);
	assert_int_equal(n_warned, 2);
}

static void each_budget_warns_for_itself_at_its_own_mark(void **state)
{
	(void)state;
	begin(", team: crew, budget: {agent: [{cost: 0.001, per: day}, {tokens: 1000, per: hour}], "
	      "warn_at: 50%}",
	        "budget: {cost: 0.004}\nteams:\n  crew: {budget: {team: {cost: 0.002}}}\n");
	spend(499, 0, NULL);
	assert_int_equal(n_warned, 0);
	spend(1, 0, NULL);
	assert_int_equal(n_warned, 2);
	fake_clock_advance(&rig.x.clock, 3600 * NS_PER_S);
	rig.x.now = rig.x.clock.mono;
	spend(400, 40, NULL);
	assert_int_equal(n_warned, 2);
	fake_clock_advance(&rig.x.clock, 24 * 3600 * NS_PER_S);
	rig.x.now = rig.x.clock.mono;
	spend(20, 0, NULL);
	assert_int_equal(n_warned, 3);
	assert_string_equal(last, "team crew total");
}

static void nobody_is_warned_of_one_of_many(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 1}, user: {cost: 0.001}, workflow: {cost: 0.001}, request: "
	      "{cost: 0.001}}",
	        "");
	spend(900, 0, "x-weir-user: ann\r\nx-weir-workflow: w\r\n");
	assert_int_equal(n_warned, 0);
	rig.x.env.warnings = NULL;
	spend(1, 0, "x-weir-user: bob\r\n");
}

static void what_did_not_run_does_not_warn(void **state)
{
	(void)state;
	begin(", budget: {agent: {tokens: 1000}}, min_output: 1", "");
	allowance_ask(&rig, "", NULL);
	exchange_on_client_gone(rig.x.down.exchange); /* charged with all of it */
	rig_settle(&rig.x);
	assert_int_equal(n_warned, 1);
	assert_int_equal(allowance_call(&rig, "", NULL), 429);
	assert_int_equal(n_warned, 1);
}

static void a_window_warns_once_and_windows_only_go_on(void **state)
{
	struct warnings *w = calloc(1, sizeof(*w));
	unsigned taken = 0;

	(void)state;
	assert_true(warnings_are_first(w, 7, 100));
	assert_false(warnings_are_first(w, 7, 100));
	assert_true(warnings_are_first(w, 7, 200));
	assert_false(warnings_are_first(w, 7, 100));
	assert_true(warnings_are_first(w, 7 + WARNINGS_MAX, 100)); /* of the same place */
	assert_true(warnings_are_first(w, 0, 0));
	assert_false(warnings_are_first(w, 0, 0));
	for (uint64_t i = 0; i < 4 * WARNINGS_MAX; i++)
		taken += warnings_are_first(w, i * 0x9e3779b97f4a7c15, 5);
	assert_in_range(taken, WARNINGS_MAX / 2, WARNINGS_MAX);
	free(w);
}

static void *race(void *arg)
{
	unsigned n = 0;

	for (uint64_t window = 0; window < 2000; window++)
		for (uint64_t budget = 1; budget < 9; budget++)
			n += warnings_are_first(&warnings, budget << 40, window);
	*(unsigned *)arg = n;
	return NULL;
}

static void of_many_threads_one_is_first(void **state)
{
	pthread_t threads[4];
	unsigned n[4], sum = 0;

	(void)state;
	begin("", "");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, &n[i]), 0);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		sum += n[i];
	}
	/* a thread that lags finds windows that are over */
	assert_in_range(sum, 8, 2000 * 8);
	for (uint64_t budget = 1; budget < 9; budget++)
		assert_false(warnings_are_first(&warnings, budget << 40, 1999));
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
	        T(a_budget_warns_once_a_window),
	        T(each_budget_warns_for_itself_at_its_own_mark),
	        T(nobody_is_warned_of_one_of_many),
	        T(what_did_not_run_does_not_warn),
	        cmocka_unit_test(a_window_warns_once_and_windows_only_go_on),
	        T(of_many_threads_one_is_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
