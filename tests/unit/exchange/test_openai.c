/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/relay with the OpenAI dialect: policies that wait in the middle of real laps,
 * whose memory is gone by the time they answer; refusals, cuts and costs in that API's shape. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "exchange/view.h"
#include "policy/registry.h"
#include "rig/exchange_rig.h"
#include "rig/five_policies.h"
#include "rig/splits.h"
#include "rig/starve.h"

static const struct policy_ops *const waiting[] = {
        &policy_pick, &policy_gate, &policy_hold, &policy_ask};

static struct exchange_rig rig;
static struct loopback_answer answer;

#define CHUNK(delta, finish)                                                                       \
	"data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\"," \
	"\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define USAGE                                                                                      \
	"data: "                                                                                   \
	"{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","       \
	"\"choices\":[],"                                                                          \
	"\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\ndata: "    \
	"[DONE]\n\n"

static const char text_stream[] = CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
        CHUNK("{\"content\":\"one @ sec\"}", "null") CHUNK("{\"content\":\"ret *\"}", "null")
                CHUNK("{\"content\":\"@se\"}", "null") CHUNK("{}", "\"stop\"") USAGE;

static const char call_stream[] = CHUNK("{\"role\":\"assistant\",\"content\":\"a@b\"}",
        "null") CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"t0\",\"type\":\"function\","
                      "\"function\":{\"name\":\"ask\",\"arguments\":\"\"}}]}",
        "null")
        CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}}]}",
                "null")
                CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}",
                        "null")
                        CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"t1\",\"type\":\"function\","
                              "\"function\":{\"name\":\"evil\",\"arguments\":\"{}\"}}]}",
                                "null") CHUNK("{}", "\"tool_calls\"") USAGE;

static int begin(void **state)
{
	(void)state;
	assert_int_equal(rig_begin(&rig, rig_view(rig_yaml), waiting, 4), 0);
	five_begin(&rig.turn);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end(&rig);
	return 0;
}

static void again(void)
{
	rig_reconnect(&rig);
	rig.n_records = rig.n_reached = 0;
	rig.source.n_closed = 0;
	five_begin(&rig.turn);
	five.gate_tool = VERDICT_ANSWER;
}

static void answer_all(void)
{
	for (unsigned i = 0; i < 50 && five.n_asked; i++) {
		rig_turn(&rig);
		five_answer(VERDICT_PASS);
		rig_settle(&rig);
	}
}

/* What an SDK would put together: every "content":"..." in order. */
static void collect(const char *key, char *to, size_t room)
{
	char want[40];
	size_t n = 0;

	snprintf(want, sizeof(want), "\"%s\":\"", key);
	for (const char *at = answer.body; (at = strstr(at, want));) {
		at += strlen(want);
		while (*at && *at != '"' && n + 2 < room) {
			if (*at == '\\')
				to[n++] = *at++;
			to[n++] = *at++;
		}
	}
	to[n] = '\0';
}

static const char *const chat =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

static void run_pieces(const struct slice *pieces, unsigned n)
{
	again();
	rig_ask(&rig, chat, NULL);
	assert_int_equal(rig.n_reached, 1);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	for (unsigned i = 0; i < n; i++) {
		assert_true(scripted_source_data(&rig.source, pieces[i]));
		rig_settle(&rig);
		if (n != 3 || i == 1)
			answer_all();
	}
	scripted_source_end(&rig.source);
	rig_settle(&rig);
	answer_all();
	loopback_read(&rig.down, &answer);
	assert_true(answer.whole && !answer.broken);
	assert_int_equal(rig.n_records, 1);
	assert_int_equal(rig.last.r.fault, FAULT_NONE);
	assert_int_equal(rig.last.r.cost, 11000);
	assert_false(rig.last.r.estimated);
	assert_non_null(strstr(answer.body, "data: [DONE]\n\n"));
	assert_null(strstr(answer.body, "usage")); /* nobody asked for it */
}

static void check_text(void *arg, const struct slice *pieces, unsigned n)
{
	char got[400];

	(void)arg;
	run_pieces(pieces, n);
	collect("content", got, sizeof(got));
	assert_string_equal(got, "one @ ###### #@se");
}

static void check_calls(void *arg, const struct slice *pieces, unsigned n)
{
	char got[400];

	(void)arg;
	run_pieces(pieces, n);
	collect("name", got, sizeof(got));
	assert_string_equal(got, "ask");
	collect("arguments", got, sizeof(got));
	assert_string_equal(got, "{\\\"x\\\":1}");
	collect("content", got, sizeof(got));
	assert_int_equal(strncmp(got, "a@b", 3), 0);
	assert_int_equal(rig.last.r.n_tools, 2);
	assert_true(rig.last.tool[0].allowed);
	assert_false(rig.last.tool[1].allowed);
}

/* Every split in two, and a third piece now and then: in three everywhere would take minutes. */
static void cut(const char *text, split_fn *check)
{
	size_t len = strlen(text);
	struct slice p[3];

	for (size_t a = 1; a < len; a++) {
		p[0] = slice_from(text, a);
		p[1] = slice_from(text + a, len - a);
		check(NULL, p, 2);
	}
	for (size_t a = 1; a < len; a += 37)
		for (size_t b = a + 1; b < len; b += 41) {
			p[0] = slice_from(text, a);
			p[1] = slice_from(text + a, b - a);
			p[2] = slice_from(text + b, len - b);
			check(NULL, p, 3);
		}
}

static void texts_that_are_waited_for_arrive_whole_however_they_are_cut(void **state)
{
	(void)state;
	cut(text_stream, check_text);
}

static void calls_that_are_waited_for_arrive_whole_however_they_are_cut(void **state)
{
	(void)state;
	cut(call_stream, check_calls);
}

#define OUR_KEY "not-a-real-credential"

static const char yaml_with_key[] =
        "version: 1\n"
        "listeners: {agents: {address: \"127.0.0.1:4000\", default_agent: t}}\n"
        "upstreams: {up: {api: openai, url: \"http://127.0.0.1:9/v1\", credential: "
        "{api_key: \"${env:RIG_KEY}\"}}}\n"
        "models: {m: {upstream: up, price: {input: 1, output: 2}}}\n"
        "agents: {t: {models: [m]}}\n";

static void check_key_stream(void *arg, const struct slice *pieces, unsigned n)
{
	bool open = true;

	(void)arg;
	again();
	rig_ask(&rig, chat, NULL);
	scripted_source_head(&rig.source, 200, "text/event-stream");
	for (unsigned i = 0; open && i < n; i++) {
		open = scripted_source_data(&rig.source, pieces[i]) && !rig.source.n_closed;
		rig_settle(&rig);
	}
	loopback_read(&rig.down, &answer);
	assert_true(answer.whole && !answer.broken);
	assert_int_equal(rig.last.r.fault, FAULT_UPSTREAM_MALFORMED);
	assert_null(memmem(rig.down.sent, rig.down.n_sent, "not-a-real", 10));
	assert_non_null(strstr(answer.body, "upstream_malformed"));
	if (n > 2) /* what came before it is the agent's */
		assert_non_null(strstr(answer.body, "before"));
}

static void a_stream_that_repeats_our_credential_ends_before_it_however_it_is_cut(void **state)
{
	static const char before[] = CHUNK("{\"content\":\"before\"}", "null");
	static const char after[] = CHUNK("{\"content\":\"it is " OUR_KEY "!\"}", "null") USAGE;
	struct slice p[32] = {slice_from(before, sizeof(before) - 1)};
	size_t len = sizeof(after) - 1, n;

	(void)state;
	setenv("RIG_KEY", OUR_KEY, 1);
	rig_end(&rig);
	assert_int_equal(rig_begin(&rig, rig_view(yaml_with_key), waiting, 2), 0);
	p[1] = slice_from(after, len);
	check_key_stream(NULL, p + 1, 1);
	run_pieces((struct slice[]){slice_from(text_stream, sizeof(text_stream) - 1)}, 1);
	for (size_t a = 1; a < len; a++) {
		p[1] = slice_from(after, a);
		p[2] = slice_from(after + a, len - a);
		check_key_stream(NULL, p, 3);
	}
	/* byte by byte: more pieces than the credential has bytes */
	size_t at = (size_t)(strstr(after, OUR_KEY) - after) - 2;
	p[1] = slice_from(after, at);
	for (n = 2; n < 31; n++)
		p[n] = slice_from(after + at++, 1);
	p[n] = slice_from(after + at, len - at);
	check_key_stream(NULL, p, (unsigned)n + 1);
}

/* Pieces are searched together with what came before them or by themselves, as they are short or
 * long; the credential stands at every place of them, and over every edge. */
static void a_credential_is_found_in_pieces_of_every_length(void **state)
{
	static const size_t lengths[] = {1, 20, 21, 22, 363, 364, 383, 384, 385, 405, 500};
	static char all[1600];
	size_t most = sizeof(OUR_KEY) - 2;

	(void)state;
	setenv("RIG_KEY", OUR_KEY, 1);
	rig_end(&rig);
	assert_int_equal(rig_begin(&rig, rig_view(yaml_with_key), waiting, 2), 0);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (size_t at = 0; at <= 2 * lengths[i]; at++) {
			struct slice left = slice_from(all, sizeof(all));

			memset(all, ' ', sizeof(all));
			memset(all, ':', 2);
			memcpy(all + 2 + at, OUR_KEY, most + 1);
			again();
			rig_ask(&rig, chat, NULL);
			scripted_source_head(&rig.source, 200, "text/event-stream");
			while (left.len > sizeof(all) - at - most - 3) {
				size_t n = lengths[i] < left.len ? lengths[i] : left.len;

				assert_int_equal(rig.source.n_closed, 0);
				scripted_source_data(&rig.source, slice_from(left.at, n));
				rig_settle(&rig);
				left = slice_skip(left, n);
			}
			assert_int_equal(rig.n_records, 1);
			assert_int_equal(rig.last.r.fault, FAULT_UPSTREAM_MALFORMED);
			assert_null(memmem(rig.down.sent, rig.down.n_sent, "not-a-real", 10));
		}
}

static void a_document_that_is_waited_for_arrives_whole(void **state)
{
	static const char doc[] =
	        "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
	        "\"choices\":[{\"index\":0,\"message\":"
	        "{\"role\":\"assistant\",\"content\":\"a@ secret "
	        "\\u00e9\",\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\","
	        "\"function\":{\"name\":\"evil\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_"
	        "calls\"}],"
	        "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}";

	(void)state;
	for (size_t at = 0; at < sizeof(doc); at++) {
		again();
		rig_ask(&rig,
		        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
		        NULL);
		scripted_source_head(&rig.source, 200, "application/json");
		scripted_source_data(&rig.source, slice_from(doc, at));
		rig_settle(&rig);
		scripted_source_data(&rig.source, slice_from(doc + at, sizeof(doc) - 1 - at));
		scripted_source_end(&rig.source);
		answer_all();
		loopback_read(&rig.down, &answer);
		assert_true(answer.whole);
		assert_int_equal(answer.status, 200);
		assert_non_null(strstr(answer.body, "a@ ###### "));
		assert_null(strstr(answer.body, "\"evil\",\"arguments\""));
		assert_string_equal(loopback_header(&answer, "x-weir-cost-usd"), "0.000011");
		assert_string_equal(loopback_header(&answer, "x-weir-model"), "m");
	}
}

static void a_stream_that_breaks_off_says_so_in_its_own_shape(void **state)
{
	(void)state;
	for (size_t at = 1; at < sizeof(text_stream) - 1; at += 3)
		for (unsigned how = 0; how < 3; how++) {
			again();
			rig_ask(&rig, chat, NULL);
			scripted_source_head(&rig.source, 200, "text/event-stream");
			scripted_source_data(&rig.source, slice_from(text_stream, at));
			rig_settle(&rig);
			if (how == 1)
				answer_all();
			if (how == 2)
				exchange_on_shutdown(rig.down.exchange);
			else
				scripted_source_fault(&rig.source, FAULT_UPSTREAM_CUT, NULL);
			rig_settle(&rig);
			loopback_read(&rig.down, &answer);
			assert_true(answer.whole);
			assert_int_equal(rig.last.r.fault,
			        how == 2 ? FAULT_SHUTTING_DOWN : FAULT_UPSTREAM_CUT);
			assert_non_null(
			        strstr(answer.body, how == 2 ? "shutting_down" : "\"error\""));
			assert_int_equal(rig.last.r.estimated, !rig.last.r.usage_known);
		}
}

static void refusals_have_the_apis_shape(void **state)
{
	(void)state;
	again();
	rig_ask(&rig, "{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}", NULL);
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(answer.status, 400);
	assert_non_null(strstr(answer.body, "\"error\":{\"message\":\""));
	assert_non_null(strstr(answer.body, "\"code\":\"request_invalid\""));
	again();
	rig_ask(&rig,
	        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":"
	        "7}",
	        NULL);
	rig_settle(&rig);
	loopback_read(&rig.down, &answer);
	assert_int_equal(answer.status, 400);
	assert_non_null(strstr(answer.body, "stream"));
}

static struct view *shared;

static int starved(void *arg)
{
	const char *text = arg;

	assert_int_equal(rig_begin(&rig, view_ref(shared), waiting, 4), 0);
	five_begin(&rig.turn);
	five.gate_tool = VERDICT_ANSWER;
	rig_ask(&rig, chat, NULL);
	if (rig.n_reached && scripted_source_head(&rig.source, 200, "text/event-stream")) {
		for (size_t i = 0; i < strlen(text); i += 200) {
			size_t left = strlen(text + i);
			scripted_source_data(
			        &rig.source, slice_from(text + i, left < 200 ? left : 200));
			rig_settle(&rig);
			answer_all();
		}
		scripted_source_end(&rig.source);
		answer_all();
	}
	rig_settle(&rig);
	assert_null(rig.down.exchange);
	assert_int_equal(rig.n_records, rig.down.n_ended);
	assert_int_equal(five.n_dones, 4 * rig.n_records);
	rig_end(&rig);
	return 0;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	shared = rig_view(rig_yaml);
	starve(starved, (void *)(uintptr_t)text_stream);
	starve(starved, (void *)(uintptr_t)call_stream);
	view_unref(shared);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(texts_that_are_waited_for_arrive_whole_however_they_are_cut),
	        T(calls_that_are_waited_for_arrive_whole_however_they_are_cut),
	        T(a_stream_that_repeats_our_credential_ends_before_it_however_it_is_cut),
	        T(a_credential_is_found_in_pieces_of_every_length),
	        T(a_document_that_is_waited_for_arrives_whole),
	        T(a_stream_that_breaks_off_says_so_in_its_own_shape),
	        T(refusals_have_the_apis_shape),
	        cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
