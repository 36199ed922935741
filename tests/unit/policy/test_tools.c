/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of policy/tools: the agent's one list, in what a request declares, in what it forces, in
 * what an answer calls. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exchange/view.h"
#include "policy/registry.h"
#include "rig/exchange_rig.h"
#include "rig/plain_dialect.h"

static struct exchange_rig rig;
static struct loopback_answer answer;
static char yaml[4096];

/* c is on the agent's list by a glob, and its scope is not held. */
static const char format[] =
        "version: 1\n"
        "listeners: {agents: {address: \"127.0.0.1:4000\", default_agent: x}}\n"
        "upstreams: {up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: none}}\n"
        "models: {m: {upstream: up, price: {input: 1, output: 2}}}\n"
        "tools:\n"
        "  a: {}\n"
        "  b: {}\n"
        "  crm_read: {requires_scopes: [\"read:crm\"]}\n"
        "  crm_write: {requires_scopes: [\"read:crm\", \"write:crm\"]}\n"
        "agents: {x: {models: [m]%s}}\n";

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static void begin_with(const char *agent)
{
	snprintf(yaml, sizeof(yaml), format, agent);
	assert_int_equal(rig_begin(&rig, rig_view(yaml), policy_registry, POLICY_COUNT), 0);
	rig.down.born = make_plain;
}

static unsigned ask(const char *body, const char *said)
{
	rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	rig_ask(&rig, body, NULL);
	if (rig.n_reached) {
		scripted_source_head(&rig.source, 200, "text/event-stream");
		scripted_source_data(&rig.source, slice_str(said));
		scripted_source_end(&rig.source);
	}
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_true(answer.whole);
	return answer.status;
}

static void check_sent(const char *body, const char *want, const char *removed)
{
	if (ask(body, "") != 200)
		fail_msg("%s: %s", body, answer.body);
	assert_string_equal(rig.sending, want);
	const char *header = loopback_header(&answer, "x-weir-tools-removed");
	if (removed)
		assert_string_equal(header, removed);
	else
		assert_null(header);
	assert_string_equal(rig.last.tools_removed, removed ? removed : "");
}

static void check_refused(const char *body, const char *code)
{
	unsigned status = ask(body, "");

	if (status != 403)
		fail_msg("%s: %u", body, status);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), code);
	assert_int_equal(rig.n_reached, 0);
	assert_string_equal(rig.last.r.verdict, "deny");
}

static void check_said(const char *said, const char *want)
{
	assert_int_equal(ask("m", said), 200);
	assert_string_equal(answer.body, want);
}

#define LISTED ", tools: [a, \"crm_*\"], data_access: [\"read:crm\"]"

static void tools_that_are_not_listed_are_taken_out_of_the_request(void **state)
{
	(void)state;
	begin_with(LISTED);
	check_sent("m tools=a", "m tools=a", NULL);
	check_sent("m tools=a,b", "m tools=a,-", "b");
	check_sent("m tools=b,a,nobody", "m tools=-,a,-", "b, nobody");
	check_sent("m tools=b", "m tools=-", "b");
	check_sent("m tools=crm_read,crm_write", "m tools=crm_read,-", "crm_write");
	check_sent("m tools=A", "m tools=-", "A");
	check_sent("m tools=a ", "m tools=a ", NULL);
	assert_int_equal(rig.last.r.tools_offered, 1);
	rig_end(&rig);
}

static void an_agent_without_a_list_has_no_tools(void **state)
{
	(void)state;
	begin_with("");
	check_sent("m tools=a,nobody", "m tools=-,-", "a, nobody");
	check_said("!a!", "[no a: tool_denied]");
	rig_end(&rig);
}

static void what_the_policy_does_not_name_is_allowed_by_any_local_only(void **state)
{
	(void)state;
	begin_with(", tools: [a, any-local]");
	check_sent("m tools=a,b,nobody", "m tools=a,-,nobody", "b");
	check_said("!nobody!!b!!a!", "!nobody![no b: tool_denied]!a!");
	check_sent("m tools=crm_read", "m tools=-", "crm_read");
	rig_end(&rig);
}

static void what_the_provider_runs_is_denied_unless_its_type_is_opened(void **state)
{
	(void)state;
	begin_with(", tools: [a, any-local], hosted_tools: [web_search]");
	check_sent("m tools=hosted:web_search,a", "m tools=hosted:web_search,a", NULL);
	check_sent("m tools=hosted:code_interpreter", "m tools=hosted:-", "code_interpreter");
	check_sent("m tools=hosted:a", "m tools=hosted:-", "a");
	check_sent("m tools=web_search", "m tools=web_search", NULL);
	rig_end(&rig);
}

static void an_agent_may_rather_be_refused(void **state)
{
	(void)state;
	begin_with(LISTED ", on_denied_tool: refuse, hosted_tools: [web_search]");
	check_refused("m tools=a,b", "tool_denied");
	assert_non_null(strstr(answer.body, "\"b\""));
	check_refused("m tools=crm_write", "data_access_denied");
	check_refused("m tools=hosted:mcp", "hosted_tool_denied");
	check_sent("m tools=a,crm_read,hosted:web_search", "m tools=a,crm_read,hosted:web_search",
	        NULL);
	rig_end(&rig);
}

static void a_choice_that_cannot_be_kept_is_refused(void **state)
{
	(void)state;
	begin_with(LISTED);
	check_refused("m tools=a,b choose=b", "tool_denied");
	check_refused("m tools=b require", "tool_denied");
	check_refused("m tools=a choose=nobody", "tool_denied");
	check_sent("m tools=a,b choose=a", "m tools=a,- choose=a", "b");
	check_sent("m tools=a,b require", "m tools=a,- require", "b");
	check_sent("m require", "m require", NULL);
	rig_end(&rig);
}

static void calls_in_an_answer_are_judged_one_by_one(void **state)
{
	(void)state;
	begin_with(LISTED);
	check_said("x!a!y!b!z!crm_write!!crm_read!!A!",
	        "x!a!y[no b: tool_denied]z[no crm_write: data_access_denied]!crm_read![no A: "
	        "tool_denied]");
	assert_int_equal(rig.last.r.n_tools, 5);
	assert_true(rig.last.tool[0].allowed);
	assert_string_equal(rig.last.tools[1], "b");
	assert_false(rig.last.tool[1].allowed);
	assert_int_equal(rig.last.tool[2].fault, FAULT_DATA_ACCESS_DENIED);
	assert_true(rig.last.tool[3].allowed);
	assert_string_equal(rig.last.r.verdict, "allow");
	assert_int_equal(rig.last.r.status, 200);
	rig_end(&rig);
}

/* A call is judged by the policy it began under, but what the newest one takes away is released no
 * more. */
static void what_was_taken_away_meanwhile_is_not_released(void **state)
{
	static const struct {
		const char *agent, *said;
	} cases[] = {
	        {LISTED, "!a!!crm_read!"},
	        {", tools: [a, b]", "!a![no crm_read: tool_denied]"},
	        {", tools: [b]", "[no a: tool_denied][no crm_read: tool_denied]"},
	        {LISTED ", suspended: true",
	                "[no a: agent_suspended][no crm_read: agent_suspended]"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(yaml, sizeof(yaml), format, cases[i].agent);
		struct view *newest = rig_view(yaml);
		begin_with(LISTED);
		rig.env.current = newest->snapshot;
		check_said("!a!!crm_read!", cases[i].said);
		check_said("!b!", "[no b: tool_denied]"); /* what it adds is for calls to come */
		rig_end(&rig);
		view_unref(newest);
	}
}

static void many_calls_are_all_recorded(void **state)
{
	char said[1000] = "";

	(void)state;
	begin_with(LISTED);
	for (unsigned i = 0; i < 50; i++)
		strncat(said, i % 2 ? "!a!" : "!b!", sizeof(said) - strlen(said) - 1);
	assert_int_equal(ask("m", said), 200);
	assert_int_equal(rig.last.r.n_tools, 50);
	rig_end(&rig);
}

static void in_shadow_all_pass_and_the_record_says_what_would_not_have(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin_with(i ? LISTED ", mode: {shadow: [tools]}, on_denied_tool: refuse"
		             : LISTED ", mode: {shadow: [tools]}");
		check_sent("m tools=a,b", "m tools=a,b", NULL);
		assert_true(rig.last.r.shadow);
		check_sent("m tools=a", "m tools=a", NULL);
		assert_false(rig.last.r.shadow);
		check_sent("m tools=b choose=b", "m tools=b choose=b", NULL);
		check_sent("m tools=b require", "m tools=b require", NULL);
		check_sent("m choose=b", "m choose=b", NULL);
		check_said("!b!!a!", "!b!!a!");
		assert_true(rig.last.tool[0].allowed);
		assert_int_equal(rig.last.tool[0].fault, FAULT_TOOL_DENIED);
		assert_true(rig.last.r.shadow);
		assert_string_equal(rig.last.r.verdict, "allow");
		rig_end(&rig);
	}
}

static void a_list_of_removed_tools_that_is_too_long_stops_and_they_are_gone_all_the_same(
        void **state)
{
	char body[7000] = "m tools=";
	char name[100];
	unsigned n = 0;

	(void)state;
	begin_with(LISTED);
	for (unsigned i = 0; i < 60; i++) {
		memset(name, 'z', 90);
		snprintf(name + 90, sizeof(name) - 90, "%u%s", i, i < 59 ? "," : "");
		strncat(body, name, sizeof(body) - strlen(body) - 1);
	}
	rig_reconnect(&rig);
	rig_ask(&rig, body, NULL);
	for (const char *at = rig.sending; (at = strstr(at, "-")); at++)
		n++;
	assert_int_equal(n, 60);
	assert_null(strstr(rig.sending, "z"));
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tools_that_are_not_listed_are_taken_out_of_the_request),
	        cmocka_unit_test(an_agent_without_a_list_has_no_tools),
	        cmocka_unit_test(what_the_policy_does_not_name_is_allowed_by_any_local_only),
	        cmocka_unit_test(what_the_provider_runs_is_denied_unless_its_type_is_opened),
	        cmocka_unit_test(an_agent_may_rather_be_refused),
	        cmocka_unit_test(a_choice_that_cannot_be_kept_is_refused),
	        cmocka_unit_test(calls_in_an_answer_are_judged_one_by_one),
	        cmocka_unit_test(what_was_taken_away_meanwhile_is_not_released),
	        cmocka_unit_test(many_calls_are_all_recorded),
	        cmocka_unit_test(in_shadow_all_pass_and_the_record_says_what_would_not_have),
	        cmocka_unit_test(
	                a_list_of_removed_tools_that_is_too_long_stops_and_they_are_gone_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
