/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/snapshot and view: whose key is this, what costs what, and who frees it. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "config/diagnostics.h"
#include "crypto/key.h"
#include "exchange/snapshot.h"
#include "exchange/view.h"
#include "rig/starve.h"

#define AGENTS 200

static char keys[AGENTS][KEY_LEN + 1];
static char yaml[64 << 10];

static void hash_of(const char *text, uint8_t ret[SHA256_LEN])
{
	sha256(slice_str(text), ret);
}

static int make_policy(void **state)
{
	size_t n = (size_t)snprintf(yaml, sizeof(yaml),
	        "version: 1\n"
	        "listeners: {agents: {address: \"127.0.0.1:4000\"}}\n"
	        "upstreams:\n"
	        "  openai: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
	        "  mine: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
	        "  real: {api: openai, url: \"https://api.openai.com/v1\", credential: none}\n"
	        "models:\n"
	        "  gpt-4o: {upstream: openai}\n"
	        "  mini: {upstream: real, upstream_name: gpt-4o-mini}\n"
	        "  own: {upstream: mine, price: {input: 2, output: 3, cached_input: 1}}\n"
	        "  odd: {upstream: mine}\n"
	        "  \"gpt-*\": {upstream: openai}\n"
	        "agents:\n");

	(void)state;
	for (unsigned i = 0; i < AGENTS; i++) {
		uint8_t sha[SHA256_LEN];
		char hex[65];
		key_new(keys[i]);
		hash_of(keys[i], sha);
		hex_encode(sha, sizeof(sha), hex);
		n += (size_t)snprintf(yaml + n, sizeof(yaml) - n,
		        "  a%u: {identity: [{api_key: \"sha256:%s\"}], models: [gpt-4o]}\n", i,
		        hex);
	}
	return 0;
}

static struct conf *load(void)
{
	struct diagnostics d;

	diagnostics_init(&d);
	struct conf *c = conf_load_text("test.yaml", slice_str(yaml), &d);
	if (!c && !d.no_memory)
		fail_msg("%s", "the policy has mistakes");
	diagnostics_finish(&d);
	return c;
}

static struct snapshot *snapshot_of(const struct run_key *run_key)
{
	struct conf *c = load();

	return c ? snapshot_new(c, SLICE("deployment"), run_key, 7) : NULL;
}

static void every_key_leads_to_its_agent_and_no_other_does(void **state)
{
	struct snapshot *s = snapshot_of(NULL);
	uint8_t sha[SHA256_LEN];
	char name[16];

	(void)state;
	assert_int_equal(s->n_keys, AGENTS);
	assert_true(s->cap_keys >= 2 * AGENTS);
	for (unsigned i = 0; i < AGENTS; i++) {
		hash_of(keys[i], sha);
		const struct snapshot_key *k = snapshot_find_key(s, sha);
		assert_non_null(k);
		snprintf(name, sizeof(name), "a%u", i);
		assert_true(slice_is(k->agent->name, name));
		sha[31] ^= 1;
		assert_null(snapshot_find_key(s, sha));
		sha[31] ^= 1;
		sha[0] ^= 1;
		assert_null(snapshot_find_key(s, sha));
	}
	memset(sha, 0, sizeof(sha));
	assert_null(snapshot_find_key(s, sha));
	snapshot_unref(s);
}

/* Hashes that begin alike share a place in the table and must not hide each other. */
static void keys_that_meet_are_both_found(void **state)
{
	struct snapshot *s = snapshot_of(NULL);
	uint8_t sha[SHA256_LEN];

	(void)state;
	for (unsigned i = 0; i < AGENTS; i++) {
		hash_of(keys[i], sha);
		unsigned at = 0;
		memcpy(&at, sha, sizeof(at));
		assert_non_null(s->keys[at & (s->cap_keys - 1)].agent);
	}
	snapshot_unref(s);
}

static void a_run_key_counts_for_an_agent_that_exists(void **state)
{
	struct run_key run = {.agent = "a3"};
	uint8_t sha[SHA256_LEN];

	(void)state;
	hash_of("weir_of_this_run", sha);
	memcpy(run.sha256, sha, sizeof(sha));
	struct snapshot *s = snapshot_of(&run);
	assert_true(slice_is(snapshot_find_key(s, sha)->agent->name, "a3"));
	snapshot_unref(s);
	memcpy(run.agent, "nobody", sizeof("nobody"));
	s = snapshot_of(&run);
	assert_null(snapshot_find_key(s, sha));
	snapshot_unref(s);
}

static const struct model_price *price_of(const struct snapshot *s, const char *model)
{
	const struct model_conf *m = conf_model(s->conf, NULL, slice_str(model));

	assert_non_null(m);
	return &s->prices[m->index];
}

static void prices_are_looked_up_once(void **state)
{
	struct snapshot *s = snapshot_of(NULL);

	(void)state;
	assert_true(price_of(s, "own")->fixed);
	assert_int_equal(price_of(s, "own")->price.n, 1);
	assert_non_null(price_of(s, "gpt-4o")->table);
	assert_non_null(price_of(s, "mini")->table);
	assert_null(price_of(s, "odd")->table);
	assert_null(price_of(s, "gpt-x")->table); /* a pattern: call by call */
	const struct upstream_conf *up = conf_model(s->conf, NULL, SLICE("gpt-x"))->upstream;
	assert_ptr_equal(
	        snapshot_table_price(s, up, SLICE("gpt-4o")), price_of(s, "gpt-4o")->table);
	assert_null(snapshot_table_price(s, up, SLICE("gpt-x-nothing")));
	for (unsigned i = 0; i < s->conf->n_upstreams; i++)
		assert_non_null(s->upstreams[i].usage_rules);
	snapshot_unref(s);
}

static void the_key_for_users_depends_on_the_deployment(void **state)
{
	struct snapshot *one = snapshot_of(NULL), *two = snapshot_of(NULL);
	struct snapshot *other = snapshot_new(load(), SLICE("another"), NULL, 1);

	(void)state;
	assert_memory_equal(one->user_key, two->user_key, SHA256_LEN);
	assert_memory_not_equal(one->user_key, other->user_key, SHA256_LEN);
	assert_int_equal(one->number, 7);
	snapshot_unref(one);
	snapshot_unref(two);
	snapshot_unref(other);
}

static struct snapshot *snapshot_with(const char *token, const char *key)
{
	struct diagnostics d;

	setenv("WEIR_TEST_TOKEN", token, 1);
	diagnostics_init(&d);
	struct conf *c = conf_load_text("test.yaml",
	        SLICE("version: 1\n"
	              "listeners: {agents: {address: \"127.0.0.1:4000\"}}\n"
	              "upstreams:\n"
	              "  own: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: {api_key: "
	              "\"${env:WEIR_TEST_TOKEN}\"}}\n"
	              "  none: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
	              "models: {m: {upstream: own}}\n"
	              "agents: {a: {models: [m]}}\n"),
	        &d);
	diagnostics_finish(&d);
	unsetenv("WEIR_TEST_TOKEN");
	assert_non_null(c);
	return snapshot_new(c, slice_str(key), NULL, 1);
}

/* While the policy's own hash is the same. */
static void another_credential_is_known_as_such_and_not_shown(void **state)
{
	static const uint8_t nothing[SHA256_LEN];
	static const char *const tokens[] = {"one", "one", "two", "one"};
	static const char *const by[] = {"k", "k", "k", "other"};
	struct snapshot *s[4];
	uint8_t plain[SHA256_LEN];

	(void)state;
	sha256(SLICE("Bearer one"), plain);
	for (unsigned i = 0; i < 4; i++) {
		s[i] = snapshot_with(tokens[i], by[i]);
		assert_memory_equal(s[i]->conf->hash, s[0]->conf->hash, SHA256_LEN);
		assert_memory_not_equal(s[i]->upstreams[0].credential, nothing, SHA256_LEN);
		assert_memory_not_equal(s[i]->upstreams[0].credential, plain, SHA256_LEN);
		assert_memory_equal(s[i]->upstreams[1].credential, nothing, SHA256_LEN);
	}
	assert_memory_equal(
	        s[1]->upstreams[0].credential, s[0]->upstreams[0].credential, SHA256_LEN);
	for (unsigned i = 2; i < 4; i++)
		assert_memory_not_equal(
		        s[i]->upstreams[0].credential, s[0]->upstreams[0].credential, SHA256_LEN);
	for (unsigned i = 0; i < 4; i++)
		snapshot_unref(s[i]);
}

static void it_lives_as_long_as_somebody_holds_it(void **state)
{
	struct snapshot *s = snapshot_of(NULL);
	struct view *v = view_new(snapshot_ref(s), NULL);

	(void)state;
	snapshot_unref(s);
	view_ref(v);
	view_unref(v);
	assert_int_equal(v->snapshot->conf->n_agents, AGENTS);
	view_unref(v);
	view_unref(NULL);
	snapshot_unref(NULL);
}

static int starved(void *arg)
{
	struct snapshot *s = snapshot_of(NULL);
	struct view *v = s ? view_new(s, NULL) : NULL;

	(void)arg;
	view_unref(v);
	return v ? 0 : -ENOMEM;
}

static void without_memory_there_is_none_and_nothing_leaks(void **state)
{
	(void)state;
	*strstr(yaml, "  a3:") = '\0'; /* three agents are enough here */
	starve(starved, NULL);
	make_policy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_key_leads_to_its_agent_and_no_other_does),
	        cmocka_unit_test(keys_that_meet_are_both_found),
	        cmocka_unit_test(a_run_key_counts_for_an_agent_that_exists),
	        cmocka_unit_test(prices_are_looked_up_once),
	        cmocka_unit_test(the_key_for_users_depends_on_the_deployment),
	        cmocka_unit_test(another_credential_is_known_as_such_and_not_shown),
	        cmocka_unit_test(it_lives_as_long_as_somebody_holds_it),
	        cmocka_unit_test(without_memory_there_is_none_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, make_policy, NULL);
}
