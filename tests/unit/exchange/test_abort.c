/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/steps: one exchange in which everyone who can wait does, and in it, at every
 * point, each way in which it can end early. Whatever happens it ends once, is recorded once, and
 * no account stays open. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"

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
static bool stream;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

/* ---- the story, step by step; each may find that it is over ---- */

static void send_head(void)
{
	loopback_feed(
	        &rig.down, SLICE("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n"
	                         "content-type: application/json\r\ncontent-length: 8\r\n\r\n"));
}

static void send_half(void)
{
	loopback_feed(&rig.down, SLICE("m st"));
}

static void send_rest(void)
{
	loopback_feed(&rig.down, SLICE("ream"));
}

static void answer_store(void)
{
	fake_store_answer(&five.store, 0);
}

static void answer_question(void)
{
	five_answer(VERDICT_PASS);
}

static void source_head(void)
{
	if (rig.n_reached)
		scripted_source_head(
		        &rig.source, 200, stream ? "text/event-stream" : "application/json");
}

#define SOURCE_DATA(name, text)                                                                    \
	static void name(void)                                                                     \
	{                                                                                          \
		if (rig.n_reached)                                                                 \
			scripted_source_data(&rig.source, SLICE(text));                            \
	}

SOURCE_DATA(source_half, "a sec")
SOURCE_DATA(source_wait, "ret@ b")
SOURCE_DATA(source_call, "!ask! c")
SOURCE_DATA(source_usage, "~3,4~")

static void source_end(void)
{
	if (rig.n_reached)
		scripted_source_end(&rig.source);
}

static void (*const story[])(void) = {
        send_head,
        answer_question,
        send_half,
        send_rest,
        answer_store,
        answer_store,
        answer_question,
        source_head,
        source_half,
        source_wait,
        answer_question,
        source_call,
        answer_question,
        source_usage,
        source_end,
        answer_question,
        answer_question,
};
#define STEPS (sizeof(story) / sizeof(story[0]))

/* ---- ends ---- */

enum end { END_CLIENT, END_UPSTREAM, END_TIMEOUT, END_SHUTDOWN, END_REQUEST, END_N };

static bool end_now(enum end how)
{
	struct exchange *x = rig.down.exchange;

	if (!x)
		return false;
	switch (how) {
	case END_CLIENT:
		exchange_on_client_gone(x);
		return true;
	case END_UPSTREAM:
		return rig.n_reached &&
		       scripted_source_fault(&rig.source, FAULT_UPSTREAM_CUT, NULL);
	case END_TIMEOUT:
		if (!rig.n_reached)
			return false;
		rig.now = x->give_up_at;
		rig.clock.mono = rig.now;
		return true;
	case END_SHUTDOWN:
		exchange_on_shutdown(x);
		return true;
	case END_REQUEST:
		exchange_on_request_fault(x, FAULT_REQUEST_INVALID, "cut");
		return true;
	default:
		return false;
	}
}

static void begin(void)
{
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), all, 6), 0);
	rig.down.born = make_plain;
}

static void again(void)
{
	rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	five_begin(&rig.turn);
	five.store.pending = true;
	five.ask_head = five.ask_request = true;
}

static void check_accounts(void)
{
	uint64_t held = fake_store_held(&five.store, "budget");

	assert_int_equal(rig.down.n_ended, 1);
	assert_int_equal(rig.n_records, 1);
	assert_int_equal(five.n_dones, 6);
	assert_int_equal(five.n_settled + five.n_abandoned, five.n_taken);
	assert_int_equal(held, five.n_settled ? five.used : five.n_taken * five.reserve);
	assert_int_equal(fake_store_waiting(&five.store), 0);
	assert_int_equal(five.n_asked, 0);
	assert_int_equal(rig.source.n_closed, rig.n_reached);
	assert_int_equal(rig.wheel.n, 0);
	assert_int_equal(rig.down.pauses, 0);
	assert_int_equal(rig.env.in_flight, 0);
}

static void check_well_formed(enum fault fault)
{
	const char *code = fault_infos[fault].code;

	loopback_read(&rig.down, &answer);
	assert_true(answer.begun && answer.whole && !answer.broken);
	if (answer.status == 200) {
		assert_true(stream);
		assert_non_null(strstr(answer.body, "[cut "));
		assert_non_null(strstr(answer.body, code));
	} else {
		assert_int_equal(answer.status, fault_infos[fault].status);
		assert_string_equal(loopback_header(&answer, "x-weir-code"), code);
		assert_int_equal(rig.last.r.status, answer.status);
	}
	assert_int_equal(rig.last.r.fault, fault);
}

static void check_end(enum end how)
{
	static const enum fault faults[END_N] = {
	        FAULT_CLIENT_GONE,
	        FAULT_UPSTREAM_CUT,
	        FAULT_UPSTREAM_TIMEOUT,
	        FAULT_SHUTTING_DOWN,
	        FAULT_REQUEST_INVALID,
	};

	check_accounts();
	if (how == END_CLIENT || (how == END_REQUEST && rig.last.r.fault == FAULT_CLIENT_GONE)) {
		assert_int_equal(rig.last.r.fault, FAULT_CLIENT_GONE);
		assert_string_equal(rig.last.r.ended_by, "client");
		assert_false(rig.down.kept);
		return;
	}
	check_well_formed(faults[how]);
}

/* Runs the story; before step at it ends as told, if it can. settle: what waits for the loop is
 * delivered first. */
static bool run(unsigned at, enum end how, bool settle)
{
	bool ended = false;

	again();
	for (unsigned i = 0; i < STEPS; i++) {
		if (i == at && settle)
			rig_settle(&rig);
		if (i == at) {
			ended = end_now(how);
			rig_settle(&rig);
		}
		if (ended && i == at)
			check_end(how);
		story[i]();
		if (!(i + 1 == at && !settle))
			rig_settle(&rig);
	}
	rig_settle(&rig);
	check_accounts();
	return ended;
}

static void undisturbed_it_ends_well(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 2; i++) {
		stream = i;
		assert_false(run(STEPS, END_CLIENT, true));
		loopback_read(&rig.down, &answer);
		assert_string_equal(answer.body, "a ######@ b!ask! c");
		assert_int_equal(five.n_asks, 4);
		assert_int_equal(five.n_settled, 1);
		assert_int_equal(rig.last.r.n_tools, 1);
		assert_true(rig.last.tool[0].allowed);
		assert_true(rig.down.kept);
		assert_int_equal(rig.last.r.fault, FAULT_NONE);
		assert_int_equal(rig.last.r.cost, 11000);
	}
	rig_end(&rig);
}

static unsigned end_everywhere(enum end how)
{
	unsigned n = 0;

	begin();
	for (unsigned at = 0; at <= STEPS; at++)
		for (unsigned k = 0; k < 4; k++) {
			stream = k & 1;
			n += run(at, how, k & 2);
		}
	rig_end(&rig);
	return n;
}

static void the_agent_may_leave_at_any_point(void **state)
{
	(void)state;
	assert_in_range(end_everywhere(END_CLIENT), 50, 68);
}

static void the_provider_may_fail_at_any_point(void **state)
{
	(void)state;
	assert_in_range(end_everywhere(END_UPSTREAM), 25, 68);
}

static void time_may_run_out_at_any_point(void **state)
{
	(void)state;
	assert_in_range(end_everywhere(END_TIMEOUT), 25, 68);
}

static void weir_may_stop_at_any_point(void **state)
{
	(void)state;
	assert_in_range(end_everywhere(END_SHUTDOWN), 50, 68);
}

static void the_request_may_break_at_any_point(void **state)
{
	(void)state;
	assert_in_range(end_everywhere(END_REQUEST), 50, 68);
}

/* ---- verdicts at every place that waits ---- */

static bool run_verdict(unsigned question, enum verdict v)
{
	unsigned asked = 0;

	again();
	for (unsigned i = 0; i < STEPS; i++) {
		if (story[i] == answer_question && five.n_asked && asked++ == question)
			five_answer(v);
		else
			story[i]();
		rig_settle(&rig);
	}
	check_accounts();
	loopback_read(&rig.down, &answer);
	return asked > question;
}

static void a_no_at_any_wait_is_a_refusal(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 8; k++) {
		stream = k & 1;
		assert_true(run_verdict(k / 2, VERDICT_ANSWER));
		if (k / 2 == 3) { /* of a tool call: only that */
			assert_string_equal(answer.body, "a ######@ b[no ask: approval_denied] c");
			assert_false(rig.last.tool[0].allowed);
			assert_string_equal(rig.last.r.verdict, "allow");
			continue;
		}
		check_well_formed(FAULT_APPROVAL_DENIED);
		assert_string_equal(rig.last.r.verdict, "deny");
		assert_int_equal(rig.n_reached, k / 2 == 2);
		assert_int_equal(answer.status, stream && k / 2 == 2 ? 200 : 403);
	}
	rig_end(&rig);
}

static void an_abort_at_any_wait_resets_the_exchange(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 8; k++) {
		stream = k & 1;
		assert_true(run_verdict(k / 2, VERDICT_ABORT));
		assert_false(answer.whole);
		assert_false(rig.down.kept);
		assert_int_equal(rig.last.r.fault, FAULT_OVERLOADED);
		assert_string_equal(rig.last.r.ended_by, "gateway");
	}
	rig_end(&rig);
}

static void an_abort_at_once_resets_the_exchange_too(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 6; k++) {
		stream = k & 1;
		again();
		five.store.pending = five.ask_head = five.ask_request = false;
		five.gate_head = k / 2 == 0 ? VERDICT_ABORT : VERDICT_PASS;
		five.gate_request = k / 2 == 1 ? VERDICT_ABORT : VERDICT_PASS;
		five.gate_tool = VERDICT_ABORT;
		send_head();
		send_half();
		send_rest();
		source_head();
		if (rig.n_reached)
			scripted_source_data(&rig.source, SLICE("!evil!"));
		source_end();
		rig_settle(&rig);
		check_accounts();
		loopback_read(&rig.down, &answer);
		assert_false(answer.whole);
		assert_false(rig.down.kept);
	}
	rig_end(&rig);
}

static void a_source_that_cannot_be_had_is_a_refusal(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 2; k++) {
		again();
		five.store.pending = five.ask_head = five.ask_request = false;
		rig.reach_result = k ? 0 : -ENOMEM;
		rig.reach_fault = k ? FAULT_UPSTREAM_UNREACHABLE : FAULT_NONE;
		send_head();
		send_half();
		send_rest();
		rig_settle(&rig);
		if (!k)
			rig.n_reached = 0;
		check_accounts();
		check_well_formed(k ? FAULT_UPSTREAM_UNREACHABLE : FAULT_OVERLOADED);
		assert_int_equal(five.n_abandoned, 1);
		assert_false(rig.last.r.estimated);
		assert_int_equal(rig.last.r.cost, 0);
	}
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(undisturbed_it_ends_well),
	        cmocka_unit_test(the_agent_may_leave_at_any_point),
	        cmocka_unit_test(the_provider_may_fail_at_any_point),
	        cmocka_unit_test(time_may_run_out_at_any_point),
	        cmocka_unit_test(weir_may_stop_at_any_point),
	        cmocka_unit_test(the_request_may_break_at_any_point),
	        cmocka_unit_test(a_no_at_any_wait_is_a_refusal),
	        cmocka_unit_test(an_abort_at_any_wait_resets_the_exchange),
	        cmocka_unit_test(an_abort_at_once_resets_the_exchange_too),
	        cmocka_unit_test(a_source_that_cannot_be_had_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
