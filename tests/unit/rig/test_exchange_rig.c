/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of rig/exchange_rig, loopback and scripted_source: what they promise to the tests that
 * build on them. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"

static const struct policy_ops *const one[] = {&policy_pick};
static struct exchange_rig rig;
static struct loopback_answer answer;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), one, 1), 0);
	five_begin(&rig.turn);
	rig.down.born = make_plain;
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void an_agent_may_ask_twice_on_one_connection(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		rig.down.n_sent = 0;
		rig_ask(&rig, "m", NULL);
		scripted_source_head(&rig.source, 200, "application/json");
		scripted_source_data(&rig.source, i ? SLICE("two") : SLICE("one"));
		scripted_source_end(&rig.source);
		rig_settle(&rig);
		loopback_read(&rig.down, &answer);
		assert_true(answer.whole);
		assert_string_equal(answer.body, i ? "two" : "one");
		assert_string_equal(loopback_header(&answer, "Content-Type"), "application/json");
		assert_null(loopback_header(&answer, "content-typ"));
	}
	assert_int_equal(rig.n_records, 2);
	assert_int_equal(rig.down.n_ended, 2);
}

static void bytes_that_were_lent_are_gone_after_the_turn(void **state)
{
	(void)state;
	rig_ask(&rig, "m", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	scripted_source_data(&rig.source, SLICE("abc"));
	assert_memory_equal(rig.source.lent, "abc", 3);
	rig_turn(&rig);
	assert_memory_equal(rig.source.lent, "\xdd\xdd\xdd", 3);
	assert_int_equal(rig.source.used, 0);
}

static void a_closed_source_reports_nothing(void **state)
{
	(void)state;
	rig_ask(&rig, "m", NULL);
	exchange_on_client_gone(rig.down.exchange);
	assert_int_equal(rig.source.n_closed, 1);
	assert_false(scripted_source_head(&rig.source, 200, NULL));
	assert_false(scripted_source_data(&rig.source, SLICE("x")));
	assert_false(scripted_source_end(&rig.source));
	assert_false(scripted_source_fault(&rig.source, FAULT_UPSTREAM_CUT, NULL));
}

static void an_agent_that_is_full_takes_nothing_until_it_is_not(void **state)
{
	(void)state;
	rig_ask(&rig, "m", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	scripted_source_data(&rig.source, SLICE("abc"));
	rig.down.full = true;
	rig_turn(&rig);
	rig_turn(&rig);
	assert_int_equal(rig.down.n_sent, 0);
	rig.down.full = false;
	rig_turn(&rig);
	loopback_read(&rig.down, &answer);
	assert_true(answer.begun);
	assert_false(answer.whole);
	assert_string_equal(answer.body, "abc");
}

static void time_goes_on_when_it_is_told_to(void **state)
{
	uint64_t before = rig.now;

	(void)state;
	rig_settle(&rig);
	assert_int_equal(rig.now, before);
	rig_advance(&rig, 3 * NS_PER_S + 1);
	assert_int_equal(rig.now, before + 3 * NS_PER_S + 1);
	assert_int_equal(clock_mono(rig.env.clock), rig.now);
}

static void an_answer_that_is_no_http_is_seen_as_such(void **state)
{
	(void)state;
	memcpy(rig.down.sent, "HTTP/9 nonsense\r\n\r\n", 19);
	rig.down.n_sent = 19;
	loopback_read(&rig.down, &answer);
	assert_true(answer.broken);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(an_agent_may_ask_twice_on_one_connection),
	        T(bytes_that_were_lent_are_gone_after_the_turn),
	        T(a_closed_source_reports_nothing),
	        T(an_agent_that_is_full_takes_nothing_until_it_is_not),
	        T(time_goes_on_when_it_is_told_to),
	        T(an_answer_that_is_no_http_is_seen_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
