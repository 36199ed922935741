/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/shared_cache: an answer that another instance has left is found with the call's
 * own question, or by a question of its own; whatever is wrong with it is a miss, and holds
 * nothing.
 */
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "policy/registry.h"
#include "rig/allowance_rig.h"
#include "rig/unit.h"
#include "store/cache.h"

#define TTL 10 * NS_PER_S
#define STALE 100 * NS_PER_S
#define RATE ", rate_limit: 100/hour"
#define BUDGET ", budget: {agent: {cost: 1, per: day}}"
#define BODY                                                                                       \
	"{\"id\":\"c9\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":" \
	"[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"from there\"},"           \
	"\"finish_reason\":\"stop\"}]}"

/* One place for one value, whoever asks; counters are the fake store's. */
static struct shelf {
	struct store store;
	char bytes[600], name[VALUE_NAME_MAX + 1], group[40];
	int len;             /* of what stands there; -1: nothing */
	bool spare;          /* it answers no admission */
	int fails;           /* of a get, or of an admission that finds it */
	bool pending;        /* a get is answered later */
	struct value *asked; /* by whom; NULL: by nobody */
	unsigned gets, admits, with, leaves;
	uint64_t ends, spare_ns;
	char ids[4][CLAIM_ID_MAX]; /* of admissions */
} shelf;

static struct allowance_rig rig;
static struct cache *cache;

/* Under this name; what a test has put there stands under every one. */
static struct blob *what_stands_there(struct slice name)
{
	if (shelf.len < 0 || (*shelf.name && !slice_is(name, shelf.name)))
		return NULL;
	return blob_new(slice_from(shelf.bytes, (size_t)shelf.len));
}

static int shelf_admit(struct store *s, struct admission *a)
{
	int r = rig.fake.store.ops->admit(&rig.fake.store, a);

	(void)s;
	memcpy(shelf.ids[shelf.admits % 4], a->id.at, a->id.len);
	shelf.ids[shelf.admits++ % 4][a->id.len] = 0;
	shelf.with += a->cached.len > 0;
	shelf.spare_ns = a->cached_spare_ns;
	if (r < 0 || !a->cached.len || (r == READY && !a->granted))
		return r;
	if (shelf.fails && r == READY) {
		rig.fake.store.ops->settle(&rig.fake.store, a, &(struct settlement){.ran = false});
		return shelf.fails;
	}
	a->found = what_stands_there(a->cached);
	a->answers = a->found && !shelf.spare;
	return r;
}

static void shelf_settle(struct store *s, struct admission *a, const struct settlement *used)
{
	(void)s;
	rig.fake.store.ops->settle(&rig.fake.store, a, used);
}

static void shelf_drop(struct ticket *t)
{
	(void)t;
	shelf.asked = NULL;
}

static void shelf_answer(struct value *v)
{
	v->found = what_stands_there(v->name);
	v->state = v->found ? VALUE_FOUND : VALUE_ABSENT;
}

static int shelf_get(struct store *s, struct value *v)
{
	(void)s;
	shelf.gets++;
	if (shelf.fails && !shelf.pending)
		return shelf.fails;
	if (shelf.pending) {
		shelf.asked = v;
		ticket_arm(&v->ticket, &rig.x.turn, shelf_drop, NULL);
		return PENDING;
	}
	shelf_answer(v);
	return READY;
}

static void shelf_leave(struct store *s, const struct value *v)
{
	(void)s;
	shelf.leaves++;
	assert_int_equal(v->room, 64 << 20);
	assert_true(v->bytes.len < sizeof(shelf.bytes));
	memcpy(shelf.bytes, v->bytes.at, v->bytes.len);
	shelf.len = (int)v->bytes.len;
	shelf.ends = v->ends - v->now_wall_ns;
	snprintf(shelf.name, sizeof(shelf.name), "%.*s", SLICE_FMT(v->name));
	snprintf(shelf.group, sizeof(shelf.group), "%.*s", SLICE_FMT(v->group));
}

static const struct store_ops shelf_ops = {
        .name = "shelf",
        .admit = shelf_admit,
        .settle = shelf_settle,
        .get = shelf_get,
        .leave = shelf_leave,
};

static void begin(const char *agent)
{
	struct model_conf *m;

	assert_int_equal(allowance_begin(&rig, agent, "", false), 0);
	cache = cache_new((struct cache_limits){1 << 20, 1 << 16});
	shelf = (struct shelf){.store = {&shelf_ops}, .len = -1};
	rig.x.env.cache = cache;
	rig.x.env.store = rig.x.env.answers = &shelf.store;
	m = &rig.x.view->snapshot->conf->models[0];
	m->cache.ttl_ns = TTL;
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	cache_free(cache);
	return 0;
}

static uint64_t wall_ms(void)
{
	return rig.x.clock.clock.wall(&rig.x.clock.clock) / NS_PER_MS;
}

/* What another instance has left there, which expires so much later. */
static void stands(const char *form, long long expires_ms)
{
	shelf.len =
	        snprintf(shelf.bytes, sizeof(shelf.bytes), form, (long long)wall_ms() + expires_ms);
}

static void stands_well(void)
{
	stands("1 %lld application/json\n" BODY, 5000);
}

static const char *call(const char *headers)
{
	assert_int_equal(allowance_call(&rig, "", headers), 200);
	return allowance_header(&rig, "x-weir-cache");
}

static void assert_given(void)
{
	assert_string_equal(rig.answer.body, BODY);
	assert_int_equal(rig.x.n_reached, 0);
	assert_int_equal(rig.x.last.r.cost, 0);
	assert_false(rig.x.last.r.cache_failed);
	assert_int_equal(allowance_held(&rig, "b:"), 0);
	assert_int_equal(fake_store_waiting(&rig.fake), 0);
}

static const char *const agents[] = {RATE BUDGET, RATE, BUDGET, ""};
#define EACH_AGENT(i) for (unsigned i = 0; i < 4; i++)

static void what_stands_there_answers(void **state)
{
	(void)state;
	EACH_AGENT(i)
	{
		begin(agents[i]);
		stands_well();
		assert_string_equal(call(NULL), "hit");
		assert_given();
		assert_int_equal(shelf.with, i < 3); /* no round trip beside that of its rates */
		assert_int_equal(shelf.gets, i == 3);
		assert_int_equal(allowance_held(&rig, "r:"), i < 2);
		assert_string_equal(call(NULL), "hit"); /* from here */
		assert_given();
		assert_int_equal(shelf.with, i < 3);
		assert_int_equal(shelf.gets, i == 3);
		assert_int_equal(shelf.leaves, 0);
		end(NULL);
	}
	begin("");
}

static void what_is_answered_is_left_there_for_as_long_as_it_is_kept_here(void **state)
{
	char form[64], name[VALUE_NAME_MAX + 1];

	(void)state;
	begin(RATE);
	snprintf(form, sizeof(form), "1 %llu application/json\n{\"id\":\"c1\"",
	        (unsigned long long)wall_ms() + TTL / NS_PER_MS);
	assert_string_equal(call(NULL), "miss");
	assert_int_equal(shelf.leaves, 1);
	assert_int_equal(shelf.ends, TTL);
	assert_memory_equal(shelf.bytes, form, strlen(form));
	assert_string_equal(shelf.group, "a:tester");
	assert_int_equal(strlen(shelf.name), 64);
	memcpy(name, shelf.name, sizeof(name));
	rig.x.view->snapshot->conf->models[0].cache.stale_ns = STALE;
	assert_string_equal(call("x-weir-user: ann\r\n"), "miss");
	assert_int_equal(shelf.ends, TTL + STALE);
	assert_string_not_equal(shelf.name, name);
	assert_string_equal(call("x-weir-cache: no-cache\r\n"), "bypass");
	assert_string_equal(shelf.name, name);
	assert_int_equal(shelf.leaves, 3);
	assert_string_equal(call("x-weir-cache: no-store\r\n"), "bypass");
	assert_string_equal(call("x-weir-max-tokens: 9000\r\n"), "bypass");
	assert_string_equal(call("x-weir-timeout: 5s\r\n"), "hit");
	assert_int_equal(shelf.leaves, 3);
}

/* Two instances may have one file, and go to different places by it, or as different accounts. */
static void what_went_elsewhere_has_another_name(void **state)
{
	char name[VALUE_NAME_MAX + 1];

	(void)state;
	begin("");
	call(NULL);
	memcpy(name, shelf.name, sizeof(name));
	end(NULL);
	begin("");
	call(NULL);
	assert_string_equal(shelf.name, name);
	end(NULL);
	begin("");
	rig.x.view->snapshot->conf->upstreams[0].endpoints[0].authority = SLICE("127.0.0.1:10");
	call(NULL);
	assert_string_not_equal(shelf.name, name);
	end(NULL);
	begin("");
	rig.x.view->snapshot->upstreams[0].credential[SHA256_LEN - 1] ^= 1;
	call(NULL);
	assert_string_not_equal(shelf.name, name);
}

static const char *const wrong[] = {
        "",
        "1",
        "1 ",
        "\n",
        "1 %lld application/json", /* torn */
        "1 %lld\n" BODY,
        "2 %lld application/json\n" BODY,
        "%lld application/json\n" BODY,
        "1 soon%.0lld application/json\n" BODY,
        "1 99999999999999%lld application/json\n" BODY,
        "1 -%lld application/json\n" BODY,
};

static void what_cannot_be_read_is_a_miss(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EACH_AGENT(a)
		{
			begin(agents[a]);
			stands(wrong[i], 5000);
			assert_string_equal(call(NULL), "miss");
			assert_int_equal(rig.x.n_reached, 1);
			assert_true(rig.x.last.r.cache_failed);
			assert_string_equal(rig.x.last.r.cache, "miss");
			assert_int_equal(shelf.admits, a < 3 ? 2 : 0); /* once more, without */
			assert_int_equal(shelf.with, a < 3);
			assert_int_equal(rig.fake.settles, a < 3 ? 2 : 0);
			assert_string_not_equal(shelf.ids[0], a < 3 ? shelf.ids[1] : "x");
			assert_int_equal(allowance_held(&rig, "r:"), a < 2);
			assert_int_equal(shelf.leaves, 1); /* and now there is a good one */
			end(NULL);
		}
	begin("");
}

static void what_does_not_open_is_a_miss_and_so_is_no_answer_in_time(void **state)
{
	(void)state;
	EACH_AGENT(a)
	{
		begin(agents[a]);
		stands_well();
		shelf.fails = a == 3 ? -ETIMEDOUT : -EBADMSG;
		assert_string_equal(call(NULL), "miss");
		assert_true(rig.x.last.r.cache_failed);
		assert_int_equal(shelf.with, a < 3);
		assert_int_equal(shelf.admits, a < 3 ? 2 : 0);
		assert_int_equal(allowance_held(&rig, "r:"), a < 2);
		end(NULL);
	}
	begin("");
}

static void what_has_ended_is_not_given_whatever_the_store_says(void **state)
{
	(void)state;
	EACH_AGENT(a)
	{
		begin(agents[a]);
		stands("1 %lld application/json\n" BODY, 0);
		assert_string_equal(call(NULL), "miss");
		assert_int_equal(rig.x.n_reached, 1);
		end(NULL);
	}
	begin("");
	stands("1 %lld application/json\n" BODY, 1000LL * 1000 * 1000);
	assert_string_equal(call(NULL), "hit");
	shelf.len = -1;
	rig_advance(&rig.x, TTL); /* no longer than one that is made now */
	assert_string_equal(call(NULL), "miss");
}

static void it_ends_here_when_it_ends_there(void **state)
{
	(void)state;
	begin("");
	stands_well();
	assert_string_equal(call(NULL), "hit");
	rig_advance(&rig.x, 4 * NS_PER_S);
	assert_string_equal(call(NULL), "hit");
	assert_int_equal(shelf.gets, 1);
	rig_advance(&rig.x, 1 * NS_PER_S);
	assert_string_equal(call(NULL), "miss");
}

static void one_that_is_over_stands_in_for_an_upstream_that_fails(void **state)
{
	(void)state;
	EACH_AGENT(a)
	{
		begin(agents[a]);
		rig.x.view->snapshot->conf->models[0].cache.stale_ns = STALE;
		stands("1 %lld application/json\n" BODY, -50 * 1000);
		shelf.spare = true;
		allowance_ask(&rig, "", NULL);
		assert_int_equal(shelf.spare_ns, a < 3 ? STALE : 0);
		assert_int_equal(rig.x.n_reached, 1);
		scripted_source_head(&rig.x.source, 500, "application/json");
		scripted_source_end(&rig.x.source);
		allowance_read(&rig);
		assert_int_equal(rig.answer.status, 200);
		assert_string_equal(rig.answer.body, BODY);
		assert_string_equal(allowance_header(&rig, "x-weir-cache"), "stale");
		assert_false(rig.x.last.r.cache_failed);
		end(NULL);
	}
	begin("");
	rig.x.view->snapshot->conf->models[0].cache.stale_ns = STALE;
	stands("1 %lld application/json\n" BODY, -100 * 1000); /* no longer that */
	allowance_ask(&rig, "", NULL);
	scripted_source_head(&rig.x.source, 500, "application/json");
	scripted_source_end(&rig.x.source);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 500);
}

/* A policy that takes its time over the first answer. */
static struct policy *thinking;

static enum verdict think(struct policy *p, const struct text_channel *ch, struct slice in,
        struct buf *out, bool last)
{
	(void)ch, (void)last;
	if (!thinking) {
		thinking = p;
		return VERDICT_WAIT;
	}
	return buf_put_slice(out, in) ? VERDICT_ABORT : VERDICT_PASS;
}

static void what_was_lost_while_a_policy_thought_is_charged_as_the_provider_told(void **state)
{
	static const struct policy_ops thinker = {.name = "thinker", .on_text = think};
	const struct policy_ops *policies[POLICY_COUNT + 1];

	(void)state;
	EACH_AGENT(a)
	{
		if (a)
			end(NULL);
		thinking = NULL;
		begin(agents[a]);
		memcpy(policies, policy_registry, sizeof(policy_registry));
		policies[POLICY_COUNT] = &thinker;
		rig.x.env.policies = policies;
		rig.x.env.n_policies = POLICY_COUNT + 1;
		rig.x.view->snapshot->conf->models[0].cache.stale_ns = STALE;
		stands("1 %lld application/json\n" BODY, -50 * 1000);
		shelf.spare = true;
		allowance_ask(&rig, "", NULL);
		allowance_reply(&rig, 30, 100);
		assert_non_null(thinking);
		scripted_source_fault(&rig.x.source, FAULT_UPSTREAM_TIMEOUT, NULL);
		allowance_read(&rig);
		assert_int_equal(rig.answer.status, 200);
		assert_string_equal(allowance_header(&rig, "x-weir-cache"), "stale");
		assert_int_equal(rig.x.last.r.cost, 30 * 1000 + 100 * 2000);
		assert_false(rig.x.last.r.estimated);
	}
}

static void the_answer_may_come_later(void **state)
{
	(void)state;
	EACH_AGENT(a)
	{
		begin(agents[a]);
		stands_well();
		rig.fake.pending = shelf.pending = true;
		allowance_ask(&rig, "", NULL);
		assert_int_equal(rig.x.n_reached, 0);
		if (a < 3) {
			assert_true(fake_store_answer(&rig.fake, 0));
		} else {
			assert_non_null(shelf.asked);
			shelf_answer(shelf.asked);
			ticket_complete(&shelf.asked->ticket, READY);
		}
		allowance_read(&rig);
		assert_string_equal(allowance_header(&rig, "x-weir-cache"), "hit");
		assert_given();
		end(NULL);
	}
	begin("");
}

static void what_is_asked_again_may_come_later_too(void **state)
{
	(void)state;
	begin(RATE BUDGET);
	rig.fake.pending = true;
	allowance_ask(&rig, "", NULL);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rig.x.n_reached, 0);
		assert_true(fake_store_answer(&rig.fake, i ? 0 : -EBADMSG));
		rig_settle(&rig.x);
	}
	assert_int_equal(shelf.with, 1);
	assert_int_equal(rig.x.n_reached, 1);
	allowance_reply(&rig, 10, 20);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 200);
	assert_int_equal(rig.fake.settles, 1);
}

static void who_leaves_while_it_is_looked_for_holds_nothing(void **state)
{
	(void)state;
	EACH_AGENT(a)
	{
		for (unsigned late = 0; late < 2; late++) {
			begin(agents[a]);
			stands_well();
			rig.fake.pending = shelf.pending = true;
			allowance_ask(&rig, "", NULL);
			if (late && a < 3) {
				fake_store_answer(&rig.fake, 0);
			} else if (late) {
				shelf_answer(shelf.asked);
				ticket_complete(&shelf.asked->ticket, READY);
			}
			exchange_on_client_gone(rig.x.down.exchange);
			rig_settle(&rig.x);
			assert_int_equal(fake_store_waiting(&rig.fake), 0);
			assert_int_equal(allowance_held(&rig, ""), 0);
			assert_int_equal(rig.x.last.r.fault, FAULT_CLIENT_GONE);
			end(NULL);
		}
	}
	begin("");
}

/* A budget that is too small for the call is no reason against an answer that costs nothing. */
static void what_no_budget_allows_is_answered_from_there(void **state)
{
	(void)state;
	begin(RATE ", budget: {request: {cost: 0.000000001}}");
	stands_well();
	assert_string_equal(call(NULL), "hit");
	assert_given();
	assert_int_equal(shelf.gets, 1);
	assert_int_equal(allowance_held(&rig, "r:"), 1);
	shelf.len = -1;
	assert_int_equal(allowance_call(&rig, ",\"seed\":1", NULL), 429);
	assert_string_equal(allowance_code(&rig), "budget_exceeded");
	assert_int_equal(allowance_held(&rig, "r:"), 1);
}

static void a_store_that_is_away_has_the_rule_of_each_limit(void **state)
{
	(void)state;
	begin("");
	shelf.fails = -EHOSTDOWN;
	assert_string_equal(call(NULL), "miss");
	assert_true(rig.x.last.r.cache_failed);
	end(NULL);
	begin(BUDGET);
	rig.fake.fails = -EHOSTDOWN;
	assert_int_equal(allowance_call(&rig, "", NULL), 503);
	assert_string_equal(allowance_code(&rig), "store_unavailable");
}

static void in_shadow_only_this_process_is_asked(void **state)
{
	(void)state;
	begin("");
	((struct agent_conf *)conf_agent(rig.x.view->snapshot->conf, SLICE("tester")))->shadow =
	        SHADOW_CACHE;
	stands_well();
	assert_string_equal(call(NULL), "bypass");
	assert_int_equal(shelf.gets, 0);
	assert_int_equal(shelf.leaves, 1);
}

/* Whatever fails, the call ends, and nothing is held. */
static void memory_may_fail(void **state)
{
	(void)state;
	EACH_AGENT(a)
	{
		for (long n = 0; n < 70; n++) {
			begin(agents[a]);
			stands_well();
			mem_fail_after(n);
			allowance_ask(&rig, "", NULL);
			rig_settle(&rig.x);
			mem_fail_after(-1);
			if (rig.x.n_reached)
				allowance_reply(&rig, 10, 20);
			rig_settle(&rig.x);
			assert_string_equal(call(NULL), "hit");
			assert_int_equal(rig.fake.admits, rig.fake.settles);
			end(NULL);
		}
	}
	begin("");
	for (long n = 0; n < 70; n++) {
		end(NULL);
		begin("");
		allowance_ask(&rig, "", NULL);
		mem_fail_after(n);
		allowance_reply(&rig, 10, 20);
		mem_fail_after(-1);
		rig_settle(&rig.x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(what_stands_there_answers, end),
	        cmocka_unit_test_teardown(
	                what_is_answered_is_left_there_for_as_long_as_it_is_kept_here, end),
	        cmocka_unit_test_teardown(what_went_elsewhere_has_another_name, end),
	        cmocka_unit_test_teardown(what_cannot_be_read_is_a_miss, end),
	        cmocka_unit_test_teardown(
	                what_does_not_open_is_a_miss_and_so_is_no_answer_in_time, end),
	        cmocka_unit_test_teardown(what_has_ended_is_not_given_whatever_the_store_says, end),
	        cmocka_unit_test_teardown(it_ends_here_when_it_ends_there, end),
	        cmocka_unit_test_teardown(
	                one_that_is_over_stands_in_for_an_upstream_that_fails, end),
	        cmocka_unit_test_teardown(
	                what_was_lost_while_a_policy_thought_is_charged_as_the_provider_told, end),
	        cmocka_unit_test_teardown(the_answer_may_come_later, end),
	        cmocka_unit_test_teardown(what_is_asked_again_may_come_later_too, end),
	        cmocka_unit_test_teardown(who_leaves_while_it_is_looked_for_holds_nothing, end),
	        cmocka_unit_test_teardown(what_no_budget_allows_is_answered_from_there, end),
	        cmocka_unit_test_teardown(a_store_that_is_away_has_the_rule_of_each_limit, end),
	        cmocka_unit_test_teardown(in_shadow_only_this_process_is_asked, end),
	        cmocka_unit_test_teardown(memory_may_fail, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
