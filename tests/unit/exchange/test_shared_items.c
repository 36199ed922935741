/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/shared_items: what other instances have left of a call's items is not asked of
 * the provider, is not paid, and not reserved for; whatever is wrong with one is asked for. */
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "rig/allowance_rig.h"
#include "rig/unit.h"
#include "store/cache.h"

#define PLACES 12
#define LIMITS ", rate_limit: 100/hour, budget: {agent: {cost: 1, per: day}}"

/* Some places for values; counters are the fake store's. */
static struct shelf {
	struct store store;
	struct place {
		char name[VALUE_NAME_MAX + 1], bytes[300];
		size_t len;
	} places[PLACES];
	unsigned n;
	struct value *asked[80];
	unsigned n_asked; /* pending ones that were not answered */
	bool pending;
	int fails; /* of every get */
	unsigned gets;
} shelf;

static struct allowance_rig rig;
static struct cache *cache;

static int shelf_admit(struct store *s, struct admission *a)
{
	(void)s;
	return rig.fake.store.ops->admit(&rig.fake.store, a);
}

static void shelf_settle(struct store *s, struct admission *a, const struct settlement *used)
{
	(void)s;
	rig.fake.store.ops->settle(&rig.fake.store, a, used);
}

static int shelf_answer(struct value *v)
{
	v->state = VALUE_ABSENT;
	for (unsigned i = 0; i < shelf.n; i++)
		if (slice_is(v->name, shelf.places[i].name))
			v->found = blob_new(slice_from(shelf.places[i].bytes, shelf.places[i].len));
	v->state = v->found ? VALUE_FOUND : VALUE_ABSENT;
	return READY;
}

static void shelf_drop(struct ticket *t)
{
	(void)t;
	shelf.n_asked--;
}

static int shelf_get(struct store *s, struct value *v)
{
	(void)s;
	shelf.gets++;
	if (shelf.fails)
		return shelf.fails;
	if (!shelf.pending)
		return shelf_answer(v);
	ticket_arm(&v->ticket, &rig.x.turn, shelf_drop, NULL);
	shelf.asked[shelf.n_asked++] = v;
	return PENDING;
}

static void shelf_leave(struct store *s, const struct value *v)
{
	struct place *p = &shelf.places[shelf.n];

	(void)s;
	for (unsigned i = 0; i < shelf.n; i++)
		if (slice_is(v->name, shelf.places[i].name))
			p = &shelf.places[i];
	shelf.n += p == &shelf.places[shelf.n];
	assert_true(shelf.n < PLACES && v->bytes.len < sizeof(p->bytes) && v->room);
	snprintf(p->name, sizeof(p->name), "%.*s", SLICE_FMT(v->name));
	memcpy(p->bytes, v->bytes.at, v->bytes.len);
	p->len = v->bytes.len;
}

static const struct store_ops shelf_ops = {
        .name = "shelf",
        .admit = shelf_admit,
        .settle = shelf_settle,
        .get = shelf_get,
        .leave = shelf_leave,
};

static void begin(void)
{
	assert_int_equal(allowance_begin(&rig, LIMITS, "", false), 0);
	cache = cache_new((struct cache_limits){1 << 20, 1 << 16});
	rig.x.env.cache = cache;
	rig.x.env.store = rig.x.env.answers = &shelf.store;
	rig.x.view->snapshot->conf->models[0].cache.ttl_ns = 10 * NS_PER_S;
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	cache_free(cache);
	return 0;
}

/* Another instance, with the same shelf. */
static void begin_another(void)
{
	end(NULL);
	begin();
}

static void begin_first(void)
{
	shelf = (struct shelf){.store = {&shelf_ops}};
	begin();
}

static void ask(const char *input)
{
	char body[2000];

	snprintf(body, sizeof(body), "{\"model\":\"m\",\"input\":%s}", input);
	shelf.gets = 0;
	allowance_post(&rig, "/v1/embeddings", body, NULL);
}

/* Each of the letters is an item whose embedding is that letter. */
static void reply(const char *letters)
{
	char body[1000] = "{\"object\":\"list\",\"data\":[";
	size_t len = strlen(body);

	for (unsigned i = 0; letters[i]; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
		        "%s{\"object\":\"embedding\",\"embedding\":\"%c\",\"index\":%u}",
		        i ? ", " : "", letters[i], i);
	snprintf(body + len, sizeof(body) - len,
	        "],\"model\":\"m-1\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
	scripted_source_head(&rig.x.source, 200, "application/json");
	scripted_source_data(&rig.x.source, slice_str(body));
	scripted_source_end(&rig.x.source);
	rig_settle(&rig.x);
}

/* The letters that the agent was given, in their order; their indices must be that order. */
static const char *given(void)
{
	static char letters[64];
	const char *at;
	unsigned n = 0, i;

	allowance_read(&rig);
	for (at = rig.answer.body; (at = strstr(at, "\"embedding\":\"")) && n < 63; at++) {
		letters[n] = at[13];
		assert_int_equal(sscanf(at + 14, "\",\"index\":%u}", &i), 1);
		assert_int_equal(i, n++);
	}
	letters[n] = '\0';
	return letters;
}

static void check(const char *letters, const char *word)
{
	assert_string_equal(given(), letters);
	assert_string_equal(allowance_header(&rig, "x-weir-cache"), word);
	assert_int_equal(rig.fake.admits, rig.fake.settles);
	assert_int_equal(shelf.n_asked, 0);
}

static void keep_two(void)
{
	begin_first();
	ask("[\"a\",\"b\"]");
	reply("ab");
	check("ab", "miss");
	assert_int_equal(shelf.n, 2);
	begin_another();
}

static void only_what_nobody_has_is_asked_for(void **state)
{
	uint64_t reserved;

	(void)state;
	keep_two();
	ask("[\"b\",\"c\",\"a\",\"b\"]");
	assert_int_equal(shelf.gets, 3);
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"c\"]}");
	reserved = allowance_held(&rig, "b:");
	reply("c");
	check("bcab", "miss");
	ask("[\"b\",\"c\",\"a\"]"); /* from here */
	check("bca", "hit");
	assert_int_equal(shelf.gets, 0);
	begin_another();
	ask("[\"c\",\"a\"]");
	assert_int_equal(rig.x.n_reached, 0);
	check("ca", "hit");
	assert_int_equal(rig.x.last.r.cost, 0);
	assert_int_equal(allowance_held(&rig, "b:"), 0);
	assert_int_equal(allowance_held(&rig, "r:"), 1);
	assert_non_null(strstr(rig.answer.body, "\"model\":\"m-1\""));
	begin_another();
	ask("[\"z\"]"); /* and no more is reserved than for what is asked for */
	assert_int_equal(allowance_held(&rig, "b:"), reserved);
	reply("z");
	check("z", "miss");
}

static void answer_all(int result)
{
	while (shelf.n_asked) {
		struct value *v = shelf.asked[--shelf.n_asked];
		if (!result)
			shelf_answer(v);
		ticket_complete(&v->ticket, result);
	}
	rig_settle(&rig.x);
}

static void they_may_come_later(void **state)
{
	(void)state;
	keep_two();
	shelf.pending = true;
	ask("[\"b\",\"c\",\"a\"]");
	assert_int_equal(shelf.n_asked, 3);
	assert_int_equal(rig.fake.admits, 0);
	answer_all(READY);
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"c\"]}");
	reply("c");
	check("bca", "miss");
	assert_false(rig.x.last.r.cache_failed);
	begin_another();
	ask("[\"b\",\"a\"]");
	answer_all(-ETIMEDOUT);
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"b\",\"a\"]}");
	reply("ba");
	check("ba", "miss");
	assert_true(rig.x.last.r.cache_failed);
}

static void who_leaves_meanwhile_holds_nothing(void **state)
{
	(void)state;
	for (unsigned answered = 0; answered < 3; answered++) {
		keep_two();
		shelf.pending = true;
		ask("[\"b\",\"a\"]");
		assert_int_equal(shelf.n_asked, 2);
		for (unsigned i = 0; i < answered; i++) {
			struct value *v = shelf.asked[--shelf.n_asked];
			shelf_answer(v);
			ticket_complete(&v->ticket, READY);
		}
		exchange_on_client_gone(rig.x.down.exchange);
		rig_settle(&rig.x);
		assert_int_equal(shelf.n_asked, 0);
		assert_int_equal(rig.fake.admits, 0);
		end(NULL);
	}
	begin_first();
}

static void what_is_none_is_asked_for(void **state)
{
	static const char *const wrong[] = {
	        "",
	        "1",
	        "2 99999999999999 1 2 \"m\"\n{}",
	        "1 99999999999999 1\n{\"index\":0}",
	        "1 99999999999999 1 \n{\"index\":0}",
	        "1 99999999999999 9 10\n{\"index\":0}",
	        "1 99999999999999 9 8 \"m\"\n{\"index\":0}",
	        "1 99999999999999 9 99 \"m\"\n{\"index\":0}",
	        "1 99999999999999 -9 10 \"m\"\n{\"index\":0}",
	        "1 1000 9 10 \"m\"\n{\"index\":0}",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		keep_two();
		shelf.places[0].len = strlen(wrong[i]);
		memcpy(shelf.places[0].bytes, wrong[i], strlen(wrong[i]));
		ask("[\"b\",\"a\"]");
		assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"a\"]}");
		reply("a");
		check("ba", "miss");
		end(NULL);
	}
	keep_two();
	shelf.fails = -EHOSTDOWN;
	ask("[\"b\",\"a\"]");
	reply("ba");
	check("ba", "miss");
	assert_true(rig.x.last.r.cache_failed);
}

static void who_misses_many_is_not_looked_for(void **state)
{
	char input[2000] = "[";

	(void)state;
	begin_first();
	for (unsigned i = 0; i < 65; i++)
		snprintf(input + strlen(input), sizeof(input) - strlen(input), "%s\"i%u\"",
		        i ? "," : "", i);
	strncat(input, "]", sizeof(input) - strlen(input) - 1);
	ask(input);
	assert_int_equal(shelf.gets, 0);
	assert_int_equal(rig.x.n_reached, 1);
	exchange_on_client_gone(rig.x.down.exchange);
	rig_settle(&rig.x);
}

static void memory_may_fail(void **state)
{
	(void)state;
	for (long n = 0; n < 80; n++) {
		keep_two();
		mem_fail_after(n);
		ask("[\"b\",\"c\",\"a\"]");
		mem_fail_after(-1);
		if (rig.x.n_reached)
			reply(strstr(rig.x.sending, "b") ? "bca" : "c");
		rig_settle(&rig.x);
		ask("[\"a\",\"b\"]");
		if (rig.x.n_reached)
			reply("ab");
		assert_string_equal(given(), "ab");
		assert_int_equal(rig.fake.admits, rig.fake.settles);
		end(NULL);
	}
	begin_first();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(only_what_nobody_has_is_asked_for, end),
	        cmocka_unit_test_teardown(they_may_come_later, end),
	        cmocka_unit_test_teardown(who_leaves_meanwhile_holds_nothing, end),
	        cmocka_unit_test_teardown(what_is_none_is_asked_for, end),
	        cmocka_unit_test_teardown(who_misses_many_is_not_looked_for, end),
	        cmocka_unit_test_teardown(memory_may_fail, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
