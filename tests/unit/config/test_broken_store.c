/* SPDX-License-Identifier: Apache-2.0 */
/* Stores that instances share, as policies name them: what is good, and what cannot be. */
#include <stdlib.h>
#include <string.h>
#include "rig/unit.h"
#include "unit/config/broken.h"

#define KEY "deployment_key: \"${env:WEIR_TEST_KEY}\"\n"
#define STORE(of) "version: 1\n" KEY "store: {kind: redis, " of "}\n"

static const struct broken cases[] = {
        {"Redis that is nowhere", "version: 1\n" KEY "store: {kind: redis}\n",
                "3:1: error: nothing says where Redis is\n"},
        {"a URL and sentinels", STORE("url: \"redis://h\", sentinel: {master: m, addresses: s}"),
                "3:40: error: url and sentinel stand side by side; write one of them\n"
                "also 3:22\n"},
        {"a cluster behind sentinels", STORE("cluster: true, sentinel: {master: m, addresses: s}"),
                "3:22: error: a cluster is not found by sentinels: it fails over by itself\n"},
        {"two servers that are no cluster", STORE("url: [\"redis://a\", \"redis://b\"]"),
                "3:22: error: several URLs are for a cluster\n"},
        {"a password in the URL", STORE("url: \"redis://u:p@h\""),
                "3:22: error: this is no URL of Redis: user and password do not belong in the "
                "URL: they have keys of their own\n"},
        {"another scheme", STORE("url: \"http://h\""),
                "3:22: error: this is no URL of Redis: it begins with redis://, rediss:// or "
                "unix:\n"},
        {"a sentinel that is no address", STORE("sentinel: {master: m, addresses: [s, \"s:x\"]}"),
                "3:59: error: s:x is no address of a sentinel\n"},
        {"sentinels without a name to ask for", STORE("sentinel: {addresses: s}"),
                "3:22: error: master is missing here\n"},
        {"a cluster of unlike nodes",
                STORE("cluster: true, url: [\"redis://a\", \"rediss://b\", \"unix:/s\", "
                      "\"redis://c/2\"]"),
                "3:56: error: nodes of one cluster all speak TLS, or none does\n"
                "3:70: error: a cluster has no unix socket\n"
                "3:81: error: a cluster has no numbered databases\n"},
        {"TLS that nobody speaks", STORE("url: \"redis://h\", tls: {ca: /ca.pem}"),
                "3:40: error: tls says nothing here: the URL does not begin with rediss://\n"},
        {"a certificate without its key", STORE("url: \"rediss://h\", tls: {certificate: /c.pem}"),
                "3:41: error: certificate and key belong together\n"},
        {"a user without a password", STORE("url: \"redis://h\", username: u"),
                "3:40: error: username says nothing without a password\n"},
        {"a password in plain text",
                STORE("url: \"redis://redis.example.com\", password: \"${env:WEIR_TEST_KEY}\""),
                "3:56: warning: the password and the counters cross the network in plain text\n"},
        {"budgets that would fail open", STORE("url: \"redis://h\", on_outage: {budgets: open}"),
                "3:61: error: budgets: open is not one of its choices\n"},
        {"more replicas than anybody has", STORE("url: \"redis://h\", replicas: 9"),
                "3:50: error: replicas: 9 is out of range\n"},
        {"instances without a common key", "version: 1\nstore: {kind: redis, url: \"redis://h\"}\n",
                "2:1: error: instances that share a store need one deployment_key\n"},
        {"keys of Redis in an embedded store",
                "version: 1\nstore: {kind: embedded, url: \"redis://h\", replicas: 1}\n",
                "2:25: error: url says nothing of an embedded store\n"
                "2:43: error: replicas says nothing of an embedded store\n"},
};

static void each_mistake_about_a_store_is_named_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		broken_check(&cases[i]);
}

static struct conf *load(const char *text)
{
	struct diagnostics d;
	struct conf *c;

	diagnostics_init(&d);
	c = conf_load_text("p.yaml", slice_str(text), &d);
	assert_int_equal(d.errors, 0);
	diagnostics_finish(&d);
	assert_non_null(c);
	return c;
}

static void a_store_is_what_was_written(void **state)
{
	struct conf *c = load(STORE(
	        "url: \"rediss://[::1]:6380/2\", username: weir, password: "
	        "\"${env:WEIR_TEST_KEY}\", replicas: 1, tls: {ca: /ca.pem, certificate: /c.pem, "
	        "key: "
	        "/k.pem, server_name: cache}, on_outage: {rate_limits: closed, budgets: closed}"));
	const struct store_conf *s = &c->store;

	(void)state;
	assert_int_equal(s->kind, STORE_REDIS);
	assert_int_equal(s->finding, STORE_BY_URL);
	assert_slice(s->place.host, "::1");
	assert_int_equal(s->place.port, 6380);
	assert_int_equal(s->place.db, 2);
	assert_true(s->place.tls);
	assert_slice(s->username, "weir");
	assert_slice(secret_slice(s->password), "0123456789abcdef0123456789abcdef");
	assert_int_equal(s->replicas, 1);
	assert_slice(s->tls_server_name, "cache");
	assert_int_equal(s->rates_on_outage, OUTAGE_CLOSED);
	conf_free(c);
	c = load(STORE("sentinel: {master: main, addresses: [a, \"b:1\"]}, tls: {ca: /ca.pem}"));
	assert_int_equal(c->store.finding, STORE_BY_SENTINEL);
	assert_true(c->store.place.tls);
	assert_int_equal(c->store.n_seeds, 2);
	assert_int_equal(c->store.seeds[0].port, SENTINEL_PORT);
	assert_int_equal(c->store.seeds[1].port, 1);
	assert_int_equal(c->store.rates_on_outage, OUTAGE_LOCAL);
	conf_free(c);
	c = load(STORE("cluster: true, url: [\"redis://a\", \"redis://b:7000\"]"));
	assert_int_equal(c->store.finding, STORE_BY_CLUSTER);
	assert_int_equal(c->store.n_seeds, 2);
	assert_slice(c->store.seeds[1].host, "b");
	conf_free(c);
	c = load("version: 1\n");
	assert_int_equal(c->store.kind, STORE_EMBEDDED);
	conf_free(c);
}

static void it_is_needed_where_calls_are_refused_without_it(void **state)
{
	static const struct {
		const char *agent, *rule;
		bool needed;
	} needs[] = {
	        {"{}", "local", false},
	        {"{rate_limit: 1/minute}", "local", false},
	        {"{rate_limit: 1/minute}", "closed", true},
	        {"{concurrency: 1}", "closed", true},
	        {"{concurrency: 1}", "open", false},
	        {"{budget: {request: {tokens: 1}}}", "local", false},
	        {"{budget: {agent: {tokens: 1}}}", "open", true},
	        {"{budget: {agent: {tokens: 1}}, mode: {shadow: [budget]}}", "local", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		char text[400];
		struct conf *c;

		snprintf(text, sizeof(text),
		        "version: 1\n" KEY
		        "store: {kind: redis, url: \"redis://h\", on_outage: {rate_limits: %s}}\n"
		        "agents:\n  a: %s\n",
		        needs[i].rule, needs[i].agent);
		c = load(text);
		if (c->store.is_needed != needs[i].needed)
			fail_msg("%s, %s", needs[i].agent, needs[i].rule);
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_mistake_about_a_store_is_named_with_its_place),
	        cmocka_unit_test(a_store_is_what_was_written),
	        cmocka_unit_test(it_is_needed_where_calls_are_refused_without_it),
	};

	setenv("WEIR_TEST_KEY", "0123456789abcdef0123456789abcdef", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
