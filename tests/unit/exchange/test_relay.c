/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/relay and answer_head: which answers pass, what their heads say, who is not
 * read when, and which deadline ends what. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include "exchange/view.h"
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/plain_dialect.h"

static const struct policy_ops *const few[] = {&policy_pick, &policy_gate, &policy_ask};

static struct exchange_rig rig;
static struct loopback_answer answer;

static void make_plain(void *arg, struct exchange *x)
{
	(void)arg;
	x->route.dialect = &dialect_plain;
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), few, 3), 0);
	five_begin(&rig.turn);
	rig.down.born = make_plain;
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void ask_stream(const char *headers)
{
	rig_ask(&rig, "m stream", headers);
	scripted_source_head(&rig.source, 200, "text/event-stream; charset=utf-8");
}

static void finish(void)
{
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
}

static void again(void)
{
	rig_reconnect(&rig);
	five_begin(&rig.turn);
	rig.n_records = rig.n_reached = 0;
}

/* ---- back-pressure ---- */

static void a_full_agent_pauses_the_source_and_room_resumes_it(void **state)
{
	(void)state;
	ask_stream(NULL);
	scripted_source_data(&rig.source, SLICE("one "));
	assert_int_equal(rig.source.pauses, 0);
	rig.down.full = true;
	scripted_source_data(&rig.source, SLICE("two "));
	assert_int_equal(rig.source.pauses, PAUSE_SINK_FULL);
	scripted_source_data(&rig.source, SLICE("three "));
	rig_turn(&rig);
	rig_turn(&rig);
	rig.down.full = false;
	exchange_on_room(rig.down.exchange);
	assert_int_equal(rig.source.pauses, 0);
	scripted_source_end(&rig.source);
	finish();
	assert_string_equal(answer.body, "one two three ");
	assert_int_equal(rig.source.n_pauses, 1);
}

static void report_more(struct scripted_source *s)
{
	s->resumed = NULL;
	scripted_source_data(s, SLICE("four "));
	scripted_source_data(s, SLICE("five "));
}

/* A wire may have bytes ready and hand them over the moment it is read again. */
static void a_source_may_report_from_within_being_resumed(void **state)
{
	(void)state;
	ask_stream(NULL);
	rig.down.full = true;
	scripted_source_data(&rig.source, SLICE("one "));
	rig.source.resumed = report_more;
	rig.down.full = false;
	scripted_source_data(&rig.source, SLICE("two "));
	finish();
	scripted_source_end(&rig.source);
	finish();
	assert_string_equal(answer.body, "one two four five ");
}

static void data_that_resumes_a_paused_source_is_not_lost(void **state)
{
	(void)state;
	ask_stream(NULL);
	rig.down.full = true;
	exchange_on_room(rig.down.exchange);
	assert_int_equal(rig.source.pauses, PAUSE_SINK_FULL);
	rig.down.full = false;
	rig.source.resumed = report_more;
	scripted_source_data(&rig.source, SLICE("one "));
	scripted_source_end(&rig.source);
	finish();
	assert_string_equal(answer.body, "one four five ");
}

static void an_end_that_comes_while_the_agent_is_full_waits(void **state)
{
	(void)state;
	ask_stream(NULL);
	rig.down.full = true;
	scripted_source_data(&rig.source, SLICE("one"));
	scripted_source_end(&rig.source);
	rig_turn(&rig);
	assert_int_equal(rig.n_records, 0);
	rig.down.full = false;
	exchange_on_room(rig.down.exchange);
	finish();
	assert_string_equal(answer.body, "one");
	assert_int_equal(rig.n_records, 1);
}

static void a_waiting_policy_pauses_the_source(void **state)
{
	(void)state;
	ask_stream(NULL);
	scripted_source_data(&rig.source, SLICE("a@b"));
	assert_int_equal(rig.source.pauses, PAUSE_POLICY_WAITS);
	rig.down.full = true;
	exchange_on_room(rig.down.exchange);
	assert_int_equal(rig.source.pauses, PAUSE_POLICY_WAITS | PAUSE_SINK_FULL);
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	assert_int_equal(rig.source.pauses, PAUSE_POLICY_WAITS | PAUSE_SINK_FULL);
	rig.down.full = false;
	exchange_on_room(rig.down.exchange);
	assert_int_equal(rig.source.pauses, 0);
	scripted_source_end(&rig.source);
	finish();
	assert_string_equal(answer.body, "a@b");
}

static void a_document_that_was_waited_for_leaves_its_source_unpaused(void **state)
{
	(void)state;
	rig_ask(&rig, "m", NULL);
	scripted_source_head(&rig.source, 200, "application/json");
	scripted_source_data(&rig.source, SLICE("a@b"));
	scripted_source_end(&rig.source);
	assert_int_equal(rig.source.pauses, PAUSE_POLICY_WAITS);
	five_answer(VERDICT_PASS);
	finish();
	assert_int_equal(rig.source.pauses, 0);
	assert_string_equal(answer.body, "a@b");
}

static void more_than_an_answer_may_hold_is_refused(void **state)
{
	static char much[1000];

	(void)state;
	memset(much, 'x', sizeof(much));
	for (unsigned stream = 0; stream < 2; stream++) {
		again();
		rig_ask(&rig, "m", NULL);
		rig.down.exchange->arrived.max = 2500;
		scripted_source_head(
		        &rig.source, 200, stream ? "text/event-stream" : "application/json");
		rig.down.full = stream;
		for (unsigned i = 0; i < 5; i++)
			scripted_source_data(&rig.source, slice_from(much, sizeof(much)));
		rig.down.full = false;
		finish();
		assert_true(answer.whole);
		assert_int_equal(answer.status, stream ? 200 : 502);
		assert_int_equal(rig.last.r.fault, FAULT_UPSTREAM_MALFORMED);
		assert_int_equal(rig.source.n_closed, 1);
	}
}

/* ---- deadlines ---- */

static const struct upstream_conf *up(void)
{
	return &rig.view->snapshot->conf->upstreams[0];
}

static void check_timeout(unsigned status, const char *words)
{
	finish();
	assert_true(answer.whole);
	assert_int_equal(answer.status, status);
	assert_int_equal(rig.last.r.fault, FAULT_UPSTREAM_TIMEOUT);
	assert_non_null(strstr(rig.last.note, words));
	assert_int_equal(rig.source.n_closed, 1);
}

static void a_provider_that_does_not_begin_is_given_up(void **state)
{
	(void)state;
	rig_ask(&rig, "m stream", NULL);
	rig_advance(&rig, up()->first_byte_ns - NS_PER_S);
	assert_int_equal(rig.n_records, 0);
	rig_advance(&rig, 2 * NS_PER_S);
	check_timeout(504, "did not begin");
	assert_int_equal(rig.last.r.estimated, true);
}

static void a_provider_that_falls_silent_is_given_up_in_time(void **state)
{
	(void)state;
	for (unsigned stream = 0; stream < 2; stream++) {
		again();
		rig_ask(&rig, "m", NULL);
		scripted_source_head(
		        &rig.source, 200, stream ? "text/event-stream" : "application/json");
		for (unsigned i = 0; i < 3; i++) {
			scripted_source_data(&rig.source, SLICE("x"));
			rig_advance(&rig, up()->stream_idle_ns - NS_PER_S);
			assert_int_equal(rig.n_records, 0);
		}
		rig_advance(&rig, 2 * NS_PER_S);
		check_timeout(stream ? 200 : 504, "silent");
	}
}

/* The wait for the first byte may be longer than the one between two: it must not go on when that
 * has come. */
static void silence_from_the_head_on_is_given_up_in_time_too(void **state)
{
	(void)state;
	assert_true(up()->stream_idle_ns < up()->first_byte_ns);
	for (unsigned stream = 0; stream < 2; stream++) {
		again();
		rig_ask(&rig, "m", NULL);
		scripted_source_head(
		        &rig.source, 200, stream ? "text/event-stream" : "application/json");
		rig_advance(&rig, up()->stream_idle_ns - NS_PER_S);
		assert_int_equal(rig.n_records, 0);
		rig_advance(&rig, 2 * NS_PER_S);
		check_timeout(stream ? 200 : 504, "silent");
	}
}

/* His verdict is there, only nobody could heed it yet: there is nothing to cancel. */
static void a_policy_that_has_settled_is_not_cancelled(void **state)
{
	(void)state;
	ask_stream(NULL);
	scripted_source_data(&rig.source, SLICE("a@b"));
	rig.down.full = true;
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	assert_int_equal(five.n_asked, 0);
	exchange_on_client_gone(rig.down.exchange);
	rig_settle(&rig);
	assert_int_equal(five.n_cancels, 0);
	assert_int_equal(five.n_dones, 3);
}

static void the_whole_call_has_a_deadline_of_its_own(void **state)
{
	(void)state;
	ask_stream(NULL);
	for (uint64_t t = 0; t < up()->total_ns - 20 * NS_PER_S; t += 10 * NS_PER_S) {
		assert_true(scripted_source_data(&rig.source, SLICE("x")));
		rig_advance(&rig, 10 * NS_PER_S);
	}
	rig_advance(&rig, 21 * NS_PER_S);
	check_timeout(200, "whole call");
}

static void a_callers_own_deadline_counts(void **state)
{
	(void)state;
	rig_ask(&rig, "m stream", NULL);
	rig.down.exchange->give_up_at = rig.now + 5 * NS_PER_S;
	rig.env.set_deadline(&rig.env, &rig.down.exchange->deadline, rig.down.exchange->give_up_at);
	rig_advance(&rig, 6 * NS_PER_S);
	check_timeout(504, "whole call");
}

static void silence_that_weir_asked_for_is_not_the_providers(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		again();
		ask_stream(NULL);
		rig.down.exchange->give_up_at = UINT64_MAX;
		scripted_source_data(&rig.source, how ? SLICE("a@b") : SLICE("ab"));
		rig.down.full = !how;
		exchange_on_room(rig.down.exchange);
		rig_advance(&rig, 3 * up()->stream_idle_ns);
		assert_int_equal(rig.n_records, 0);
		rig.down.full = false;
		exchange_on_room(rig.down.exchange);
		five_answer(VERDICT_PASS);
		rig_settle(&rig);
		rig_advance(&rig, up()->stream_idle_ns - NS_PER_S);
		assert_int_equal(rig.n_records, 0);
		rig_advance(&rig, up()->stream_idle_ns + 2 * NS_PER_S);
		check_timeout(200, "silent");
	}
}

/* how: what the reply is to, and what had set a deadline before it. */
static void make_reply_wait(unsigned how)
{
	static const struct slice requests[] = {
	        SLICE_INIT("GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n"),
	        SLICE_INIT("GET /nowhere HTTP/1.1\r\nhost: h\r\n\r\n"),
	        SLICE_INIT("POST /v1/chat/completions HTTP/1.1\r\nhost: "
	                   "127.0.0.1:4000\r\ncontent-type: "
	                   "application/json\r\ncontent-length: 99999999\r\n\r\n"),
	};

	rig.down.full = true;
	if (how < 3) {
		loopback_feed(&rig.down, requests[how]);
		if (how == 2)
			exchange_on_request_fault(rig.down.exchange, FAULT_REQUEST_INVALID, NULL);
		return;
	}
	rig_ask(&rig, "m", NULL);
	scripted_source_head(&rig.source, 200, "application/json");
	rig_advance(&rig, up()->total_ns + NS_PER_S);
}

static void an_agent_that_does_not_take_a_reply_is_given_up(void **state)
{
	uint64_t idle = rig.view->snapshot->conf->listeners[0].limits.idle_timeout_ns;

	(void)state;
	for (unsigned how = 0; how < 4; how++)
		for (unsigned late = 0; late < 2; late++) {
			again();
			make_reply_wait(how);
			assert_true(rig.down.exchange && rig.down.exchange->source_local);
			rig_advance(&rig, idle - 2 * NS_PER_S);
			exchange_on_room(
			        rig.down.exchange); /* woken for nothing: that moves no deadline */
			assert_int_equal(rig.n_records, 0);
			rig.down.full = late;
			if (late)
				rig_advance(&rig, 4 * NS_PER_S);
			else
				exchange_on_room(rig.down.exchange);
			rig_settle(&rig);
			assert_int_equal(rig.n_records, 1);
			assert_null(rig.down.exchange);
			if (late)
				assert_string_equal(rig.last.r.ended_by, "client");
			else
				assert_string_equal(
				        rig.last.r.ended_by, how == 3 ? "upstream" : "gateway");
			assert_int_equal(rig.last.r.gateway_ns, 0);
			rig.down.full = false;
		}
}

static void time_at_the_provider_is_not_weirs(void **state)
{
	(void)state;
	rig_ask(&rig, "m stream", NULL);
	rig_advance(&rig, 3 * NS_PER_S);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	for (unsigned i = 0; i < 10; i++) {
		rig_advance(&rig, NS_PER_S / 2);
		exchange_on_room(rig.down.exchange); /* woken for nothing: it waits on */
	}
	scripted_source_data(&rig.source, SLICE("a@b"));
	rig_advance(&rig, 2 * NS_PER_S); /* a policy's time is Weir's */
	five_answer(VERDICT_PASS);
	rig_settle(&rig);
	scripted_source_end(&rig.source);
	finish();
	assert_int_equal(rig.last.r.latency_ns / NS_PER_MS, 10000);
	assert_int_equal(rig.last.r.gateway_ns / NS_PER_MS, 2000);
	assert_int_equal(rig.last.r.ttft_ns / NS_PER_MS, 10000);
}

static void time_that_the_agent_takes_is_not_weirs(void **state)
{
	(void)state;
	loopback_feed(
	        &rig.down, SLICE("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n"
	                         "content-type: application/json\r\ncontent-length: 8\r\n\r\n"));
	rig_advance(&rig, 3 * NS_PER_S);
	loopback_feed(&rig.down, SLICE("m s"));
	rig_advance(&rig, 4 * NS_PER_S);
	loopback_feed(&rig.down, SLICE("tream"));
	scripted_source_head(&rig.source, 200, "text/event-stream");
	rig.down.full = true;
	scripted_source_data(&rig.source, SLICE("a"));
	rig_advance(&rig, 5 * NS_PER_S);
	exchange_on_room(rig.down.exchange); /* woken for nothing: it is still full */
	rig_advance(&rig, 5 * NS_PER_S);
	rig.down.full = false;
	exchange_on_room(rig.down.exchange);
	scripted_source_end(&rig.source);
	finish();
	assert_int_equal(rig.last.r.latency_ns / NS_PER_MS, 17000);
	assert_int_equal(rig.last.r.gateway_ns, 0);
}

static void make_plain_slowly(void *arg, struct exchange *x)
{
	make_plain(arg, x);
	fake_clock_advance(&rig.clock, 3 * NS_PER_MS);
}

/* The loop's time stands still in a turn, the clock does not. */
static void time_that_a_turn_takes_is_weirs(void **state)
{
	(void)state;
	rig.down.born = make_plain_slowly;
	ask_stream(NULL);
	rig_advance(&rig, 2 * NS_PER_S);
	scripted_source_data(&rig.source, SLICE("a"));
	fake_clock_advance(&rig.clock, 5 * NS_PER_MS);
	scripted_source_end(&rig.source);
	finish();
	assert_int_equal(rig.last.r.latency_ns / NS_PER_MS, 2008);
	assert_int_equal(rig.last.r.gateway_ns / NS_PER_MS, 5 + 3);
}

/* Whatever is waited for when a call ends is no more Weir's than if it had come. */
static void a_wait_that_the_end_cuts_short_is_not_weirs(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		again();
		rig_ask(&rig, "m stream", NULL);
		rig_advance(&rig, NS_PER_S);
		if (how)
			scripted_source_head(&rig.source, 200, "text/event-stream");
		rig.down.full = how == 2;
		if (how)
			scripted_source_data(&rig.source, SLICE("a"));
		rig_advance(&rig, 2 * NS_PER_S);
		exchange_on_client_gone(rig.down.exchange);
		rig_settle(&rig);
		assert_string_equal(rig.last.r.ended_by, "client");
		assert_int_equal(rig.last.r.latency_ns / NS_PER_MS, 3000);
		assert_int_equal(rig.last.r.gateway_ns, 0);
	}
}

/* ---- heads ---- */

static void what_the_provider_says_of_one_connection_or_in_our_name_is_left_out(void **state)
{
	(void)state;
	rig_ask(&rig, "n", NULL);
	scripted_source_header(&rig.source, "X-Weir-Cost-Usd", "0");
	scripted_source_header(&rig.source, "x-weir-request-id", "theirs");
	scripted_source_header(&rig.source, "content-length", "99");
	scripted_source_header(&rig.source, "x-request-id", "req_1");
	scripted_source_header(&rig.source, "openai-version", "2020-10-01");
	scripted_source_head(&rig.source, 200, "application/json");
	scripted_source_data(&rig.source, SLICE("hi~1000000,1000000~"));
	scripted_source_end(&rig.source);
	finish();
	assert_string_equal(loopback_header(&answer, "x-weir-cost-usd"), "3");
	assert_int_equal(strlen(loopback_header(&answer, "x-weir-request-id")), 26);
	assert_string_equal(loopback_header(&answer, "content-length"), "2");
	assert_string_equal(loopback_header(&answer, "x-request-id"), "req_1");
	assert_string_equal(loopback_header(&answer, "openai-version"), "2020-10-01");
	assert_string_equal(loopback_header(&answer, "x-weir-upstream"), "up");
	assert_string_equal(loopback_header(&answer, "x-weir-attempts"), "1");
	assert_null(loopback_header(&answer, "x-weir-code"));
}

static void a_name_that_is_no_field_value_spoils_no_head(void **state)
{
	(void)state;
	rig_ask(&rig, "m", NULL);
	scripted_source_head(&rig.source, 200, "application/json");
	rig.down.exchange->answer.model = SLICE("gpt\r\nset-cookie: a=b\xc3\xa9");
	buf_put_str(&rig.down.exchange->calls[0].tools_removed, "a\nb, c");
	scripted_source_data(&rig.source, SLICE("hi"));
	scripted_source_end(&rig.source);
	finish();
	assert_int_equal(answer.status, 200);
	assert_string_equal(loopback_header(&answer, "x-weir-model"), "gpt??set-cookie: a=b??");
	assert_string_equal(loopback_header(&answer, "x-weir-tools-removed"), "a?b, c");
	assert_null(loopback_header(&answer, "set-cookie"));
}

struct head_case {
	unsigned status;
	const char *type, *coding;
	unsigned want;
	enum fault fault;
};

static void answers_that_cannot_be_passed_on_are_refused(void **state)
{
	static const struct head_case cases[] = {
	        {200, "application/json", NULL, 200, FAULT_NONE},
	        {200, "Application/JSON ; charset=utf-8", "identity", 200, FAULT_NONE},
	        {200, "TEXT/Event-Stream", NULL, 200, FAULT_NONE},
	        {200, "text/html", NULL, 502, FAULT_UPSTREAM_MALFORMED},
	        {200, NULL, NULL, 502, FAULT_UPSTREAM_MALFORMED},
	        {200, "application/json", "gzip", 502, FAULT_UPSTREAM_MALFORMED},
	        {301, "text/html", NULL, 502, FAULT_UPSTREAM_MALFORMED},
	        {304, NULL, NULL, 502, FAULT_UPSTREAM_MALFORMED},
	        {401, "application/json", NULL, 502, FAULT_UPSTREAM_AUTH_FAILED},
	        {403, "text/event-stream", NULL, 502, FAULT_UPSTREAM_AUTH_FAILED},
	        {429, "application/json", NULL, 429, FAULT_NONE},
	        {400, "text/plain", NULL, 400, FAULT_NONE},
	        {500, "text/event-stream", NULL, 500, FAULT_NONE},
	        {503, NULL, NULL, 503, FAULT_NONE},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct head_case *c = &cases[i];

		again();
		rig_ask(&rig, "m", NULL);
		if (c->coding)
			scripted_source_header(&rig.source, "content-encoding", c->coding);
		scripted_source_head(&rig.source, c->status, c->type);
		scripted_source_data(&rig.source, SLICE("sk-secret"));
		scripted_source_end(&rig.source);
		finish();
		assert_true(answer.whole);
		assert_int_equal(answer.status, c->want);
		assert_int_equal(rig.last.r.fault, c->fault);
		assert_int_equal(rig.last.r.status, c->want);
		if (c->fault == FAULT_NONE)
			assert_string_equal(answer.body, "sk-secret");
		else
			assert_null(strstr(answer.body, "sk-secret"));
		assert_true(rig.down.kept);
	}
}

static void our_credential_never_comes_back(void **state)
{
	static const char yaml[] =
	        "version: 1\n"
	        "listeners: {agents: {address: \"127.0.0.1:4000\", default_agent: t}}\n"
	        "upstreams: {up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: "
	        "{api_key: \"${env:RIG_KEY}\"}}}\n"
	        "models: {m: {upstream: up, price: {input: 1, output: 2}}}\n"
	        "agents: {t: {models: [m]}}\n";

	(void)state;
	setenv("RIG_KEY", "not-a-real-credential", 1);
	rig_end(&rig);
	assert_int_equal(rig_begin(&rig, rig_view(yaml), few, 3), 0);
	rig.down.born = make_plain;
	for (unsigned i = 0; i < 4; i++) {
		again();
		rig_ask(&rig, "m", NULL);
		scripted_source_header(
		        &rig.source, "x-echo", i & 1 ? "Bearer not-a-real-credential" : "else");
		scripted_source_header(&rig.source, "set-cookie", "a=b");
		scripted_source_header(&rig.source, "access-control-allow-origin", "*");
		scripted_source_head(&rig.source, i & 2 ? 400 : 200, "application/json");
		scripted_source_data(&rig.source, i & 2 ? SLICE("no: not-a-real-") : SLICE("fine"));
		scripted_source_data(&rig.source, i & 2 ? SLICE("credential!") : SLICE(""));
		scripted_source_end(&rig.source);
		finish();
		assert_true(answer.whole);
		assert_int_equal(answer.status, i & 2 ? 502 : 200);
		assert_null(strstr(answer.body, "not-a-real"));
		assert_null(memmem(rig.down.sent, rig.down.n_sent, "not-a-real", 10));
		assert_null(loopback_header(&answer, "set-cookie"));
		assert_null(loopback_header(&answer, "access-control-allow-origin"));
		if (i == 0)
			assert_string_equal(loopback_header(&answer, "x-echo"), "else");
	}
}

static void an_answer_without_content_is_passed_on(void **state)
{
	(void)state;
	rig_ask(&rig, "m", NULL);
	scripted_source_head(&rig.source, 204, NULL);
	scripted_source_end(&rig.source);
	finish();
	assert_int_equal(answer.status, 204);
	assert_true(answer.begun);
	assert_int_equal(answer.len, 0);
}

static void an_answer_without_sense_is_refused_or_cut(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		bool stream = k & 1;

		again();
		rig_ask(&rig, "m", NULL);
		scripted_source_head(
		        &rig.source, 200, stream ? "text/event-stream" : "application/json");
		scripted_source_data(&rig.source, SLICE("fine "));
		scripted_source_data(&rig.source, k & 2 ? SLICE("^") : SLICE("!half"));
		scripted_source_end(&rig.source);
		finish();
		assert_true(answer.whole);
		assert_int_equal(answer.status, stream ? 200 : 502);
		if (stream)
			assert_string_equal(answer.body, "fine [cut upstream_malformed]");
		assert_int_equal(rig.last.r.fault, FAULT_UPSTREAM_MALFORMED);
		assert_string_equal(rig.last.r.ended_by, "upstream");
		assert_string_equal(rig.last.note, "the plain answer has no sense");
	}
}

static void a_draining_worker_ends_the_connection_with_the_answer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		again();
		rig.env.draining = i;
		ask_stream(NULL);
		scripted_source_end(&rig.source);
		finish();
		rig.down.sent[rig.down.n_sent] = '\0';
		assert_int_equal(strcasestr(rig.down.sent, "connection: close") != NULL, i);
		assert_int_equal(rig.down.codec.base.ops->next(&rig.down.codec.base), !i);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(a_full_agent_pauses_the_source_and_room_resumes_it),
	        T(a_source_may_report_from_within_being_resumed),
	        T(data_that_resumes_a_paused_source_is_not_lost),
	        T(an_end_that_comes_while_the_agent_is_full_waits),
	        T(a_waiting_policy_pauses_the_source),
	        T(a_document_that_was_waited_for_leaves_its_source_unpaused),
	        T(more_than_an_answer_may_hold_is_refused),
	        T(a_provider_that_does_not_begin_is_given_up),
	        T(a_provider_that_falls_silent_is_given_up_in_time),
	        T(silence_from_the_head_on_is_given_up_in_time_too),
	        T(a_policy_that_has_settled_is_not_cancelled),
	        T(the_whole_call_has_a_deadline_of_its_own),
	        T(a_callers_own_deadline_counts),
	        T(silence_that_weir_asked_for_is_not_the_providers),
	        T(an_agent_that_does_not_take_a_reply_is_given_up),
	        T(time_at_the_provider_is_not_weirs),
	        T(time_that_the_agent_takes_is_not_weirs),
	        T(time_that_a_turn_takes_is_weirs),
	        T(a_wait_that_the_end_cuts_short_is_not_weirs),
	        T(what_the_provider_says_of_one_connection_or_in_our_name_is_left_out),
	        T(a_name_that_is_no_field_value_spoils_no_head),
	        T(answers_that_cannot_be_passed_on_are_refused),
	        T(our_credential_never_comes_back),
	        T(an_answer_without_content_is_passed_on),
	        T(an_answer_without_sense_is_refused_or_cut),
	        T(a_draining_worker_ends_the_connection_with_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
