/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/embeddings: what of a call is asked for, what is put together, what is kept,
 * and what memory that fails does to it. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/mem.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "rig/allowance_rig.h"
#include "store/cache.h"

static struct allowance_rig rig;
static struct cache *cache;

static void begin(const char *agent)
{
	assert_int_equal(allowance_begin(&rig, agent, "", true), 0);
	cache = cache_new((struct cache_limits){1 << 20, 1 << 16});
	rig.x.env.cache = cache;
	rig.x.view->snapshot->conf->models[0].cache.ttl_ns = 10 * NS_PER_S;
}

static int end(void **state)
{
	(void)state;
	allowance_end(&rig);
	cache_free(cache);
	return 0;
}

static void ask(const char *input, const char *headers)
{
	char body[500];

	snprintf(body, sizeof(body), "{\"model\":\"m\",\"input\":%s}", input);
	allowance_post(&rig, "/v1/embeddings", body, headers);
}

/* Each of the letters is an item whose embedding is that letter. */
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

static const char *word(void)
{
	return allowance_header(&rig, "x-weir-cache");
}

static void only_what_is_missing_is_asked_for_and_paid(void **state)
{
	(void)state;
	begin("");
	ask("[\"a\",\"b\"]", NULL);
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}");
	reply("ab", 10);
	assert_string_equal(given(), "ab");
	assert_string_equal(word(), "miss");
	ask("[\"c\",\"b\",\"d\",\"a\",\"c\"]", NULL);
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"c\",\"d\"]}");
	reply("cd", 7);
	assert_string_equal(given(), "cbdac");
	assert_string_equal(word(), "miss");
	assert_true(rig.x.last.r.cost == 7000 && rig.x.last.r.usage.in_uncached == 7);
	ask("[\"d\",\"d\",\"a\"]", NULL);
	assert_string_equal(given(), "dda");
	assert_string_equal(word(), "hit");
	assert_true(rig.x.n_reached == 0 && rig.x.last.r.cost == 0 && !rig.x.last.r.usage_known);
	assert_non_null(strstr(rig.answer.body, "\"model\":\"m-1\""));
	ask("\"a\"", NULL);
	assert_string_equal(given(), "a");
	rig.x.view->snapshot->conf->cache.embeddings_ns = 0;
	ask("\"a\"", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	reply("a", 1);
	assert_string_equal(word(), "hit"); /* of the one before: this one has no such header */
	allowance_read(&rig);
	assert_string_equal(word(), "");
}

/* A budget holds no more for a call than it can cost. */
static void what_is_known_is_not_reserved(void **state)
{
	(void)state;
	begin(", budget: {agent: {tokens: 100}}");
	ask("[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]", NULL);
	reply("a", 10);
	ask("[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"b\"]", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	assert_int_equal(allowance_admitted(&rig)->ask.reservation.fixed_tokens, 16 + 1);
	reply("b", 1);
	assert_string_equal(given(), "aab");
}

static void what_cannot_be_put_together_is_charged_and_not_kept(void **state)
{
	(void)state;
	begin("");
	ask("\"a\"", NULL);
	reply("a", 10);
	ask("[\"a\",\"b\",\"c\"]", NULL);
	reply("b", 7);
	allowance_read(&rig);
	assert_int_equal(rig.answer.status, 502);
	assert_string_equal(allowance_code(&rig), "upstream_malformed");
	assert_true(rig.x.last.r.cost == 7000 && !rig.x.last.r.estimated);
	ask("[\"b\",\"c\"]", NULL);
	assert_string_equal(rig.x.sending, "{\"model\":\"m\",\"input\":[\"b\",\"c\"]}");
	reply("b", 7);
	assert_string_equal(given(), "b"); /* nothing was put together: it is the provider's own */
	ask("\"b\"", NULL);
	assert_int_equal(rig.x.n_reached, 1);
	reply("b", 1);
}

/* Whatever fails, the call ends, and what comes after is answered as ever. */
static void memory_may_fail(void **state)
{
	(void)state;
	for (long n = 0; n < 90; n++) {
		begin("");
		ask("\"a\"", NULL);
		reply("a", 1);
		mem_fail_after(n);
		ask("[\"b\",\"a\",\"b\"]", NULL);
		mem_fail_after(-1);
		if (rig.x.n_reached)
			reply(strstr(rig.x.sending, "\"a\"") ? "bab" : "b", 1);
		rig_settle(&rig.x);
		ask("[\"a\",\"b\"]", NULL);
		if (rig.x.n_reached)
			reply(strstr(rig.x.sending, "\"a\"") ? "ab" : "b", 1);
		assert_string_equal(given(), "ab");
		end(NULL);
	}
	for (long n = 0; n < 90; n++) {
		begin("");
		ask("\"a\"", NULL);
		reply("a", 1);
		ask("[\"b\",\"a\",\"b\"]", NULL);
		mem_fail_after(n);
		reply("b", 1);
		mem_fail_after(-1);
		rig_settle(&rig.x);
		ask("\"a\"", NULL);
		assert_string_equal(given(), "a");
		end(NULL);
	}
	for (long n = 0; n < 90; n++) {
		begin("");
		ask("\"a\"", NULL);
		reply("a", 1);
		mem_fail_after(n);
		ask("[\"a\",\"a\"]", NULL);
		rig_settle(&rig.x);
		mem_fail_after(-1);
		if (rig.x.n_reached && rig.x.down.exchange)
			reply("aa", 1);
		ask("\"a\"", NULL);
		assert_string_equal(given(), "a");
		end(NULL);
	}
	begin("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(only_what_is_missing_is_asked_for_and_paid, end),
	        cmocka_unit_test_teardown(what_is_known_is_not_reserved, end),
	        cmocka_unit_test_teardown(what_cannot_be_put_together_is_charged_and_not_kept, end),
	        cmocka_unit_test_teardown(memory_may_fail, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
