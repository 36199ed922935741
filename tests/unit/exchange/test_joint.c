/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/joint and exchange/carrier: who is gathered with whom, how what came is shared
 * out, who leaves when, and what memory that fails does to it. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "exchange/joint.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "rig/allowance_rig.h"
#include "store/cache.h"

#define AGENTS 3

static struct allowance_rig rig;
static struct cache *cache;
static struct loopback agents[AGENTS];
static bool open[AGENTS];

static void set(void *owner, struct deadline *d, uint64_t at)
{
	struct exchange_env *env = owner;

	env->set_deadline(env, d, at);
}

static void clear(void *owner, struct deadline *d)
{
	struct exchange_env *env = owner;

	env->clear_deadline(env, d);
}

static int (*reach)(struct exchange_env *env, struct exchange *x);
static bool connecting; /* nothing has been sent yet: the connection is being made */

/* The rig has one source: who comes while it is in use is told that there is no memory. */
static int reach_one(struct exchange_env *env, struct exchange *x)
{
	int r;

	if (rig.x.n_reached && !rig.x.source.n_closed)
		return -ENOMEM;
	r = reach(env, x);
	x->went_upstream &= !connecting;
	return r;
}

static void begin(void)
{
	assert_int_equal(allowance_begin(&rig, "", "", true), 0);
	cache = cache_new((struct cache_limits){1 << 20, 1 << 16});
	rig.x.env.cache = cache;
	connecting = false;
	reach = rig.x.env.reach;
	rig.x.env.reach = reach_one;
	rig.x.view->snapshot->conf->models[0].cache.ttl_ns = 10 * NS_PER_S;
	rig.x.env.joints = joints_new(&rig.x.env, (struct joint_clock){set, clear, &rig.x.env});
	assert_non_null(rig.x.env.joints);
}

static void turn_end(void)
{
	for (unsigned i = 0; i < AGENTS; i++)
		if (open[i] && !agents[i].closed)
			loopback_turn_end(&agents[i]);
}

static void settle(void)
{
	for (unsigned i = 0; i < 4; i++) {
		turn_end();
		rig_settle(&rig.x);
	}
}

static void leave(unsigned i)
{
	if (open[i] && !agents[i].closed)
		loopback_close(&agents[i]);
	open[i] = false;
	settle();
}

static int end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < AGENTS; i++)
		leave(i);
	rig_settle(&rig.x);
	struct joints *js = rig.x.env.joints;
	allowance_end(&rig);
	joints_free(js);
	cache_free(cache);
	return 0;
}

static void ask(unsigned i, const char *input)
{
	char body[500], text[1000];

	snprintf(body, sizeof(body), "{\"model\":\"m\",\"input\":%s}", input);
	snprintf(text, sizeof(text),
	        "POST /v1/embeddings HTTP/1.1\r\nhost: 127.0.0.1:4000\r\ncontent-type: "
	        "application/json\r\ncontent-length: %zu\r\n\r\n%s",
	        strlen(body), body);
	loopback_open(&agents[i], &rig.x.env, rig.x.view, rig.x.down.down.listener);
	open[i] = true;
	loopback_feed(&agents[i], slice_str(text));
}

static void window_ends(void)
{
	settle();
	rig_advance(&rig.x, 50 * NS_PER_MS);
	settle();
}

static void reply(const char *letters, int tokens)
{
	char body[1000] = "{\"object\":\"list\",\"data\":[";
	size_t len = strlen(body);

	for (unsigned i = 0; letters[i]; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
		        "%s{\"object\":\"embedding\",\"embedding\":\"%c\",\"index\":%u}",
		        i ? ", " : "", letters[i], i);
	snprintf(body + len, sizeof(body) - len,
	        "],\"model\":\"m-1\",\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":%d}}", tokens,
	        tokens);
	if (scripted_source_head(&rig.x.source, 200, "application/json") &&
	        scripted_source_data(&rig.x.source, slice_str(body)))
		scripted_source_end(&rig.x.source);
	settle();
}

static struct loopback_answer answer;

/* The letters that the agent was given, in their order; *ret_tokens: what it is told was used. */
static const char *given(unsigned i, unsigned *ret_tokens)
{
	static char letters[64];
	const char *at;
	unsigned n = 0, index;

	loopback_read(&agents[i], &answer);
	for (at = answer.body; (at = strstr(at, "\"embedding\":\"")) && n < 63; at++) {
		letters[n] = at[13];
		assert_int_equal(sscanf(at + 14, "\",\"index\":%u}", &index), 1);
		assert_int_equal(index, n++);
	}
	letters[n] = '\0';
	at = strstr(answer.body, "\"total_tokens\":");
	*ret_tokens = at ? (unsigned)strtoul(at + 15, NULL, 10) : 0;
	return letters;
}

static void several_are_one_and_each_bears_its_part(void **state)
{
	unsigned a, b, c;

	(void)state;
	begin();
	ask(0, "[\"a\",\"bbbbbbbbbbbbbbbbbbbb\"]");
	ask(1, "\"a\"");
	ask(2, "[\"c\",\"a\",\"d\"]");
	assert_int_equal(rig.x.n_reached, 0);
	window_ends();
	assert_int_equal(rig.x.n_reached, 1);
	assert_string_equal(rig.x.sending,
	        "{\"model\":\"m\",\"input\":[\"a\",\"bbbbbbbbbbbbbbbbbbbb\",\"c\",\"d\"]}");
	reply("abcd", 31);
	assert_string_equal(given(0, &a), "ab");
	assert_string_equal(loopback_header(&answer, "x-weir-cache"), "miss");
	assert_string_equal(loopback_header(&answer, "x-weir-attempts"), "1");
	assert_string_equal(given(1, &b), "a");
	assert_string_equal(loopback_header(&answer, "x-weir-cache"), "hit");
	assert_string_equal(loopback_header(&answer, "x-weir-cost-usd"), "0");
	assert_string_equal(given(2, &c), "cad");
	assert_string_equal(loopback_header(&answer, "x-weir-attempts"), "0");
	/* It brought 16 + 1 and 16 + 20, of 87 in all; what is left over goes to it. */
	assert_int_equal(a, 31 * 53 / 87 + 1);
	assert_int_equal(b, 0);
	assert_int_equal(a + b + c, 31);
	assert_int_equal(rig.x.n_records, 3);
}

static void who_is_alone_goes_as_it_came(void **state)
{
	unsigned tokens;

	(void)state;
	begin();
	ask(0, "\"a\"");
	settle();
	assert_int_equal(rig.x.n_reached, 0);
	window_ends();
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":\"a\"}");
	reply("a", 3);
	assert_string_equal(given(0, &tokens), "a");
	ask(1, "\"b\"");
	ask(2, "\"c\"");
	leave(1);
	window_ends();
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":\"c\"}");
	leave(2);
	ask(1, "\"b\"");
	leave(1);
	window_ends();
	assert_int_equal(rig.x.n_reached, 2);
}

static void who_leaves_is_borne_by_nobody_else(void **state)
{
	unsigned a, b;

	(void)state;
	begin();
	ask(0, "\"a\"");
	ask(1, "\"b\"");
	ask(2, "\"c\"");
	window_ends();
	leave(2);
	assert_true(rig.x.last.r.estimated && rig.x.last.r.attempts == 1);
	assert_int_equal(rig.x.source.n_closed, 0);
	reply("abc", 31);
	assert_string_equal(given(0, &a), "a");
	assert_string_equal(given(1, &b), "b");
	assert_int_equal(a + b, 31 - 31 / 3);
	assert_int_equal(rig.x.last.r.attempts, 0);
	leave(0), leave(1);
	ask(0, "\"d\"");
	ask(1, "\"e\"");
	window_ends();
	leave(0);
	assert_int_equal(rig.x.source.n_closed, 0);
	leave(1);
	assert_int_equal(rig.x.source.n_closed, 1);
}

/* Its items stand in what will be sent, and are kept for whoever asks again. */
static void who_leaves_before_it_is_sent_bears_his_part(void **state)
{
	(void)state;
	begin();
	connecting = true;
	ask(0, "\"a\"");
	ask(1, "\"b\"");
	window_ends();
	leave(1);
	assert_int_equal(rig.x.source.n_closed, 0);
	assert_true(rig.x.last.r.estimated && rig.x.last.r.cost > 0);
	leave(0); /* nobody is left for whom it would be sent */
	assert_int_equal(rig.x.source.n_closed, 1);
	assert_true(!rig.x.last.r.estimated && rig.x.last.r.cost == 0);
}

static void in_what_order_memory_may_fail(long n, unsigned phase)
{
	unsigned tokens;

	begin();
	if (phase == 0)
		mem_fail_after(n);
	ask(0, "[\"a\",\"b\"]");
	ask(1, "[\"b\",\"c\"]");
	if (phase == 1)
		mem_fail_after(n);
	window_ends();
	if (phase < 2)
		mem_fail_after(-1);
	if (phase == 2)
		mem_fail_after(n);
	if (rig.x.n_reached == 1 && strstr(rig.x.sending, "\"a\",\"b\",\"c\""))
		reply("abc", 9);
	mem_fail_after(-1);
	settle();
	leave(0), leave(1);
	ask(2, "\"a\"");
	window_ends();
	if (agents[2].exchange)
		reply("a", 1);
	assert_string_equal(given(2, &tokens), "a");
	end(NULL);
}

static void memory_may_fail(void **state)
{
	(void)state;
	for (unsigned phase = 0; phase < 3; phase++)
		for (long n = 0; n < 80; n++)
			in_what_order_memory_may_fail(n, phase);
	begin();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(several_are_one_and_each_bears_its_part, end),
	        cmocka_unit_test_teardown(who_is_alone_goes_as_it_came, end),
	        cmocka_unit_test_teardown(who_leaves_is_borne_by_nobody_else, end),
	        cmocka_unit_test_teardown(who_leaves_before_it_is_sent_bears_his_part, end),
	        cmocka_unit_test_teardown(memory_may_fail, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
