/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/settle and local: what a call is said to have cost, what its record says, and
 * what its agent is told. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exchange/recent.h"
#include "exchange/view.h"
#include "policy/registry.h"
#include "rig/exchange_rig.h"
#include "rig/plain_dialect.h"

static struct exchange_rig rig;
static struct loopback_answer answer;
static struct recent *recent;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	if (x->route.action == ACTION_CHAT)
		x->route.dialect = &dialect_plain;
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), policy_registry, POLICY_COUNT), 0);
	rig.down.born = make_plain;
	rig.env.recent = recent = recent_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end(&rig);
	recent_free(recent);
	return 0;
}

static void again(void)
{
	rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	rig.reach_fault = FAULT_NONE;
}

static void run(const char *body, unsigned status, const char *type, const char *said)
{
	again();
	rig_ask(&rig, body, NULL);
	scripted_source_head(&rig.source, status, type);
	scripted_source_data(&rig.source, slice_str(said));
	scripted_source_end(&rig.source);
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(rig.n_records, 1);
}

#define JSON "application/json"
#define SSE "text/event-stream"

static void what_the_provider_says_is_what_counts(void **state)
{
	(void)state;
	run("m", 200, JSON, "text that is longer than said~10,20~");
	assert_int_equal(rig.last.r.cost, 10 * 1000 + 20 * 2000);
	assert_true(rig.last.r.usage_known);
	assert_false(rig.last.r.estimated);
	assert_string_equal(loopback_header(&answer, "x-weir-cost-usd"), "0.00005");
	run("m stream", 200, SSE, "x~10,20~");
	assert_int_equal(rig.last.r.cost, 50000);
	assert_false(rig.last.r.estimated);
	assert_null(loopback_header(&answer, "x-weir-cost-usd")); /* it was not known yet */
	run("m", 200, JSON, "~0,0~");
	assert_int_equal(rig.last.r.cost, 0);
	assert_string_equal(loopback_header(&answer, "x-weir-cost-usd"), "0");
}

static void what_nobody_said_is_estimated_and_marked(void **state)
{
	char said[401];

	(void)state;
	memset(said, 'x', 400);
	said[400] = '\0';
	run("m stream", 200, SSE, said);
	assert_true(rig.last.r.estimated);
	assert_false(rig.last.r.usage_known);
	assert_int_equal(rig.last.r.usage.out_text, 115);
	assert_int_equal(rig.last.r.usage.in_uncached, 8 * 115 / 400 + 1);
	assert_int_equal(rig.last.r.cost, 115 * 2000 + 3 * 1000);
	assert_null(loopback_header(&answer, "x-weir-cost-usd"));
}

static void an_agent_that_leaves_is_still_charged(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		again();
		rig_ask(&rig, "m stream", NULL);
		if (how)
			scripted_source_head(&rig.source, 200, SSE);
		if (how == 2)
			scripted_source_data(
			        &rig.source, SLICE("0123456789012345678901234567890123456789"));
		exchange_on_client_gone(rig.down.exchange);
		rig_settle(&rig);
		assert_int_equal(rig.n_records, 1);
		assert_true(rig.last.r.estimated);
		assert_int_equal(rig.last.r.usage.out_text, how == 2 ? 11 : 0);
		assert_int_equal(rig.last.r.cost, (how == 2 ? 22000 : 0) + 3000);
		assert_int_equal(rig.last.r.fault, FAULT_CLIENT_GONE);
	}
	again();
	rig_ask(&rig, "m stream", NULL);
	scripted_source_head(&rig.source, 200, SSE);
	scripted_source_data(&rig.source, SLICE("x~10,20~"));
	exchange_on_client_gone(rig.down.exchange);
	rig_settle(&rig);
	assert_true(rig.last.r.estimated); /* what was told before the end may be a part only */
	assert_int_equal(rig.last.r.cost, 50000);
}

static void what_did_not_run_costs_nothing(void **state)
{
	(void)state;
	run("m", 429, JSON, "slow down");
	assert_int_equal(rig.last.r.cost, 0);
	assert_false(rig.last.r.estimated);
	assert_int_equal(rig.last.r.fault, FAULT_NONE);
	run("m", 500, JSON, "it failed");
	assert_false(rig.last.r.estimated);
	run("m", 504, JSON, "somebody between gave up waiting"); /* and the provider may still be at it */
	assert_true(rig.last.r.estimated);
	assert_int_equal(rig.last.r.cost, 2000);
	again();
	rig.reach_fault = FAULT_UPSTREAM_UNREACHABLE;
	rig_ask(&rig, "m", NULL);
	rig_settle(&rig);
	assert_false(rig.last.r.estimated);
	assert_int_equal(rig.last.r.cost, 0);
	assert_false(rig.last.r.went_upstream);
	again();
	rig_ask(&rig, "nothing", NULL);
	rig_settle(&rig);
	assert_false(rig.last.r.estimated);
	assert_string_equal(rig.last.r.ended_by, "gateway");
}

static void an_unknown_price_is_said_and_never_taken_for_nothing(void **state)
{
	(void)state;
	run("dear", 200, JSON, "x~10,20~");
	assert_true(rig.last.r.price_unknown);
	assert_int_equal(rig.last.r.cost, 0);
	assert_null(loopback_header(&answer, "x-weir-cost-usd"));
	again();
	rig_ask(&rig, "dear", NULL);
	exchange_on_client_gone(rig.down.exchange);
	rig_settle(&rig);
	assert_true(rig.last.r.price_unknown);
}

static void a_record_says_who_what_and_how(void **state)
{
	(void)state;
	again();
	rig_ask(&rig, "n tools=a,b user=u9 stream", "x-weir-workflow: w1\r\n");
	rig_advance(&rig, 2 * NS_PER_S);
	scripted_source_head(&rig.source, 200, SSE);
	scripted_source_data(&rig.source, SLICE("hi !a!!b!~1,2~"));
	scripted_source_end(&rig.source);
	rig_settle(&rig);
	const struct record *r = &rig.last.r;
	assert_string_equal(rig.last.agent, "tester");
	assert_string_equal(rig.last.user, "u9");
	assert_string_equal(rig.last.workflow, "w1");
	assert_string_equal(rig.last.model, "n");
	assert_string_equal(rig.last.upstream_model, "real-n");
	assert_string_equal(rig.last.tools_removed, "b");
	assert_int_equal(r->tools_offered, 2);
	assert_int_equal(r->n_tools, 2);
	assert_true(r->stream);
	assert_int_equal(r->status, 200);
	assert_int_equal(r->attempts, 1);
	assert_string_equal(r->ended_by, "upstream");
	assert_string_equal(r->verdict, "allow");
	assert_int_equal(r->bytes_in, 26);
	assert_int_equal(r->latency_ns, 2 * NS_PER_S);
	assert_int_equal(r->gateway_ns, 0);
	assert_int_equal(r->n_verdicts, POLICY_COUNT);
	for (unsigned i = 0; i < r->n_verdicts; i++)
		assert_string_equal(r->verdicts[i].policy, policy_registry[i]->name);
	assert_int_equal(r->verdicts[3].verdict, VERDICT_ANSWER); /* of the tool call */
	assert_string_equal(rig.sending, "real-n tools=a,- user=u9 stream");
}

static void a_refused_call_names_only_the_policies_that_were_asked(void **state)
{
	(void)state;
	again();
	loopback_feed(&rig.down, SLICE("POST /v1/chat/completions HTTP/1.1\r\nhost: "
	                               "h\r\ncontent-length: 1\r\n\r\n"));
	rig_settle(&rig);
	assert_int_equal(rig.last.r.n_verdicts, 1);
	assert_string_equal(rig.last.r.verdicts[0].policy, "limits");
	assert_int_equal(rig.last.r.verdicts[0].verdict, VERDICT_ANSWER);
}

/* ---- what the agent is told ---- */

static void get(const char *path, const char *headers)
{
	char text[600];

	rig_reconnect(&rig);
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nhost: 127.0.0.1\r\n%s\r\n", path, headers);
	loopback_feed(&rig.down, slice_str(text));
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_true(answer.whole);
}

static void an_agent_learns_what_its_own_call_cost(void **state)
{
	char path[80];

	(void)state;
	run("m user=ann", 200, JSON, "x~10,20~");
	snprintf(path, sizeof(path), "/weir/v1/calls/%s", rig.last.r.request_id);
	assert_string_equal(loopback_header(&answer, "x-weir-request-id"), rig.last.r.request_id);
	get(path, "x-weir-user: ann\r\n");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"cost_usd\":0.00005"));
	get(path, "x-weir-user: bob\r\n");
	assert_int_equal(answer.status, 404);
	assert_string_equal(loopback_header(&answer, "x-weir-code"), "not_found");
	get("/weir/v1/calls/01ARZ3NDEKTSV4RRFFQ69G5FAV", "x-weir-user: ann\r\n");
	assert_int_equal(answer.status, 404);
	get("/weir/v1/calls/x", "");
	assert_int_equal(answer.status, 404);
	rig_advance(&rig, 601 * NS_PER_S);
	get(path, "x-weir-user: ann\r\n");
	assert_int_equal(answer.status, 404);
}

static void an_agent_learns_who_it_is(void **state)
{
	(void)state;
	get("/weir/v1/me", "x-weir-user: ann\r\n");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "\"agent\":\"tester\""));
	assert_non_null(strstr(answer.body, "\"team\":null"));
	assert_non_null(strstr(answer.body, "\"user\":\"ann\""));
	assert_non_null(strstr(answer.body, "\"tools\":[\"a\",\"c\"]"));
	assert_non_null(strstr(answer.body, "\"models\":[\"m\",\"n\",\"dear\"]"));
	assert_non_null(strstr(answer.body, rig.view->snapshot->conf->version));
	assert_null(strstr(answer.body, "other"));
	assert_string_equal(rig.last.r.ended_by, "gateway");
	assert_string_equal(rig.last.agent, "tester");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(what_the_provider_says_is_what_counts),
	        T(what_nobody_said_is_estimated_and_marked),
	        T(an_agent_that_leaves_is_still_charged),
	        T(what_did_not_run_costs_nothing),
	        T(an_unknown_price_is_said_and_never_taken_for_nothing),
	        T(a_record_says_who_what_and_how),
	        T(a_refused_call_names_only_the_policies_that_were_asked),
	        T(an_agent_learns_what_its_own_call_cost),
	        T(an_agent_learns_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
