/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/exchange: whole exchanges with each allocation refused in turn, and ten
 * thousand of them in one memory. */
#include "rig/unit.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "exchange/view.h"
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"
#include "rig/starve.h"

/* There under AddressSanitizer only. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static const struct policy_ops *const all[] = {
        &policy_pick,
        &policy_gate,
        &policy_rate,
        &policy_hold,
        &policy_reserve,
        &policy_ask,
};

static struct exchange_rig rig;
static struct loopback_answer answer;
static struct view *shared;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static void answer_all(void)
{
	for (unsigned i = 0; i < 20; i++) {
		bool any = fake_store_answer(&five.store, 0);
		any |= five_answer(VERDICT_PASS);
		rig_settle(&rig);
		if (!any)
			return;
	}
}

enum story {
	STORY_STREAM,
	STORY_DOCUMENT,
	STORY_REFUSED,
	STORY_ERROR,
	STORY_CUT,
	STORY_LOCAL,
	STORY_N
};

static void answer_story(enum story s)
{
	if (!scripted_source_head(&rig.source, s == STORY_ERROR ? 500 : 200,
	            s == STORY_STREAM || s == STORY_CUT ? "text/event-stream" : "application/json"))
		return;
	if (scripted_source_data(&rig.source, SLICE("a * sec")))
		answer_all();
	scripted_source_data(&rig.source, SLICE("ret !b!|raw|@ "));
	if (s == STORY_CUT)
		scripted_source_fault(&rig.source, FAULT_UPSTREAM_CUT, NULL);
	answer_all();
	scripted_source_data(&rig.source, SLICE("x!ask!~3,4~"));
	answer_all();
	scripted_source_end(&rig.source);
	answer_all();
}

static void run_story(enum story s)
{
	five_begin(&rig.turn);
	five.store.pending = true;
	five.gate_request = s == STORY_REFUSED ? VERDICT_ANSWER : VERDICT_PASS;
	rig.n_reached = rig.n_records = 0;
	if (s == STORY_LOCAL)
		loopback_feed(&rig.down,
		        SLICE("GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n\r\n"));
	else
		rig_ask(&rig, "n tools=a,b stream", NULL);
	answer_all();
	if (rig.n_reached && !rig.source.n_closed && s != STORY_REFUSED)
		answer_story(s);
	rig_settle(&rig);
}

/* Whether memory was wanting or not: nobody is left waiting, nothing is counted twice, and what was
 * sent is an answer's beginning at least. */
static int check_story(void)
{
	const char *want = "HTTP/1.1 ";
	size_t n = rig.down.n_sent < strlen(want) ? rig.down.n_sent : strlen(want);

	assert_memory_equal(rig.down.sent, want, n);
	assert_null(rig.down.exchange);
	assert_int_equal(rig.n_records, rig.down.n_ended);
	assert_int_equal(five.n_dones, rig.n_records * 6);
	assert_int_equal(five.n_settled + five.n_abandoned, five.n_taken);
	assert_int_equal(five.n_asked + fake_store_waiting(&five.store), 0);
	assert_int_equal(rig.env.in_flight, 0);
	return 0;
}

static int starved_story(void *arg)
{
	enum story s = *(enum story *)arg;

	assert_int_equal(rig_begin(&rig, view_ref(shared), all, 6), 0);
	rig.down.born = s == STORY_LOCAL ? NULL : make_plain;
	run_story(s);
	check_story();
	rig_end(&rig);
	return 0;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	shared = rig_view(rig_yaml);
	for (enum story s = 0; s < STORY_N; s++)
		assert_true(starve(starved_story, &s) > 3);
	view_unref(shared);
}

static size_t memory_now(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

static void ten_thousand_exchanges_leave_no_trace(void **state)
{
	size_t before = 0;
	long allocations = 0;

	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), all, 6), 0);
	rig.keep_spare = true;
	for (unsigned i = 0; i < 10000; i++) {
		enum story s = i % STORY_N;
		if (i == 1000)
			before = memory_now();
		if (i == 9000)
			mem_fail_after(1000000);
		rig.down.born = s == STORY_LOCAL ? NULL : make_plain;
		rig.down.n_sent = 0;
		run_story(s);
		assert_int_equal(rig.n_records, 1);
		if (!rig.down.kept)
			rig_reconnect(&rig);
	}
	allocations = mem_count();
	mem_fail_after(-1);
	print_message("%zu bytes then, %zu now; %ld.%02ld allocations an exchange\n", before,
	        memory_now(), allocations / 1000, allocations / 10 % 100);
	assert_true(memory_now() <= before);
	rig_end(&rig);
}

static void an_exchange_serves_again_as_if_it_were_new(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), all, 6), 0);
	rig.keep_spare = true;
	rig.down.born = make_plain;
	for (unsigned i = 0; i < 3 * STORY_N; i++) {
		run_story(i % 2 ? STORY_STREAM : (enum story)(i / 2 % STORY_LOCAL));
		rig_reconnect(&rig);
		run_story(STORY_DOCUMENT);
		loopback_read(&rig.down, &answer);
		assert_string_equal(answer.body, "a # ###### !b!raw@ x!ask!");
		assert_int_equal(rig.last.r.fault, FAULT_NONE);
		assert_int_equal(rig.last.r.n_tools, 2);
		assert_int_equal(rig.last.r.cost, 11000);
		assert_false(rig.last.r.estimated);
		rig_reconnect(&rig);
	}
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_allocation_may_fail),
	        cmocka_unit_test(an_exchange_serves_again_as_if_it_were_new),
	        cmocka_unit_test(ten_thousand_exchanges_leave_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
