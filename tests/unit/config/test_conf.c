/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what a good policy becomes: structs, pointers, sets, defaults, inheritance; and of
 * loading it without memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rig/starve.h"
#include "rig/unit.h"
#include "config/conf.h"
#include "config/diagnostics.h"

#define KEY_A "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "sha256:ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char whole[] =
        "version: 1\n"
        "listeners:\n"
        "  agents: {address: \"127.0.0.1:4100\", limits: {body_bytes: 1MiB, header_timeout: 2s}}\n"
        "  side: {address: \"unix:/run/weir/side.sock\", default_agent: billing, mode: 0660, "
        "peer_uid: [1000, 1001]}\n"
        "  admin: {address: none}\n"
        "upstreams:\n"
        "  openai: {credential: {api_key: \"${env:WEIR_TEST_KEY}\"}, timeouts: {connect: 1s}}\n"
        "  local:\n"
        "    api: openai\n"
        "    endpoints: [{url: \"https://vllm:8000/v1\", weight: 2}, {url: "
        "\"http://[::1]:9/v1\"}]\n"
        "    credential: {header: X-Key, value: \"Token ${env:WEIR_TEST_KEY}\"}\n"
        "    addresses: [10.0.0.0/8]\n"
        "    stream_usage: never\n"
        "    output_field: max_tokens\n"
        "    tls: {server_name: vllm.internal}\n"
        "models:\n"
        "  gpt-4o: {upstream: openai, price: {input: 2.50, output: 10, cached_input: 1.25, "
        "request: 0.001}, max_output: 16384}\n"
        "  \"gpt-*\": {upstream: openai, cache: 90s}\n"
        "  \"*\": {upstream: local, upstream_name: llama, expected_output: 100, cache: {ttl: 1h, "
        "share: team, stale_if_error: 1d}}\n"
        "tools:\n"
        "  lookup_order: {requires_scopes: [\"read:orders\"], idempotent: true, cost: 0.005}\n"
        "  lookup_user: {requires_scopes: [\"read:users\", \"read:orders\"]}\n"
        "  pay: {}\n"
        "defaults: {on_denied_tool: refuse, models: [gpt-4o], trust_claimed: [user], team: care}\n"
        "teams:\n"
        "  care: {data_access: [\"read:orders\"], hosted_tools: [web_search], on_denied_tool: "
        "null}\n"
        "agents:\n"
        "  support:\n"
        "    identity: [{api_key: \"" KEY_A "\"}, {api_key: \"" KEY_B
        "\", not_after: 2200-01-01}]\n"
        "    tools: [\"lookup_*\", any-local]\n"
        "    models: [\"gpt-*\"]\n"
        "    mode: {shadow: [tools], until: 2200-01-01}\n"
        "  billing: {tools: [pay], on_denied_tool: strip, trust_claimed: null}\n"
        "store: {path: /var/lib/weir}\n"
        "deployment_key: [\"${env:WEIR_TEST_KEY}\", \"x${env:WEIR_TEST_KEY}\"]\n"
        "unknown_price: deny\n"
        "log: {level: warn, format: text}\n"
        "drain: {quiet: 1s}\n"
        "workers: 3\n";

static struct conf *load(const char *text)
{
	struct diagnostics d;
	struct buf said = BUF_INIT(1 << 20);
	struct conf *c;

	diagnostics_init(&d);
	c = conf_load_text("p.yaml", slice_str(text), &d);
	if (!c && !diagnostics_print(&d, &said, false))
		print_error("%.*s", SLICE_FMT(buf_slice(&said)));
	assert_non_null(c);
	buf_finish(&said);
	diagnostics_finish(&d);
	return c;
}

static int set_up(void **state)
{
	setenv("WEIR_TEST_KEY", "s3cret", 1);
	*state = load(whole);
	return 0;
}

static int tear_down(void **state)
{
	conf_free(*state);
	return 0;
}

static void listeners_are_what_was_written(void **state)
{
	const struct conf *c = *state;
	const struct listener_conf *a = &c->listeners[0], *side = &c->listeners[1],
	                           *health = &c->listeners[2];

	assert_int_equal(c->n_listeners, 3); /* admin is closed, health opens by itself */
	assert_int_equal(a->kind, LISTENER_AGENTS);
	assert_true(a->address.port == 4100 && a->limits.body_bytes == 1 << 20 &&
	            a->limits.header_fields == 100);
	assert_true(a->limits.header_timeout_ns == 2000000000 &&
	            a->limits.idle_timeout_ns == 60000000000);
	assert_true(a->limits.connections > 0 && a->limits.connections <= 10000 &&
	            a->limits.answer_bytes == 32 << 20);
	assert_true(side->mode == 0660 && side->n_peer_uids == 2 && side->peer_uids[1] == 1001);
	assert_slice(side->address.unix_path, "/run/weir/side.sock");
	assert_int_equal(side->address.unix_path.at[side->address.unix_path.len], '\0');
	assert_ptr_equal(side->default_agent, conf_agent(c, SLICE("billing")));
	assert_int_equal(health->kind, LISTENER_HEALTH);
	assert_true(health->address.port == 4002 && health->limits.header_bytes == 32 << 10);
}

static void upstreams_are_what_was_written(void **state)
{
	const struct conf *c = *state;
	const struct upstream_conf *openai = &c->upstreams[0], *local = &c->upstreams[1];

	assert_int_equal(openai->n_endpoints, 1);
	assert_slice(openai->endpoints[0].url, "https://api.openai.com/v1");
	assert_slice(openai->credential_header, "authorization");
	assert_slice(secret_slice(openai->credential_value), "Bearer s3cret");
	assert_true(openai->connect_ns == 1000000000 && openai->total_ns == 900000000000);
	assert_int_equal(local->n_endpoints, 2);
	assert_true(local->endpoints[0].weight == 2 && local->endpoints[1].weight == 1 &&
	            local->endpoints[1].port == 9);
	assert_int_equal(local->credential, CREDENTIAL_HEADER);
	assert_slice(local->credential_header, "x-key");
	assert_slice(secret_slice(local->credential_value), "Token s3cret");
	assert_true(local->stream_usage_never && local->n_addresses == 1 &&
	            local->concurrency_limit == 1024);
	assert_slice(local->tls_server_name, "vllm.internal");
	assert_slice(local->output_field, "max_tokens");
}

static void models_have_exact_prices(void **state)
{
	const struct conf *c = *state;
	const struct model_conf *m = conf_model(c, NULL, SLICE("gpt-4o"));

	assert_true(m->price.set && m->price.has_cached_input && !m->price.has_cache_write &&
	            m->price.has_request);
	assert_int_equal(m->price.input, 2500000);
	assert_int_equal(m->price.output, 10000000);
	assert_int_equal(m->price.cached_input, 1250000);
	assert_int_equal(m->price.request, 1000000000);
	assert_true(m->max_output == 16384 && m->expected_output == 4096);
	assert_false(c->models[1].price.set);
}

static void answers_are_given_again_as_long_as_it_says(void **state)
{
	const struct conf *c = *state;
	const struct reuse_conf *none = &c->models[0].cache, *shortly = &c->models[1].cache,
	                        *all = &c->models[2].cache;

	assert_int_equal(none->ttl_ns, 0);
	assert_true(shortly->ttl_ns == 90000000000 && shortly->share == CACHE_SHARE_USER);
	assert_true(all->ttl_ns == 3600000000000 && all->stale_ns == 86400000000000 &&
	            all->share == CACHE_SHARE_TEAM);
}

static void the_exact_model_goes_first_then_the_closest_glob(void **state)
{
	const struct conf *c = *state;
	const struct agent_conf *support = conf_agent(c, SLICE("support")),
	                        *billing = conf_agent(c, SLICE("billing"));

	assert_slice(conf_model(c, NULL, SLICE("gpt-4o"))->name, "gpt-4o");
	assert_slice(conf_model(c, NULL, SLICE("gpt-5"))->name, "gpt-*");
	assert_slice(conf_model(c, NULL, SLICE("claude"))->name, "*");
	assert_slice(conf_model(c, NULL, SLICE("*"))->name, "*");
	assert_slice(conf_model(c, support, SLICE("gpt-5"))->name, "gpt-*");
	assert_null(conf_model(c, support, SLICE("claude")));
	assert_slice(conf_model(c, billing, SLICE("gpt-4o"))->name, "gpt-4o");
	assert_null(conf_model(c, billing, SLICE("gpt-5")));
}

static void an_agent_has_what_its_lists_say(void **state)
{
	const struct conf *c = *state;
	const struct agent_conf *a = conf_agent(c, SLICE("support"));
	const struct tool_conf *order = conf_tool(c, SLICE("lookup_order")),
	                       *user = conf_tool(c, SLICE("lookup_user"));

	assert_true(order->idempotent && order->cost == 5000000 && order->n_requires_scopes == 1 &&
	            !order->upstream);
	assert_true(a->tools[order->index] && a->tools[user->index] &&
	            !a->tools[conf_tool(c, SLICE("pay"))->index]);
	assert_true(a->tool_scopes_held[order->index] && !a->tool_scopes_held[user->index]);
	assert_true(a->any_local && a->shadow == SHADOW_TOOLS && a->shadow_until && !a->suspended);
	assert_int_equal(a->n_identities, 2);
	assert_int_equal(a->identities[0].key_sha256[1], 0x11);
	assert_true(!a->identities[0].not_after && a->identities[1].not_after);
	assert_null(conf_agent(c, SLICE("nobody")));
	assert_null(conf_tool(c, SLICE("nothing")));
}

static void values_come_from_defaults_then_team_then_agent(void **state)
{
	const struct conf *c = *state;
	const struct agent_conf *support = conf_agent(c, SLICE("support")),
	                        *billing = conf_agent(c, SLICE("billing"));

	assert_slice(support->team, "care");
	assert_slice(support->data_access[0], "read:orders");
	assert_slice(support->hosted_tools[0], "web_search");
	assert_true(support->trust_user && !billing->trust_user); /* null unsets */
	assert_int_equal(support->on_denied_tool,
	        DENIED_STRIP); /* the team's null unsets the default's refuse */
	assert_true(
	        support->models[1] &&
	        support->models[0]); /* "gpt-*" matches the name gpt-4o too; the list replaces */
	assert_true(billing->models[0] && !billing->models[1]);
	assert_false(billing->any_local);
}

static void the_rest_is_what_was_written(void **state)
{
	const struct conf *c = *state;

	assert_slice(c->state_path, "/var/lib/weir");
	assert_int_equal(c->n_deployment_keys, 2);
	assert_slice(secret_slice(c->deployment_keys[1]), "xs3cret");
	assert_true(c->unknown_price == UNKNOWN_PRICE_DENY && c->log_level == 2 && c->log_text &&
	            c->workers == 3);
	assert_true(c->drain_quiet_ns == 1000000000 && c->drain_hard_ns == 120000000000);
	assert_true(c->keep_alive_comment_ns == 15000000000);
	assert_int_equal(c->n_files, 1);
	assert_slice(c->files[0], "p.yaml");
	assert_true(c->n_inactive > 5);
	assert_int_equal(c->n_env_names, 1); /* once, however often it is read */
	assert_string_equal(c->env_names[0], "WEIR_TEST_KEY");
}

static void the_version_is_the_hash_of_the_text(void **state)
{
	const struct conf *c = *state;
	uint8_t hash[SHA256_LEN];
	char hex[17];

	sha256(slice_str(whole), hash);
	assert_memory_equal(c->hash, hash, sizeof(hash));
	hex_encode(hash, 8, hex);
	assert_string_equal(c->version, hex);
}

static void every_variable_that_is_read_is_known(void **state)
{
	struct conf *c;

	(void)state;
	setenv("WEIR_TEST_PORT", "4001", 1);
	setenv("WEIR_TEST_HASH", KEY_A, 1);
	setenv("WEIR_TEST_URL", "http://127.0.0.1:8/v1", 1);
	c = load("version: 1\nlisteners: {agents: {address: \"127.0.0.1:${env:WEIR_TEST_PORT}\"}}\n"
	         "agents: {a: {identity: [{api_key: \"${env:WEIR_TEST_HASH}\"}]}}\n"
	         "upstreams: {openai: {url: \"${env:WEIR_TEST_URL}\", credential: {api_key: "
	         "\"${env:WEIR_TEST_KEY}\"}}}\n");
	assert_int_equal(c->listeners[0].address.port, 4001);
	assert_int_equal(c->agents[0].identities[0].key_sha256[31], 0xff);
	assert_int_equal(c->upstreams[0].endpoints[0].port, 8);
	assert_int_equal(c->n_env_names, 4);
	conf_free(c);
}

static void what_was_left_out_has_its_default(void **state)
{
	struct conf *c = load("version: 1\nupstreams: {openai: {}}\nmodels: {m: {upstream: "
	                      "openai}}\nagents: {a: {models: [m]}}\n");

	(void)state;
	assert_int_equal(c->n_listeners, 3);
	assert_slice(c->listeners[0].address.text, "127.0.0.1:4000");
	assert_int_equal(c->listeners[2].kind, LISTENER_ADMIN);
	assert_slice(c->listeners[2].address.unix_path, "./weir-state/admin.sock");
	assert_int_equal(c->listeners[2].mode, 0600);
	assert_int_equal(c->n_operators, 0);
	assert_int_equal(c->upstreams[0].credential, CREDENTIAL_NONE);
	assert_true(c->unknown_price == UNKNOWN_PRICE_COUNT && c->log_level == 1 && !c->log_text &&
	            c->workers == 0);
	assert_false(c->agents[0].tools[0]);
	conf_free(c);
}

static void what_is_not_built_may_be_written_as_inactive(void **state)
{
	(void)state;
	conf_free(load("version: 1\n"
	               "defaults:\n"
	               "  privacy: {inputs: none, outputs: none, logs: mask}\n"
	               "  screening: {prompt_injection: none, hidden_unicode: none, guards: []}\n"
	               "  rate_limit: none\n"
	               "  budget: {}\n"
	               "  requires_approval: []\n"
	               "  mode: enforce\n"
	               "upstreams: {openai: {retry: none, breaker: none, stored: deny, "
	               "concurrency: {adaptive: false}}}\n"
	               "models: {m: {upstream: openai, fallback: [], cache: none}}\n"
	               "store: {kind: embedded}\n"
	               "admin: {}\n"
	               "audit: {encryption_key: none, checkpoint: none}\n"));
}

static void the_admin_socket_lies_where_it_fits(void **state)
{
	char path[200];
	struct conf *c;

	(void)state;
	setenv("RUNTIME_DIRECTORY", "/run/weir:/run/other", 1);
	c = load("version: 1\n");
	assert_slice(c->listeners[2].address.text, "unix:/run/weir/admin.sock");
	conf_free(c);
	/* Nobody asked for it there: what does not fit is left closed, and the rest goes on. */
	snprintf(path, sizeof(path), "/%0110d", 0);
	setenv("RUNTIME_DIRECTORY", path, 1);
	c = load("version: 1\n");
	assert_int_equal(c->n_listeners, 2);
	conf_free(c);
	unsetenv("RUNTIME_DIRECTORY");
}

static void operators_have_keys_and_roles(void **state)
{
	struct conf *c = load(
	        "version: 1\n"
	        "admin:\n"
	        "  operators:\n"
	        "  - {name: ann, roles: [read, operate], api_key: "
	        "\"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}\n"
	        "  - {name: bob, roles: [approve], api_key: "
	        "\"sha256:ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}\n");

	(void)state;
	assert_int_equal(c->n_operators, 2);
	assert_slice(c->operators[0].name, "ann");
	assert_int_equal(c->operators[0].roles, ROLE_READ | ROLE_OPERATE);
	assert_int_equal(c->operators[1].roles, ROLE_APPROVE);
	assert_int_equal(c->operators[1].key_sha256[0], 0xff);
	conf_free(c);
}

static int scenario(void *arg)
{
	struct diagnostics d;
	struct conf *c;
	int r = 0;

	diagnostics_init(&d);
	c = conf_load_text("p.yaml", slice_str(arg), &d);
	if (!c)
		r = d.no_memory ? -ENOMEM : -EINVAL;
	conf_free(c);
	diagnostics_finish(&d);
	return r;
}

static void loading_without_memory_fails_cleanly(void **state)
{
	(void)state;
	assert_true(starve(scenario, (void *)(uintptr_t)whole) > 10);
}

static void a_policy_cut_anywhere_is_good_or_says_why_not(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		struct diagnostics d;
		struct conf *c;

		diagnostics_init(&d);
		c = conf_load_text("p.yaml", slice_from(whole, len), &d);
		assert_true(!c == (d.errors > 0));
		assert_false(d.no_memory);
		conf_free(c);
		diagnostics_finish(&d);
	}
}

/* Many mistakes, and memory for saying only some. */
static int complain(void *arg)
{
	struct buf out = BUF_INIT(1 << 20);
	struct diagnostics d;
	int r;

	diagnostics_init(&d);
	assert_null(conf_load_text("p.yaml", slice_str(arg), &d));
	assert_true(diagnostics_failed(&d));
	r = d.no_memory ? -ENOMEM : diagnostics_print(&d, &out, false);
	buf_finish(&out);
	diagnostics_finish(&d);
	return r;
}

static void saying_what_is_wrong_without_memory_fails_cleanly(void **state)
{
	static char broken[] = "version: 2\nlisteners: {agents: {address: x}, health: {address: "
	                       "\"127.0.0.1:4000\"}}\n"
	                       "tools: {a: {cost: x, a: b}, a: {}}\nagents: {a: {tools: [b, c], "
	                       "team: off}, b: {zzz: 1}}\n"
	                       "upstreams: {x: {credential: {api_key: k}}}\nmodels: {m: {upstream: "
	                       "y, fallback: [m]}}\n";

	(void)state;
	assert_true(starve(complain, broken) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(listeners_are_what_was_written),
	        cmocka_unit_test(upstreams_are_what_was_written),
	        cmocka_unit_test(models_have_exact_prices),
	        cmocka_unit_test(answers_are_given_again_as_long_as_it_says),
	        cmocka_unit_test(the_exact_model_goes_first_then_the_closest_glob),
	        cmocka_unit_test(an_agent_has_what_its_lists_say),
	        cmocka_unit_test(values_come_from_defaults_then_team_then_agent),
	        cmocka_unit_test(the_rest_is_what_was_written),
	        cmocka_unit_test(the_version_is_the_hash_of_the_text),
	        cmocka_unit_test(every_variable_that_is_read_is_known),
	        cmocka_unit_test(what_was_left_out_has_its_default),
	        cmocka_unit_test(the_admin_socket_lies_where_it_fits),
	        cmocka_unit_test(operators_have_keys_and_roles),
	        cmocka_unit_test(what_is_not_built_may_be_written_as_inactive),
	        cmocka_unit_test(loading_without_memory_fails_cleanly),
	        cmocka_unit_test(a_policy_cut_anywhere_is_good_or_says_why_not),
	        cmocka_unit_test(saying_what_is_wrong_without_memory_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
