/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/chain in shadow mode: each policy in turn says no with all it has, and the call
 * goes on as if it had said nothing, but for the record. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"
#include "rig/splits.h"

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

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), all, 6), 0);
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

static void again(unsigned shadow)
{
	rig_reconnect(&rig);
	five_begin(&rig.turn);
	five.shadow = shadow;
	rig.n_records = rig.n_reached = 0;
}

static void answer_all(enum verdict v)
{
	for (unsigned i = 0; i < 50; i++) {
		bool any = fake_store_answer(&five.store, 0);
		any |= five_answer(v);
		rig_settle(&rig);
		if (!any)
			return;
	}
}

static const struct record_verdict *verdict_of(const char *policy)
{
	for (unsigned i = 0; i < rig.last.r.n_verdicts; i++)
		if (!strcmp(rig.last.r.verdicts[i].policy, policy))
			return &rig.last.r.verdicts[i];
	return NULL;
}

static void run_text(enum verdict v, bool stream, const char *text)
{
	rig_ask(&rig, "m stream", NULL);
	answer_all(v);
	if (rig.n_reached) {
		scripted_source_head(
		        &rig.source, 200, stream ? "text/event-stream" : "application/json");
		scripted_source_data(&rig.source, slice_str(text));
		answer_all(v);
		scripted_source_end(&rig.source);
		answer_all(v);
	}
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
}

static void check_unhurt(const char *text, const char *policy, enum verdict v, bool noted)
{
	assert_true(answer.whole);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, text);
	assert_string_equal(rig.last.r.verdict, "allow");
	assert_int_equal(rig.last.r.fault, FAULT_NONE);
	assert_int_equal(rig.last.r.shadow, noted);
	assert_int_equal(verdict_of(policy)->mode, MODE_SHADOW);
	assert_int_equal(verdict_of(policy)->verdict, v);
	assert_int_equal(five.n_dones, 6);
	assert_int_equal(five.n_settled + five.n_abandoned, five.n_taken);
}

static void a_shut_gate_in_shadow_lets_everything_through(void **state)
{
	(void)state;
	for (enum verdict v = VERDICT_ANSWER; v <= VERDICT_ABORT; v++) {
		again(FIVE_GATE);
		five.gate_head = five.gate_request = five.gate_tool = v;
		run_text(VERDICT_PASS, true, "a * !evil! b");
		check_unhurt("a * !evil! b", "gate", v, true);
		assert_true(rig.last.tool[0].allowed);
		assert_int_equal(five.n_texts > 0, true);
	}
}

static void a_refusing_store_in_shadow_lets_everything_through(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		again(how & 1 ? FIVE_RATE : FIVE_RESERVE);
		five.store.pending = how & 2;
		five.rate_limit = how & 1 ? 0 : 1;
		five.budget = how & 1 ? 1000 : 0;
		run_text(VERDICT_PASS, false, "x~1,2~");
		check_unhurt("x", how & 1 ? "rate" : "reserve", VERDICT_ANSWER, true);
		assert_int_equal(five.n_taken, how & 1);
	}
}

static void a_broken_store_in_shadow_lets_everything_through(void **state)
{
	(void)state;
	again(FIVE_RATE | FIVE_RESERVE);
	five.store.fails = -EIO;
	run_text(VERDICT_PASS, true, "x");
	check_unhurt("x", "rate", VERDICT_ANSWER, true);
	assert_int_equal(verdict_of("reserve")->verdict, VERDICT_ANSWER);
}

struct cut {
	unsigned shadow;
	const char *want;
	enum verdict v;
};

static void run_cut(void *arg, const struct slice *pieces, unsigned n)
{
	const struct cut *c = arg;

	again(c->shadow);
	rig_ask(&rig, "m stream", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	for (unsigned i = 0; i < n; i++) {
		assert_true(scripted_source_data(&rig.source, pieces[i]));
		rig_settle(&rig);
		if (n % 2)
			answer_all(c->v);
	}
	scripted_source_end(&rig.source);
	answer_all(c->v);
	loopback_read(&rig.down, &answer);
	assert_string_equal(answer.body, c->want);
	assert_true(answer.whole);
	assert_int_equal(rig.last.r.fault, FAULT_NONE);
}

static void an_edit_in_shadow_changes_nothing_however_it_is_cut(void **state)
{
	struct cut c = {.shadow = FIVE_HOLD, .want = "a #sec secret", .v = VERDICT_PASS};

	(void)state;
	splits_each(SLICE("a *sec secret"), run_cut, &c);
	c = (struct cut){.shadow = FIVE_GATE, .want = "a *sec ******"};
	splits_each(SLICE("a *sec secret"), run_cut, &c);
}

static void a_no_to_text_in_shadow_changes_nothing(void **state)
{
	(void)state;
	for (unsigned stream = 0; stream < 2; stream++) {
		again(FIVE_HOLD);
		run_text(VERDICT_PASS, stream, "this is forbidden secret");
		check_unhurt("this is forbidden secret", "hold", VERDICT_ANSWER, true);
		again(0);
		run_text(VERDICT_PASS, stream, "this is forbidden secret");
		assert_int_equal(rig.last.r.fault, FAULT_CONTENT_BLOCKED);
		assert_string_equal(rig.last.r.verdict, "deny");
		assert_false(rig.last.r.shadow);
		assert_true(answer.whole);
	}
}

static void who_waits_in_shadow_holds_nothing_back_for_good(void **state)
{
	struct cut c = {.shadow = FIVE_ASK, .want = "a@b!ask!c@@d", .v = VERDICT_PASS};

	(void)state;
	splits_each(SLICE("a@b!ask!c@@d"), run_cut, &c);
	for (enum verdict v = VERDICT_ANSWER; v <= VERDICT_ABORT; v++) {
		c.v = v;
		splits_each(SLICE("a@b!ask!c@@d"), run_cut, &c);
		assert_true(rig.last.r.shadow);
	}
	again(FIVE_ASK);
	five.ask_head = five.ask_request = true;
	run_text(VERDICT_ANSWER, true, "x");
	assert_int_equal(five.n_asks, 2);
	check_unhurt("x", "ask", VERDICT_ANSWER, true);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(a_shut_gate_in_shadow_lets_everything_through),
	        T(a_refusing_store_in_shadow_lets_everything_through),
	        T(a_broken_store_in_shadow_lets_everything_through),
	        T(an_edit_in_shadow_changes_nothing_however_it_is_cut),
	        T(a_no_to_text_in_shadow_changes_nothing),
	        T(who_waits_in_shadow_holds_nothing_back_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
