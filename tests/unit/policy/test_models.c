/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/models: which model is meant, whether this agent may use it, and what it costs.
 */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "policy/registry.h"
#include "rig/exchange_rig.h"
#include "rig/plain_dialect.h"

static struct exchange_rig rig;
static struct loopback_answer answer;
static char yaml[4096];

static const char format[] =
        "version: 1\n"
        "listeners: {agents: {address: \"127.0.0.1:4000\", default_agent: a}}\n"
        "upstreams:\n"
        "  up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
        "  openai: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}\n"
        "models:\n"
        "  m: {upstream: up, price: {input: 1, output: 2}}\n"
        "  alias: {upstream: up, upstream_name: real-m, price: {input: 3, output: 4}}\n"
        "  \"family-*\": {upstream: up, price: {input: 5, output: 6}}\n"
        "  \"family-old-*\": {upstream: up, upstream_name: family-last, price: {input: 7, output: "
        "8}}\n"
        "  family-own: {upstream: up, price: {input: 9, output: 10}}\n"
        "  secret: {upstream: up, price: {input: 1, output: 1}}\n"
        "  unpriced: {upstream: up}\n"
        "  gpt-4o-mini: {upstream: openai}\n"
        "  \"gpt-*\": {upstream: openai}\n"
        "agents:\n"
        "  a: {models: [m, alias, \"family-*\", \"family-old-*\", family-own, unpriced, "
        "gpt-4o-mini, \"gpt-*\"]%s}\n"
        "%s";

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	if (x->route.action == ACTION_CHAT)
		x->route.dialect = &dialect_plain;
}

static void begin_with(const char *agent, const char *rest)
{
	snprintf(yaml, sizeof(yaml), format, agent, rest);
	assert_int_equal(rig_begin(&rig, rig_view(yaml), policy_registry, POLICY_COUNT), 0);
	rig.down.born = make_plain;
}

static unsigned ask(const char *body)
{
	rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	rig_ask(&rig, body, NULL);
	if (rig.n_reached) {
		scripted_source_head(&rig.source, 200, "application/json");
		scripted_source_data(&rig.source, SLICE("~1000000,1000000~"));
		scripted_source_end(&rig.source);
	}
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_true(answer.whole);
	return answer.status;
}

static void check_goes(const char *model, const char *upstream_name, const char *usd)
{
	if (ask(model) != 200)
		fail_msg("%s: %s", model, answer.body);
	assert_string_equal(rig.sending, upstream_name);
	assert_string_equal(loopback_header(&answer, "x-weir-model"), upstream_name);
	if (usd)
		assert_string_equal(loopback_header(&answer, "x-weir-cost-usd"), usd);
	else
		assert_null(loopback_header(&answer, "x-weir-cost-usd"));
}

static void check_denied(const char *model)
{
	assert_int_equal(ask(model), 403);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), "model_denied");
	assert_int_equal(rig.n_reached, 0);
	assert_non_null(strstr(answer.body, "/model: "));
}

static void the_exact_name_comes_before_the_longest_pattern(void **state)
{
	(void)state;
	begin_with("", "");
	check_goes("m", "m", "3");
	check_goes("alias", "real-m", "7");
	check_goes("family-own", "family-own", "19");
	check_goes("family-x", "family-x", "11");
	check_goes("family-old-x", "family-last", "15");
	check_goes("family-", "family-", "11");
	rig_end(&rig);
}

static void unknown_and_forbidden_look_the_same(void **state)
{
	static char body[16384];

	(void)state;
	begin_with("", "");
	check_denied("secret");
	memcpy(body, answer.body, sizeof(body) - 1);
	check_denied("nothin");
	char *at = strstr(body, "secret");
	assert_non_null(at);
	memcpy(at, "nothin", 6);
	assert_string_equal(body, answer.body);
	check_denied("");
	check_denied("M");
	check_denied("m*");
	check_denied("famil");
	rig_end(&rig);
}

static void a_name_that_is_long_or_odd_is_refused_like_any_other(void **state)
{
	static char name[300];

	(void)state;
	begin_with("", "");
	memset(name, 'z', sizeof(name) - 1);
	check_denied(name);
	assert_null(strstr(answer.body, name)); /* it is cut */
	check_denied("a%sb%n");
	rig_end(&rig);
}

static void prices_are_the_policys_else_the_tables(void **state)
{
	(void)state;
	begin_with("", "");
	check_goes("gpt-4o-mini", "gpt-4o-mini", "0.75");
	check_goes("gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18", "0.75");
	check_goes("unpriced", "unpriced", NULL);
	assert_true(rig.last.r.price_unknown);
	check_goes("gpt-from-the-future", "gpt-from-the-future", NULL);
	rig_end(&rig);
}

static void an_unknown_price_may_refuse_the_call(void **state)
{
	(void)state;
	begin_with("", "unknown_price: deny\n");
	assert_int_equal(ask("unpriced"), 403);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), "price_unknown");
	assert_int_equal(ask("gpt-from-the-future"), 403);
	check_goes("gpt-4o-mini", "gpt-4o-mini", "0.75");
	rig_end(&rig);
}

static void in_shadow_the_agents_list_is_noted_and_left_aside(void **state)
{
	(void)state;
	begin_with(", mode: {shadow: [models]}", "");
	check_goes("secret", "secret", "2");
	assert_true(rig.last.r.shadow);
	assert_string_equal(rig.last.r.verdict, "allow");
	check_goes("m", "m", "3");
	assert_false(rig.last.r.shadow);
	check_denied("nothing"); /* there is nowhere to send it */
	rig_end(&rig);
	begin_with(", mode: {shadow: [models]}", "unknown_price: deny\n");
	check_goes("unpriced", "unpriced", NULL);
	assert_true(rig.last.r.shadow);
	rig_end(&rig);
}

static void shadow_ends_at_its_date(void **state)
{
	(void)state;
	begin_with(", mode: {shadow: [models], until: \"2026-01-02\"}", "");
	check_goes("secret", "secret", "2");
	rig_reconnect(&rig);
	rig.clock.wall += 86400 * NS_PER_S;
	check_denied("secret");
	rig_end(&rig);
}

static void an_agent_sees_its_own_models_only(void **state)
{
	(void)state;
	begin_with("", "");
	loopback_feed(&rig.down, SLICE("GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"));
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"alias\""));
	assert_null(strstr(answer.body, "secret"));
	assert_null(strstr(answer.body, "*"));
	rig_reconnect(&rig);
	loopback_feed(
	        &rig.down, SLICE("GET /v1/models/family-7 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"));
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"family-7\""));
	rig_reconnect(&rig);
	loopback_feed(
	        &rig.down, SLICE("GET /v1/models/secret HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"));
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(answer.status, 403);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_exact_name_comes_before_the_longest_pattern),
	        cmocka_unit_test(unknown_and_forbidden_look_the_same),
	        cmocka_unit_test(a_name_that_is_long_or_odd_is_refused_like_any_other),
	        cmocka_unit_test(prices_are_the_policys_else_the_tables),
	        cmocka_unit_test(an_unknown_price_may_refuse_the_call),
	        cmocka_unit_test(in_shadow_the_agents_list_is_noted_and_left_aside),
	        cmocka_unit_test(shadow_ends_at_its_date),
	        cmocka_unit_test(an_agent_sees_its_own_models_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
