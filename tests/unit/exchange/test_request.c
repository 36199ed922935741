/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/steps up to the provider: when a body is wanted and how fast it has to come,
 * what a refusal says and what becomes of the connection, what goes upstream, and an exchange of
 * several calls. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exchange/chain.h"
#include "exchange/view.h"
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"

#define HEAD                                                                                       \
	"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4000\r\ncontent-type: "             \
	"application/json\r\n"

static const struct policy_ops *const few[] = {
        &policy_pick, &policy_gate, &policy_reserve, &policy_ask};

static struct exchange_rig rig;
static struct loopback_answer answer;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	if (x->route.action == ACTION_CHAT)
		x->route.dialect = &dialect_plain;
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), few, 4), 0);
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

static void again(void)
{
	rig_reconnect(&rig);
	five_begin(&rig.turn);
	rig.n_records = rig.n_reached = 0;
}

static void feed(const char *text)
{
	loopback_feed(&rig.down, slice_str(text));
}

static void finish(void)
{
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
}

static void check_refused(unsigned status, const char *code)
{
	finish();
	assert_true(answer.whole);
	assert_int_equal(answer.status, status);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), code);
	assert_non_null(loopback_header(&answer, "date"));
	assert_int_equal(strlen(loopback_header(&answer, "x-request-id")), 26);
	assert_string_equal(loopback_header(&answer, "x-request-id"),
	        loopback_header(&answer, "x-weir-request-id"));
	assert_int_equal(rig.n_records, 1);
	assert_int_equal(rig.last.r.status, status);
	assert_string_equal(fault_infos[rig.last.r.fault].code, code);
	assert_int_equal(five.n_dones, 4);
	assert_int_equal(rig.down.pauses, 0);
}

/* ---- the body's pace ---- */

static void a_body_that_does_not_come_is_given_up(void **state)
{
	(void)state;
	feed(HEAD "content-length: 100\r\n\r\nm ");
	assert_int_equal(rig.down.pauses, 0);
	rig_advance(&rig, 29 * NS_PER_S);
	assert_int_equal(rig.n_records, 0);
	rig_advance(&rig, 2 * NS_PER_S);
	check_refused(408, "request_timeout");
	assert_false(rig.down.kept);
}

static void a_body_that_keeps_its_pace_gets_its_time(void **state)
{
	static char second[65536];

	(void)state;
	memset(second, 'x', sizeof(second));
	feed(HEAD "content-length: 6553600\r\n\r\n");
	for (unsigned i = 0; i < 90; i++) {
		loopback_feed(&rig.down, slice_from(second, sizeof(second)));
		rig_advance(&rig, NS_PER_S);
		assert_int_equal(rig.n_records, 0);
	}
	rig_advance(&rig, 60 * NS_PER_S); /* it was ahead by its grace */
	check_refused(408, "request_timeout");
	assert_int_equal(rig.last.r.bytes_in, 90 * sizeof(second));
}

static void while_a_policy_waits_for_the_head_no_body_is_wanted_and_no_time_runs(void **state)
{
	(void)state;
	five.ask_head = true;
	feed(HEAD "content-length: 2\r\n\r\n");
	assert_int_equal(rig.down.pauses, PAUSE_NOT_YET);
	rig_advance(&rig, 3600 * NS_PER_S);
	assert_int_equal(rig.n_records, 0);
	assert_int_equal(rig.down.pauses, PAUSE_NOT_YET);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	assert_int_equal(rig.down.pauses, 0);
	rig_advance(&rig, 29 * NS_PER_S);
	feed("m ");
	assert_int_equal(rig.n_reached, 1);
	rig_advance(&rig, 10 * NS_PER_S);
	assert_int_equal(rig.n_records, 0);
}

static void a_body_over_its_limit_is_refused_however_it_is_framed(void **state)
{
	static char much[70000];

	(void)state;
	memset(much, 'x', sizeof(much));
	for (unsigned i = 0; i < 2; i++) {
		again();
		feed(i ? HEAD "transfer-encoding: chunked\r\n\r\n11170\r\n"
		       : HEAD "content-length: 70000\r\n\r\n");
		rig.down.exchange->body.max = 65536;
		loopback_feed(&rig.down, slice_from(much, sizeof(much)));
		check_refused(413, "request_too_large");
		assert_false(rig.down.kept);
		assert_string_equal(rig.last.r.verdict, "deny");
		assert_int_equal(rig.n_reached, 0);
	}
}

static void memory_is_not_taken_for_a_body_that_was_only_promised(void **state)
{
	(void)state;
	feed(HEAD "content-length: 30000000\r\n\r\nm ");
	assert_true(rig.down.exchange->body.cap <= 1 << 20);
}

static void a_caller_that_waits_for_100_gets_it_once_his_head_is_judged(void **state)
{
	(void)state;
	five.ask_head = true;
	feed(HEAD "content-length: 2\r\nexpect: 100-continue\r\n\r\n");
	rig_turn(&rig);
	assert_int_equal(rig.down.n_sent, 0);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	rig.down.sent[rig.down.n_sent] = '\0';
	assert_int_equal(strncmp(rig.down.sent, "HTTP/1.1 100 ", 13), 0);
	again();
	five.gate_head = VERDICT_ANSWER;
	feed(HEAD "content-length: 2\r\nexpect: 100-continue\r\n\r\n");
	check_refused(400, "content_blocked");
	assert_int_equal(strncmp(rig.down.sent, "HTTP/1.1 400 ", 13), 0);
	again();
	feed(HEAD "content-length: 4\r\nexpect: 100-continue\r\n\r\nm "); /* who sends unasked needs
	                                                                     none */
	rig_turn(&rig);
	five.gate_request = VERDICT_ANSWER;
	feed("  ");
	finish();
}

/* ---- refusals ---- */

static void who_is_refused_by_his_head_leaves_nothing_paused(void **state)
{
	(void)state;
	five.gate_head = VERDICT_ANSWER;
	feed(HEAD "content-length: 2\r\n\r\n");
	check_refused(400, "content_blocked");
	assert_false(rig.down.kept);
	assert_int_equal(rig.n_reached, 0);
	assert_string_equal(rig.last.r.verdict, "deny");
	assert_string_equal(rig.last.note, "The gate is shut.");
	assert_non_null(strstr(answer.body, "/gate: The gate is shut."));
}

static void a_refusal_after_the_whole_body_came_keeps_the_connection(void **state)
{
	(void)state;
	five.ask_head = true;
	rig_ask(&rig, "m ", NULL);
	five_answer(VERDICT_ANSWER);
	check_refused(403, "approval_denied");
	assert_true(rig.down.kept);
	rig.n_records = five.n_dones = 0;
	five.ask_head = false;
	five.gate_request = VERDICT_ANSWER;
	rig.down.n_sent = 0;
	rig_ask(&rig, "m ", NULL);
	check_refused(400, "content_blocked");
	assert_true(rig.down.kept);
}

static void a_complaint_names_the_field_and_stays_readable_in_the_record(void **state)
{
	(void)state;
	rig_ask(&rig, "m bad", NULL);
	check_refused(400, "request_invalid");
	assert_non_null(strstr(answer.body, "{request_invalid/bad: The word at /1 is bad.}"));
	assert_string_equal(rig.last.note, "The word at /1 is bad.");
	assert_string_equal(rig.last.r.verdict, "deny");
	assert_true(rig.down.kept);
}

static void a_refusal_waits_for_a_full_agent_and_stays_the_same(void **state)
{
	(void)state;
	rig.down.full = true;
	five.gate_request = VERDICT_ANSWER;
	rig_ask(&rig, "m ", NULL);
	assert_int_equal(rig.n_records, 0);
	rig_turn(&rig);
	exchange_on_shutdown(rig.down.exchange);
	rig_advance(&rig, 55 * NS_PER_S); /* not for ever: see test_relay */
	assert_int_equal(rig.n_records, 0);
	rig.down.full = false;
	exchange_on_room(rig.down.exchange);
	check_refused(400, "content_blocked");
}

/* The call is refused whatever he would say: he is told at once, not when the agent has read it. */
static void who_waits_is_told_when_his_call_is_refused(void **state)
{
	(void)state;
	five.ask_request = true;
	rig_ask(&rig, "m ", NULL);
	rig.down.full = true;
	exchange_on_shutdown(rig.down.exchange);
	assert_int_equal(five.n_cancels, 1);
	assert_int_equal(five.n_asked, 0);
	assert_int_equal(rig.n_records, 0);
	rig.down.full = false;
	exchange_on_room(rig.down.exchange);
	check_refused(503, "shutting_down");
	assert_int_equal(five.n_cancels, 1);
}

static void who_takes_nothing_while_weir_stops_has_not_ended_the_call(void **state)
{
	(void)state;
	five.ask_request = true;
	rig_ask(&rig, "m ", NULL);
	rig.down.full = true;
	exchange_on_shutdown(rig.down.exchange);
	exchange_on_client_gone(rig.down.exchange);
	rig_settle(&rig);
	assert_int_equal(rig.n_records, 1);
	assert_int_equal(rig.last.r.fault, FAULT_SHUTTING_DOWN);
	assert_string_equal(rig.last.r.ended_by, "gateway");
}

static void paths_that_are_nothing_are_404_and_wrong_methods_405(void **state)
{
	(void)state;
	feed("GET /v1/nothing HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n\r\n");
	check_refused(404, "not_found");
	assert_true(rig.down.kept);
	again();
	feed("GET /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n\r\n");
	check_refused(405, "method_not_allowed");
	assert_string_equal(loopback_header(&answer, "allow"), "POST");
}

static void faults_that_no_retry_mends_say_so(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		again();
		rig.reach_fault = i ? FAULT_OUTCOME_UNKNOWN : FAULT_UPSTREAM_UNREACHABLE;
		rig_ask(&rig, "m ", NULL);
		finish();
		if (i)
			assert_string_equal(loopback_header(&answer, "x-should-retry"), "false");
		else
			assert_null(loopback_header(&answer, "x-should-retry"));
	}
}

/* ---- what goes upstream ---- */

static void what_nobody_changes_goes_as_it_came(void **state)
{
	(void)state;
	rig_ask(&rig, "m tools=a,b  stream ", NULL);
	assert_string_equal(rig.sending, "m tools=a,b  stream ");
	again();
	rig_ask(&rig, "n tools=a,b", NULL);
	assert_string_equal(
	        rig.sending, "n tools=a,b"); /* pick says nothing of the upstream's name */
}

static void a_model_that_nobody_sells_is_refused_with_its_charge_untaken(void **state)
{
	(void)state;
	rig_ask(&rig, "z stream", NULL);
	check_refused(403, "model_denied");
	assert_int_equal(five.n_taken, 0);
	assert_int_equal(rig.n_reached, 0);
}

static void what_was_reserved_goes_back_when_a_later_policy_refuses(void **state)
{
	(void)state;
	five.ask_request = true;
	rig_ask(&rig, "m stream", NULL);
	assert_int_equal(five.n_taken, 1);
	five_answer(VERDICT_ANSWER);
	check_refused(403, "approval_denied");
	assert_int_equal(five.n_abandoned, 1);
	assert_int_equal(five.n_settled, 0);
}

/* ---- several calls ---- */

static void make_three(void *arg, struct exchange *x)
{
	struct call *calls = arena_zalloc(&x->arena, 3 * sizeof(*calls));

	make_plain(arg, x);
	calls[0] = x->calls[0];
	for (unsigned i = 0; i < 3; i++) {
		struct call *c = &calls[i];

		c->exchange = x;
		c->index = i;
		list_init(&c->charges);
		buf_init(&c->hand[0], 4096);
		buf_init(&c->hand[1], 4096);
		buf_init(&c->tools_removed, 4096);
		assert_int_equal(chain_init(c, few, 4, &x->arena), 0);
		c->facts.model = SLICE("m");
	}
	x->calls = calls;
	x->n_calls = 3;
}

static void every_call_of_an_exchange_is_judged_charged_and_recorded(void **state)
{
	(void)state;
	rig.down.born = make_three;
	five.ask_request = true;
	rig_ask(&rig, "m", NULL);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(five.n_requests, i);
		assert_int_equal(five.n_taken, i);
		assert_int_equal(rig.n_reached, 0);
		five_answer(VERDICT_PASS);
		rig_settle(&rig);
	}
	assert_int_equal(rig.n_reached, 1);
	scripted_source_head(&rig.source, 200, "application/json");
	scripted_source_data(&rig.source, SLICE("hi~1,2~"));
	scripted_source_end(&rig.source);
	finish();
	assert_string_equal(answer.body, "hi");
	assert_int_equal(rig.n_records, 3);
	assert_int_equal(five.n_dones, 12);
	assert_int_equal(five.n_settled, 3);
}

static void one_refused_call_refuses_the_exchange_and_frees_the_others(void **state)
{
	(void)state;
	rig.down.born = make_three;
	five.ask_request = true;
	rig_ask(&rig, "m", NULL);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	five_answer(VERDICT_ANSWER);
	finish();
	assert_int_equal(answer.status, 403);
	assert_int_equal(rig.n_records, 3);
	assert_int_equal(five.n_dones, 12);
	assert_int_equal(five.n_taken, 2);
	assert_int_equal(five.n_abandoned, 2);
	assert_int_equal(rig.n_reached, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(a_body_that_does_not_come_is_given_up),
	        T(a_body_that_keeps_its_pace_gets_its_time),
	        T(while_a_policy_waits_for_the_head_no_body_is_wanted_and_no_time_runs),
	        T(a_body_over_its_limit_is_refused_however_it_is_framed),
	        T(memory_is_not_taken_for_a_body_that_was_only_promised),
	        T(a_caller_that_waits_for_100_gets_it_once_his_head_is_judged),
	        T(who_is_refused_by_his_head_leaves_nothing_paused),
	        T(a_refusal_after_the_whole_body_came_keeps_the_connection),
	        T(a_complaint_names_the_field_and_stays_readable_in_the_record),
	        T(a_refusal_waits_for_a_full_agent_and_stays_the_same),
	        T(who_waits_is_told_when_his_call_is_refused),
	        T(who_takes_nothing_while_weir_stops_has_not_ended_the_call),
	        T(paths_that_are_nothing_are_404_and_wrong_methods_405),
	        T(faults_that_no_retry_mends_say_so),
	        T(what_nobody_changes_goes_as_it_came),
	        T(a_model_that_nobody_sells_is_refused_with_its_charge_untaken),
	        T(what_was_reserved_goes_back_when_a_later_policy_refuses),
	        T(every_call_of_an_exchange_is_judged_charged_and_recorded),
	        T(one_refused_call_refuses_the_exchange_and_frees_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
