/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/tolls: a call of an answer whose tool the agent runs itself costs what the policy
 * says, once, if it gets to the agent; what no longer fits a budget is denied. */
#include "rig/unit.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include "policy/registry.h"
#include "rig/allowance_rig.h"
#include "exchange/journaling.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "journal/journal.h"
#include "journal/keeper.h"
#include "rig/journal_rig.h"
#include "rig/starve.h"
#include "store/cache.h"

#define MILLI ((nanousd)1000000) /* a thousandth of a dollar */
#define USED ((nanousd)10 * 1000 + (nanousd)20 * 2000)
#define ASK ",\"max_tokens\":256"

static struct allowance_rig rig;

static const char tools[] = "tools: {pay: {cost: 0.005}, fax: {cost: 0.002}, free: {}, "
                            "shop: {upstream: shop, cost: 1}, secret: {cost: 0.005}}\n";

static int begin_on(const char *budget, bool embedded)
{
	char agent[400];

	snprintf(agent, sizeof(agent), ", tools: [pay, fax, free, shop]%s", budget);
	return allowance_begin(&rig, agent, tools, embedded);
}

static void begin(const char *budget)
{
	assert_int_equal(begin_on(budget, true), 0);
}

static struct journal_rig folder;
static struct keeper *keeper;

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	if (keeper) {
		keeper_close(keeper);
		journal_rig_finish(&folder);
	}
	keeper = NULL;
	return 0;
}

/* An answer that calls these tools, one after the other. */
static void reply(const char *const *names)
{
	char body[4000];
	int n = snprintf(body, sizeof(body),
	        "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
	        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
	        "\"tool_calls\":[");

	for (unsigned i = 0; names[i]; i++)
		n += snprintf(body + n, sizeof(body) - (size_t)n,
		        "%s{\"id\":\"t%u\",\"type\":\"function\",\"function\":{\"name\":\"%s\","
		        "\"arguments\":\"{}\"}}",
		        i ? "," : "", i, names[i]);
	snprintf(body + n, sizeof(body) - (size_t)n,
	        "]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,"
	        "\"completion_tokens\":20,\"total_tokens\":30}}");
	scripted_source_head(&rig.x.source, 200, "application/json");
	scripted_source_data(&rig.x.source, slice_str(body));
	scripted_source_end(&rig.x.source);
	rig_settle(&rig.x);
}

#define CALLS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void call(const char *const *names, const char *headers)
{
	allowance_ask(&rig, ASK, headers);
	assert_int_equal(rig.x.n_reached, 1);
	reply(names);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 200);
}

/* What the last call's record says of its n-th tool. */
static void check_tool(unsigned i, bool allowed, nanousd cost, const char *code)
{
	const struct record_tool *t = &rig.x.last.tool[i];

	assert_true(i < rig.x.last.r.n_tools);
	assert_int_equal(t->allowed, allowed);
	assert_int_equal(t->cost, cost);
	if (!allowed) /* in shadow it says what would have been */
		assert_string_equal(fault_infos[t->fault].code, code);
}

static void check_costs(nanousd of_tools, const char *shown)
{
	assert_int_equal(rig.x.last.r.tools_cost, of_tools);
	assert_int_equal(rig.x.last.r.cost, USED + of_tools);
	assert_string_equal(allowance_header(&rig, "x-weir-cost-usd"), shown);
}

static void a_call_that_gets_to_the_agent_is_charged_once(void **state)
{
	(void)state;
	begin("");
	call(CALLS("pay", "free", "fax", "pay"), NULL);
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, true, 0, "ok");
	check_tool(2, true, 2 * MILLI, "ok");
	check_tool(3, true, 5 * MILLI, "ok");
	check_costs(12 * MILLI, "0.01205");
}

static void what_is_denied_or_runs_elsewhere_costs_nothing(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.01}}");
	call(CALLS("secret", "shop", "nowhere", "fax"), NULL);
	check_tool(0, false, 0, "tool_denied");
	check_tool(1, true, 0, "ok"); /* it is charged where it is asked */
	check_tool(2, false, 0, "tool_denied");
	check_tool(3, true, 2 * MILLI, "ok");
	check_costs(2 * MILLI, "0.00205");
}

static void what_no_longer_fits_a_budget_is_denied(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.008, per: day}}");
	call(CALLS("pay", "pay", "fax", "fax"), NULL);
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "budget_reserved"); /* would fit, but for what this call holds */
	check_tool(2, true, 2 * MILLI, "ok");
	check_tool(3, false, 0, "budget_reserved");
	check_costs(7 * MILLI, "0.00705");
	assert_non_null(strstr(rig.answer.body, "agent's budget for this day"));
	call(CALLS("fax", "free"), NULL);
	check_tool(0, false, 0, "budget_exceeded"); /* 7.05 of 8 are spent */
	check_tool(1, true, 0, "ok");
	check_costs(0, "0.00005");
	assert_non_null(strstr(rig.answer.body, "It begins anew at"));
	/* 7.1 are spent to the nano-dollar: there is room for 0.9 and no more. */
	allowance_ask(&rig, ASK, "x-weir-max-cost: 0.0009\r\n");
	assert_int_equal(rig.x.n_reached, 1);
	assert_in_range(allowance_admitted(&rig)->ask.demands[0].spent_cost, 7100000, 7100000);
}

static void limits_of_one_call_count_what_it_has_cost_so_far(void **state)
{
	(void)state;
	begin(", budget: {request: {cost: 0.0081}}");
	call(CALLS("pay", "fax", "fax"), NULL);
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, true, 2 * MILLI, "ok");
	check_tool(2, false, 0, "budget_exceeded");
	assert_non_null(strstr(rig.answer.body, "the request's budget for it"));
	check_costs(7 * MILLI, "0.00705");
}

static void the_callers_limit_holds_in_shadow_too(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.001}, request: {cost: 0.001}}, mode: {shadow: [budget]}");
	call(CALLS("pay", "fax"), "x-weir-max-cost: 0.006\r\n");
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "budget_exceeded");
	assert_true(rig.x.last.r.shadow);
	check_costs(5 * MILLI, "0.00505");
	call(CALLS("pay", "pay", "pay"), NULL);
	check_costs(15 * MILLI, "0.01505");
	allowance_ask(&rig, ASK, NULL);
	assert_int_equal(
	        allowance_admitted(&rig)->ask.demands[0].spent_cost, 20 * MILLI + 2 * USED);
}

static void what_the_caller_forbids_leaves_the_rest_in_shadow(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.006}}, mode: {shadow: [budget]}");
	call(CALLS("pay", "pay", "fax"), "x-weir-max-cost: 0.008\r\n");
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "budget_exceeded");
	check_tool(2, true, 2 * MILLI, "ok");
	check_costs(7 * MILLI, "0.00705");
}

/* ---- a store that takes its time ---- */

static void begin_late(const char *budget)
{
	assert_int_equal(begin_on(budget, false), 0);
	allowance_ask(&rig, ASK, NULL);
	assert_int_equal(rig.x.n_reached, 1);
	rig.fake.pending = true;
	reply(CALLS("pay", "fax"));
	assert_int_equal(fake_store_waiting(&rig.fake), 1);
}

static void each_call_waits_for_the_store(void **state)
{
	(void)state;
	begin_late(", budget: {agent: {cost: 0.0065}}");
	allowance_read(&rig);
	assert_false(rig.answer.whole);
	assert_true(fake_store_answer(&rig.fake, 0));
	rig_settle(&rig.x);
	assert_int_equal(fake_store_waiting(&rig.fake), 1);
	assert_true(fake_store_answer(&rig.fake, 0));
	allowance_read(&rig);
	assert_true(rig.answer.whole);
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "budget_exceeded");
	check_costs(5 * MILLI, "0.00505");
	assert_int_equal(allowance_held(&rig, ""), 5 * MILLI + USED);
	assert_int_equal(rig.fake.settles, 2);
}

static void who_leaves_meanwhile_pays_for_no_tool(void **state)
{
	(void)state;
	for (unsigned answered = 0; answered < 2; answered++) {
		begin_late(", budget: {agent: {cost: 1}}");
		if (answered) {
			assert_true(fake_store_answer(&rig.fake, 0));
			rig_settle(&rig.x);
		}
		exchange_on_client_gone(rig.x.down.exchange);
		rig_settle(&rig.x);
		assert_int_equal(fake_store_waiting(&rig.fake), 0);
		assert_int_equal(rig.x.last.r.tools_cost, 0);
		assert_in_range(allowance_held(&rig, ""), USED, MILLI); /* the model's answer */
		allowance_end(&rig);
	}
	begin("");
}

static void without_a_store_nothing_is_let_through(void **state)
{
	(void)state;
	begin_late(", budget: {agent: {cost: 1}}");
	assert_true(fake_store_answer(&rig.fake, -ETIMEDOUT));
	rig.fake.pending = false;
	rig.fake.fails = -ENOTCONN;
	rig_settle(&rig.x);
	allowance_read(&rig);
	check_tool(0, false, 0, "store_unavailable");
	check_tool(1, false, 0, "store_unavailable");
	check_costs(0, "0.00005");
}

static void calls_of_an_answer_for_which_an_old_one_stands_in_are_not_given(void **state)
{
	struct cache *cache = cache_new((struct cache_limits){1 << 20, 1 << 16});
	struct reuse_conf *rule;

	(void)state;
	assert_int_equal(begin_on(", budget: {agent: {cost: 1}}", false), 0);
	rig.x.env.cache = cache;
	rule = &rig.x.view->snapshot->conf->models[0].cache;
	*rule = (struct reuse_conf){.ttl_ns = NS_PER_S, .stale_ns = 3600 * NS_PER_S};
	assert_int_equal(allowance_call(&rig, ASK, NULL), 200);
	rig_advance(&rig.x, 2 * NS_PER_S);
	allowance_ask(&rig, ASK, NULL);
	assert_int_equal(rig.x.n_reached, 1);
	rig.fake.pending = true;
	reply(CALLS("pay", "fax"));
	assert_true(fake_store_answer(&rig.fake, 0));
	rig_settle(&rig.x);
	assert_int_equal(fake_store_waiting(&rig.fake), 1);
	scripted_source_fault(&rig.x.source, FAULT_UPSTREAM_TIMEOUT, NULL);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 200);
	assert_string_equal(allowance_header(&rig, "x-weir-cache"), "stale");
	assert_int_equal(rig.x.last.r.tools_cost, 0);
	assert_int_equal(rig.x.last.r.n_tools, 0);
	assert_int_equal(rig.x.last.r.cost, USED);
	assert_int_equal(fake_store_waiting(&rig.fake), 0);
	assert_int_equal(allowance_held(&rig, "b:"), 2 * USED);
	allowance_end(&rig);
	cache_free(cache);
	begin("");
}

/* ---- a journal ---- */

/* The journal can be written, or not. */
static void disk_is_full(bool full)
{
	static struct rlimit before;

	if (full)
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct rlimit limit = {full ? 1 : before.rlim_cur, before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static bool waits;           /* no turn's end is written down yet */
static unsigned fails_after; /* so many turns one is not written; 0: none */

static bool write_turn(struct exchange_rig *x)
{
	struct journal *j = x->env.journal;

	if (waits || (!journal_has_put(j) && list_is_empty(&x->env.settling)))
		return false;
	bool fails = fails_after && !--fails_after;
	if (fails)
		disk_is_full(true);
	int e = journal_has_put(j) ? journal_end_turn(j) : 0;
	if (fails)
		disk_is_full(false);
	return journaling_turn_ended(&x->env, e);
}

static void begin_written(const char *budget, bool strict)
{
	char note[KEEPER_NOTE];
	struct exchange_env *env = &rig.x.env;

	assert_int_equal(begin_on(budget, false), 0);
	journal_rig_init(&folder);
	struct keeper_options o = {.path = folder.path,
	        .workers = 1,
	        .segment = KEEPER_SEGMENT_MIN,
	        .key = JOURNAL_KEY,
	        .clock = &rig.x.clock.clock};
	assert_int_equal(keeper_open(&keeper, &o, note), 0);
	env->journal = keeper_journal(keeper, 0);
	rig.x.journal = write_turn;
	list_init(&env->deciding);
	list_init(&env->syncing);
	list_init(&env->settling);
	list_init(&env->holding);
	list_init(&env->holding_disk);
	rig.x.view->snapshot->conf->audit.strict = strict;
}

static void synced(int result)
{
	journaling_synced(&rig.x.env, journal_written(rig.x.env.journal), result);
	rig_settle(&rig.x);
}

static bool is_answered(void)
{
	allowance_read(&rig);
	return rig.answer.whole;
}

static void ask_written(bool strict)
{
	waits = false;
	allowance_ask(&rig, ASK, NULL);
	rig_settle(&rig.x);
	if (strict)
		synced(0);
	assert_int_equal(rig.x.n_reached, 1);
}

static void what_is_held_is_written_down_before_a_call_leaves(void **state)
{
	(void)state;
	begin_written(", budget: {agent: {cost: 1}}", false);
	ask_written(false);
	waits = true;
	reply(CALLS("pay", "free", "fax"));
	assert_false(is_answered());
	waits = false;
	assert_true(is_answered());
	check_costs(7 * MILLI, "0.00705");
	assert_int_equal(allowance_held(&rig, ""), 7 * MILLI + USED);
}

static void what_cannot_be_written_down_does_not_leave(void **state)
{
	(void)state;
	begin_written(", budget: {agent: {cost: 1}}, mode: {shadow: [budget]}", false);
	ask_written(false);
	disk_is_full(true);
	reply(CALLS("pay", "fax", "free"));
	disk_is_full(false);
	assert_true(is_answered());
	check_tool(0, false, 0, "audit_unavailable"); /* its turn was not written */
	check_tool(1, false, 0, "audit_unavailable"); /* nothing is */
	check_tool(2, true, 0, "ok");
	check_costs(0, "0.00005");
	assert_in_range(allowance_held(&rig, ""), USED, MILLI);
}

static struct store_ops spied;
static void (*settle)(struct store *s, struct admission *a, const struct settlement *used);
static nanousd charged[3]; /* by the number of what was held; 0: the call itself */

static void spy(struct store *s, struct admission *a, const struct settlement *used)
{
	unsigned i = a->id.at[a->id.len - 2] == 't' ? (unsigned)(a->id.at[a->id.len - 1] - '0') : 0;

	assert_in_range(i, 0, 2);
	charged[i] = used->ran ? used->cost : 0;
	settle(s, a, used);
}

static void what_a_restart_knows_of_is_charged(void **state)
{
	(void)state;
	begin_written(", budget: {agent: {cost: 1}}", false);
	spied = *rig.fake.store.ops;
	settle = spied.settle;
	spied.settle = spy;
	rig.fake.store.ops = &spied;
	ask_written(false);
	fails_after = 2;
	reply(CALLS("pay", "fax"));
	assert_true(is_answered());
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "audit_unavailable");
	assert_int_equal(charged[1], 5 * MILLI);
	assert_int_equal(charged[2], 0);
	/* The model's answer, by what it used or, until there is another segment, by what was held.
	 */
	assert_in_range(charged[0], USED, MILLI);
}

static void where_the_policy_is_strict_it_is_on_the_disk_before(void **state)
{
	(void)state;
	begin_written(", budget: {agent: {cost: 1}}", true);
	ask_written(true);
	reply(CALLS("pay", "fax"));
	assert_false(is_answered());
	synced(0);
	assert_false(is_answered());
	synced(-EIO);
	assert_true(is_answered());
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "audit_unavailable");
	assert_int_equal(allowance_held(&rig, ""), 5 * MILLI + USED);
}

static void who_leaves_before_it_is_written_down_pays_for_no_tool(void **state)
{
	(void)state;
	for (unsigned strict = 0; strict < 2; strict++) {
		begin_written(", budget: {agent: {cost: 1}}", strict);
		ask_written(strict);
		waits = !strict;
		reply(CALLS("pay", "fax"));
		exchange_on_client_gone(rig.x.down.exchange);
		waits = false;
		rig_settle(&rig.x);
		assert_true(list_is_empty(&rig.x.env.holding));
		assert_true(list_is_empty(&rig.x.env.holding_disk));
		assert_int_equal(rig.x.last.r.tools_cost, 0);
		assert_in_range(allowance_held(&rig, ""), USED, MILLI);
		end(NULL);
	}
	begin("");
}

/* ---- streams ---- */

static void feed(const char *text)
{
	scripted_source_data(&rig.x.source, slice_str(text));
	rig_settle(&rig.x);
}

static void a_stream_pays_for_what_it_lets_out(void **state)
{
	(void)state;
	begin(", budget: {agent: {cost: 0.008}}");
	allowance_ask(&rig, ASK ",\"stream\":true", NULL);
	scripted_source_head(&rig.x.source, 200, "text/event-stream");
	feed("data: "
	     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
	     "\"type\":\"function\",\"function\":{\"name\":\"pay\",\"arguments\":\"{\"}}]}}]}\n\n");
	feed("data: "
	     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\","
	     "\"type\":\"function\",\"function\":{\"name\":\"pay\",\"arguments\":\"{}\"}}]}}]}"
	     "\n\n");
	assert_int_equal(rig.x.down.exchange->calls[0].n_tools, 0);
	feed("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
	     "\"function\":{\"arguments\":\"}\"}}]}}]}\n\n");
	feed("data: "
	     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n");
	feed("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,"
	     "\"total_tokens\":30}}\n\ndata: [DONE]\n\n");
	scripted_source_end(&rig.x.source);
	allowance_read(&rig);
	check_tool(0, true, 5 * MILLI, "ok");
	check_tool(1, false, 0, "budget_reserved");
	assert_int_equal(rig.x.last.r.cost, USED + 5 * MILLI);
}

static void a_legacy_function_call_is_one_too(void **state)
{
	(void)state;
	begin("");
	allowance_ask(&rig, ASK, NULL);
	scripted_source_head(&rig.x.source, 200, "application/json");
	feed("{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
	     "\"function_call\":{\"name\":\"fax\",\"arguments\":\"{}\"}},\"finish_reason\":"
	     "\"function_call\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,"
	     "\"total_tokens\":30}}");
	scripted_source_end(&rig.x.source);
	allowance_read(&rig);
	check_costs(2 * MILLI, "0.00205");
}

/* ---- memory ---- */

static int scenario(void *arg)
{
	int e = begin_on(", budget: {agent: {cost: 0.006}, request: {cost: 1}}", false);

	(void)arg;
	if (!e) {
		allowance_ask(&rig, ASK, NULL);
		rig_settle(&rig.x);
		if (rig.x.n_reached)
			reply(CALLS("pay", "pay", "fax"));
		rig_reconnect(&rig.x);
		rig_settle(&rig.x);
		assert_int_equal(fake_store_waiting(&rig.fake), 0);
		assert_in_range(allowance_held(&rig, ""), 0, 6 * MILLI);
	}
	allowance_end(&rig);
	return e;
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, NULL);
	begin("");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest all[] = {
	        T(a_call_that_gets_to_the_agent_is_charged_once),
	        T(what_is_denied_or_runs_elsewhere_costs_nothing),
	        T(what_no_longer_fits_a_budget_is_denied),
	        T(limits_of_one_call_count_what_it_has_cost_so_far),
	        T(the_callers_limit_holds_in_shadow_too),
	        T(what_the_caller_forbids_leaves_the_rest_in_shadow),
	        T(each_call_waits_for_the_store),
	        T(who_leaves_meanwhile_pays_for_no_tool),
	        T(without_a_store_nothing_is_let_through),
	        T(calls_of_an_answer_for_which_an_old_one_stands_in_are_not_given),
	        T(what_is_held_is_written_down_before_a_call_leaves),
	        T(what_cannot_be_written_down_does_not_leave),
	        T(what_a_restart_knows_of_is_charged),
	        T(where_the_policy_is_strict_it_is_on_the_disk_before),
	        T(who_leaves_before_it_is_written_down_pays_for_no_tool),
	        T(a_stream_pays_for_what_it_lets_out),
	        T(a_legacy_function_call_is_one_too),
	        T(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
