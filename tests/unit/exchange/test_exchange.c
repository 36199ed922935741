/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/chain and relay under the five policies: however an answer is cut, and whoever
 * waits when, the agent gets the same bytes, every account is settled once, and what is held back
 * is never let go early. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"
#include "rig/splits.h"

/* Answers pass from the last to the first: ask, hold, gate. */
static const struct policy_ops *const all[] = {
        &policy_pick,
        &policy_gate,
        &policy_rate,
        &policy_hold,
        &policy_reserve,
        &policy_ask,
};
/* Held back on both sides of the wait. */
static const struct policy_ops *const around[] = {
        &policy_pick, &policy_hold, &policy_ask, &policy_hold};
static const struct policy_ops *const after[] = {&policy_pick, &policy_hold, &policy_ask};

static struct exchange_rig rig;
static struct loopback_answer answer;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static void begin(const struct policy_ops *const *policies, unsigned n)
{
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), policies, n), 0);
	five_begin(&rig.turn);
	rig.down.born = make_plain;
}

static void again(void)
{
	if (rig.down.n_ended)
		rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	five_begin(&rig.turn);
}

/* Whoever waits is answered, until nobody does. */
static void answer_all(void)
{
	for (unsigned i = 0; i < 100; i++) {
		bool any = fake_store_answer(&five.store, 0);
		any |= five_answer(VERDICT_PASS);
		rig_settle(&rig);
		if (!any)
			return;
	}
	fail_msg("%s", "they wait for ever");
}

struct cut {
	const char *want;
	bool stream, apart, late, pending, by_turn; /* end by itself; waits answered only at the
	                                               end; store waits; a turn a piece */
	unsigned n_policies, takes;
};

static void check_ended(const struct cut *c)
{
	loopback_read(&rig.down, &answer);
	assert_true(answer.begun && answer.whole && !answer.broken);
	assert_int_equal(answer.status, 200);
	if (strcmp(answer.body, c->want))
		fail_msg("\"%s\" instead of \"%s\"", answer.body, c->want);
	assert_int_equal(rig.n_records, 1);
	assert_int_equal(rig.source.n_closed, 1);
	assert_int_equal(five.n_dones, c->n_policies);
	assert_int_equal(five.n_settled + five.n_abandoned, five.n_taken);
	assert_int_equal(five.n_taken, c->takes);
	assert_int_equal(five.n_cancels, 0);
	assert_int_equal(five.n_asked, 0);
	assert_true(rig.down.kept);
	assert_int_equal(rig.down.pauses, 0);
	assert_int_equal(rig.last.r.fault, FAULT_NONE);
}

static void run_cut(void *arg, const struct slice *pieces, unsigned n)
{
	const struct cut *c = arg;

	again();
	five.store.pending = c->pending;
	rig_ask(&rig, "m stream", NULL);
	if (c->pending)
		assert_int_equal(rig.n_reached, 0);
	answer_all();
	assert_int_equal(rig.n_reached, 1);
	assert_true(scripted_source_head(
	        &rig.source, 200, c->stream ? "text/event-stream" : "application/json"));
	for (unsigned i = 0; i < n; i++) {
		assert_true(scripted_source_data(&rig.source, pieces[i]));
		if (i + 1 == n && !c->apart)
			assert_true(scripted_source_end(&rig.source));
		if (c->by_turn)
			rig_settle(&rig);
		if (!c->late)
			answer_all();
	}
	if (c->apart) {
		if (c->late)
			rig_settle(&rig);
		assert_true(scripted_source_end(&rig.source));
	}
	rig_settle(&rig);
	answer_all();
	check_ended(c);
}

static unsigned long cut_everywhere(struct cut *c, const char *text)
{
	unsigned long runs = 0;

	for (unsigned how = 0; how < 16; how++) {
		c->apart = how & 1;
		c->late = how & 2;
		c->by_turn = how & 4;
		c->pending = (how & 8) && c->takes;
		if ((how & 8) && !c->takes)
			continue;
		runs += splits_each(slice_str(text), run_cut, c);
	}
	return runs;
}

static void however_a_stream_is_cut_the_agent_gets_the_same(void **state)
{
	struct cut c = {.stream = true, .n_policies = 6, .takes = 1};

	(void)state;
	begin(all, 6);
	c.want = "a # ###### !b!x@ sec";
	cut_everywhere(&c, "a * secret !b!x@ sec~3,4~");
	assert_int_equal(five.used, 7);
	assert_int_equal(fake_store_held(&five.store, "budget"), 7);
	rig_end(&rig);
}

static void however_a_document_is_cut_the_agent_gets_the_same(void **state)
{
	struct cut c = {.stream = false, .n_policies = 6, .takes = 1, .want = "#a@ ###### !b!@z"};

	(void)state;
	begin(all, 6);
	cut_everywhere(&c, "*a@ secret !b!@z~3,4~");
	assert_int_equal(five.used, 7);
	rig_end(&rig);
}

/* The end arrives while somebody decides: what is held behind him must not be let go early. */
static void a_lap_is_the_last_one_only_if_it_was_when_it_began(void **state)
{
	struct cut c = {.stream = true, .n_policies = 3, .want = "x@ ****** y"};

	(void)state;
	begin(after, 3);
	cut_everywhere(&c, "x@ secret y");
	c.want = "@sec@ret@";
	cut_everywhere(&c, "@sec@ret@");
	rig_end(&rig);
}

static void a_wait_between_two_that_hold_back_changes_nothing(void **state)
{
	struct cut c = {.stream = true, .n_policies = 4, .want = "run a@ then sec@ret b@"};

	(void)state;
	begin(around, 4);
	cut_everywhere(&c, "run a@ then sec@ret b@");
	c.want = "@@******@@";
	cut_everywhere(&c, "@@secret@@");
	rig_end(&rig);
}

/* The sketch's first lesson, in the words of the lap: data, a wait, then the end while it lasts. */
static void the_end_that_comes_during_a_wait_makes_a_lap_of_its_own(void **state)
{
	(void)state;
	begin(after, 3);
	rig_ask(&rig, "m stream", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	scripted_source_data(&rig.source, SLICE("@sec"));
	assert_int_equal(five.n_asked, 1);
	scripted_source_data(&rig.source, SLICE("ret"));
	scripted_source_end(&rig.source);
	assert_int_equal(five.lasts, 0);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	assert_int_equal(five.lasts, 1);
	loopback_read(&rig.down, &answer);
	assert_string_equal(answer.body, "@******");
	rig_end(&rig);
}

/* The sketch's second lesson: with every policy passed the cursor stands where it stood before the
 * first. */
static void a_lap_that_waits_in_its_last_policy_is_not_begun_again(void **state)
{
	static const struct policy_ops *const last[] = {&policy_pick, &policy_ask, &policy_gate};

	(void)state;
	begin(last, 3);
	rig_ask(&rig, "m stream", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	scripted_source_data(&rig.source, SLICE("one@two"));
	assert_int_equal(five.n_texts, 1);
	scripted_source_data(&rig.source, SLICE("three"));
	for (unsigned i = 0; i < 5; i++)
		exchange_on_room(rig.down.exchange);
	assert_int_equal(five.n_texts, 1);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	assert_int_equal(five.n_texts, 2);
	scripted_source_end(&rig.source);
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_string_equal(answer.body, "one@twothree");
	rig_end(&rig);
}

/* A denied call stops on its way, so the cursor is left where no part begins. */
static void what_follows_a_denied_call_is_judged_by_everyone(void **state)
{
	static const struct policy_ops *const mixed[] = {
	        &policy_pick, &policy_hold, &policy_gate, &policy_hold, &policy_ask};

	(void)state;
	begin(mixed, 5);
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			again();
		five.gate_tool = VERDICT_ANSWER;
		rig_ask(&rig, "m stream", NULL);
		scripted_source_head(&rig.source, 200, "text/event-stream");
		scripted_source_data(
		        &rig.source, i ? SLICE("x!evil!") : SLICE("x!evil!secret@!evil!!ask!y"));
		assert_int_equal(five.n_asked, !i);
		answer_all();
		if (i)
			scripted_source_data(&rig.source, SLICE("secret@!evil!!ask!y"));
		assert_int_equal(five.n_asked, i);
		answer_all();
		scripted_source_end(&rig.source);
		answer_all();
		assert_int_equal(five.n_asks, 2);
		loopback_read(&rig.down, &answer);
		assert_string_equal(
		        answer.body, "x[no evil: tool_denied]######@[no evil: tool_denied]!ask!y");
	}
	rig_end(&rig);
}

static void memory_that_was_lent_may_go_while_a_policy_waits(void **state)
{
	(void)state;
	begin(all, 6);
	rig_ask(&rig, "m stream", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	scripted_source_data(&rig.source, SLICE("one|raw|!b! two@three !b! four |raw|"));
	for (unsigned i = 0; i < 10; i++)
		rig_turn(&rig);
	five_answer(VERDICT_PASS);
	rig_turn(&rig);
	scripted_source_end(&rig.source);
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_string_equal(answer.body, "oneraw!b! two@three !b! four raw");
	rig_end(&rig);
}

/* Pieces so long that they are lent to the agent's side instead of copied: laps of one turn must
 * not share their memory. */
static void what_one_lap_lends_the_next_of_the_turn_leaves_alone(void **state)
{
	static char texts[4][5000];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		memset(texts[i], 'a' + (int)i, sizeof(texts[i]) - 1);
	for (unsigned how = 0; how < 16; how++) {
		if (rig.view)
			again();
		else
			begin(all, 6);
		texts[0][10] = how & 1 ? '@' : 'a';
		texts[1][20] = how & 2 ? '*' : 'b';
		texts[2][30] = how & 4 ? '@' : 'c';
		rig_ask(&rig, "m stream", NULL);
		scripted_source_head(&rig.source, 200, "text/event-stream");
		for (unsigned i = 0; i < 4; i++) {
			scripted_source_data(&rig.source, slice_str(texts[i]));
			if (how & 8)
				rig_turn(&rig);
		}
		answer_all();
		scripted_source_end(&rig.source);
		rig_settle(&rig);
		loopback_read(&rig.down, &answer);
		assert_true(answer.whole);
		texts[1][20] = how & 2 ? '#' : 'b';
		assert_int_equal(answer.len, 4 * (sizeof(texts[0]) - 1));
		for (unsigned i = 0; i < 4; i++)
			assert_memory_equal(answer.body + i * (sizeof(texts[0]) - 1), texts[i],
			        sizeof(texts[0]) - 1);
	}
	rig_end(&rig);
}

static void being_woken_often_while_a_policy_waits_costs_no_memory(void **state)
{
	static char text[100000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[0] = '@';
	begin(all, 6);
	rig_ask(&rig, "m stream", NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	scripted_source_data(&rig.source, slice_str(text));
	size_t before = rig.down.exchange->lap_arena.used;
	for (unsigned i = 0; i < 5000; i++)
		exchange_on_room(rig.down.exchange);
	assert_int_equal(rig.down.exchange->lap_arena.used, before);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	scripted_source_end(&rig.source);
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(answer.len, sizeof(text) - 1);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(however_a_stream_is_cut_the_agent_gets_the_same),
	        cmocka_unit_test(however_a_document_is_cut_the_agent_gets_the_same),
	        cmocka_unit_test(a_lap_is_the_last_one_only_if_it_was_when_it_began),
	        cmocka_unit_test(a_wait_between_two_that_hold_back_changes_nothing),
	        cmocka_unit_test(the_end_that_comes_during_a_wait_makes_a_lap_of_its_own),
	        cmocka_unit_test(a_lap_that_waits_in_its_last_policy_is_not_begun_again),
	        cmocka_unit_test(what_follows_a_denied_call_is_judged_by_everyone),
	        cmocka_unit_test(memory_that_was_lent_may_go_while_a_policy_waits),
	        cmocka_unit_test(what_one_lap_lends_the_next_of_the_turn_leaves_alone),
	        cmocka_unit_test(being_woken_often_while_a_policy_waits_costs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
