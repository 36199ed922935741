/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/access_log: what a line says, in both shapes, and that no text can break it. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "observe/access_log.h"
#include "unit/observe/records.h"

#define OUT_MAX (1u << 20)

/* A log whose lines end in a file. */
struct rig {
	int fd;
	struct sink *sink;
	struct access_log *log;
	char *out;
};

static void rig_open(struct rig *g, bool text)
{
	g->fd = memfd_create("log", 0);
	g->sink = sink_new(g->fd, 4u << 20);
	g->log = access_log_new(g->sink, text);
	g->out = NULL;
	assert_non_null(g->log);
}

static void rig_add(struct rig *g, const struct record *r)
{
	struct observer *o = access_log_observer(g->log);

	o->call_ended(o, r);
}

/* What was written in all; the log is gone then. */
static const char *rig_close(struct rig *g)
{
	ssize_t n;

	access_log_free(g->log);
	sink_free(g->sink);
	g->out = calloc(1, OUT_MAX);
	n = pread(g->fd, g->out, OUT_MAX - 1, 0);
	assert_true(n >= 0);
	close(g->fd);
	return g->out;
}

static void check_line(const struct record *r, bool text, const char *want)
{
	struct rig g;

	rig_open(&g, text);
	rig_add(&g, r);
	assert_string_equal(rig_close(&g), want);
	free(g.out);
}

static void check_holds(const struct record *r, const char *want)
{
	struct rig g;

	rig_open(&g, false);
	rig_add(&g, r);
	if (!strstr(rig_close(&g), want))
		fail_msg("%s is not in %s", want, g.out);
	free(g.out);
}

static void a_line_says_all_that_is_known(void **state)
{
	struct record r = sample_record();
	struct record_tool tool = {.name = SLICE("search"), .allowed = true};

	(void)state;
	r.tools = &tool;
	r.n_tools = 1;
	r.tools_removed = SLICE("a, b");
	r.note = SLICE("as it should be");
	r.shadow = true;
	check_line(&r, false,
	        "{\"time\":\"2026-11-22T08:30:00.123Z\",\"level\":\"info\",\"msg\":\"call\","
	        "\"request_id\":\"01JD9Z5W3N6V7Q8R9S0T1V2W3X\",\"trace_id\":"
	        "\"4bf92f3577b34da6a3ce929d0e0e4736\","
	        "\"agent\":\"support-bot\",\"user\":\"user_0123\",\"team\":\"support\",\"workflow_"
	        "id\":\"wf-7\","
	        "\"session\":\"s-1\",\"listener\":\"agents\",\"dialect\":\"openai\",\"action\":"
	        "\"chat\","
	        "\"model\":\"gpt-4o-mini\",\"upstream_model\":\"gpt-4o-mini-2024-07-18\","
	        "\"upstream\":\"openai\","
	        "\"tool\":\"search\",\"tools_offered\":4,\"tools_removed\":\"a, "
	        "b\",\"status\":200,\"code\":\"ok\","
	        "\"verdict\":\"allow\",\"policy_version\":\"0123456789ab\",\"attempts\":1,"
	        "\"latency_ms\":812.345,"
	        "\"gateway_ms\":0.084,\"ttft_ms\":233.000,\"bytes_in\":2048,\"bytes_out\":9000,"
	        "\"tokens_input\":1024,"
	        "\"tokens_cached\":124,\"tokens_output\":80,\"tokens_reasoning\":10,\"tokens_"
	        "used\":1104,"
	        "\"cost_usd\":0.0004345,\"estimated\":false,\"stream\":true,\"ended_by\":"
	        "\"upstream\","
	        "\"note\":\"as it should be\",\"shadow\":true}\n");
}

static void what_is_not_known_is_left_out(void **state)
{
	struct record r = {
	        .request_id = "01JD9Z5W3N6V7Q8R9S0T1V2W3X",
	        .wall_ns = RECORD_WALL_NS,
	        .status = 401,
	        .fault = FAULT_UNAUTHENTICATED,
	        .verdict = "deny",
	        .ended_by = "gateway",
	        .latency_ns = 999,
	};

	(void)state;
	check_line(&r, false,
	        "{\"time\":\"2026-11-22T08:30:00.123Z\",\"level\":\"warn\",\"msg\":\"call\","
	        "\"request_id\":\"01JD9Z5W3N6V7Q8R9S0T1V2W3X\",\"tools_offered\":0,\"status\":401,"
	        "\"code\":\"unauthenticated\",\"verdict\":\"deny\",\"attempts\":0,\"latency_ms\":0."
	        "000,"
	        "\"gateway_ms\":0.000,\"bytes_in\":0,\"bytes_out\":0,\"tokens_input\":0,\"tokens_"
	        "cached\":0,"
	        "\"tokens_output\":0,\"tokens_reasoning\":0,\"tokens_used\":0,\"cost_usd\":0,"
	        "\"estimated\":false,"
	        "\"stream\":false,\"ended_by\":\"gateway\"}\n");
	check_line(&r, true,
	        "2026-11-22T08:30:00.123Z warn  401 unauthenticated ms=0.000 own_ms=0.000 "
	        "ended_by=gateway"
	        " id=01JD9Z5W3N6V7Q8R9S0T1V2W3X\n");
}

static void a_line_for_people_is_short(void **state)
{
	struct record r = sample_record();
	struct record_tool tools[] = {{.name = SLICE("search"), .allowed = true},
	        {.name = SLICE("drop all"), .fault = FAULT_TOOL_DENIED}};

	(void)state;
	check_line(&r, true,
	        "2026-11-22T08:30:00.123Z info  200 ok agent=support-bot user=user_0123 "
	        "action=chat model=gpt-4o-mini"
	        " upstream_model=gpt-4o-mini-2024-07-18 upstream=openai stream ms=812.345 "
	        "own_ms=0.084 first_ms=233.000"
	        " tokens=1024+80 cached=124 usd=0.0004345 id=01JD9Z5W3N6V7Q8R9S0T1V2W3X\n");
	r.tools = tools;
	r.n_tools = 2;
	r.upstream_model = r.model;
	r.tools_removed = SLICE("x, y");
	r.attempts = 2;
	r.estimated = true;
	r.price_unknown = true;
	r.usage.in_cache_read = 0;
	r.shadow = true;
	r.ended_by = "client";
	r.fault = FAULT_CLIENT_GONE;
	r.note = SLICE("why\n\"so\"");
	check_line(&r, true,
	        "2026-11-22T08:30:00.123Z info  200 client_gone agent=support-bot user=user_0123 "
	        "action=chat"
	        " model=gpt-4o-mini upstream=openai tool=search tool_denied=\"drop all\" "
	        "tools_removed=\"x, y\" stream"
	        " ms=812.345 own_ms=0.084 first_ms=233.000 attempts=2 tokens=900+80 usd=? "
	        "estimated ended_by=client shadow"
	        " id=01JD9Z5W3N6V7Q8R9S0T1V2W3X note=\"why\\n\\\"so\\\"\"\n");
}

static void an_unknown_price_is_null_and_never_zero(void **state)
{
	struct record r = sample_record();

	(void)state;
	r.price_unknown = true;
	check_holds(&r, "\"tokens_used\":1104,\"cost_usd\":null,");
}

static void tokens_count_every_class_once(void **state)
{
	struct record r = sample_record();

	(void)state;
	for (unsigned i = 0; i < USAGE_CLASSES; i++)
		r.usage.of[i] = i < USAGE_OUT_END ? 1ull << i : 0;
	check_holds(&r, "\"tokens_input\":1023,\"tokens_cached\":162,\"tokens_output\":64512,"
	                "\"tokens_reasoning\":2048,\"tokens_used\":65535,");
}

static void texts_of_callers_cannot_break_a_line(void **state)
{
	struct record r = sample_record();

	(void)state;
	r.model = SLICE("a\"b\\c\n\x1b[2J\xe2\x80\xae\xff\xc3\xa9\x7f");
	check_holds(
	        &r, "\"model\":\"a\\\"b\\\\c\\n\\u001b[2J\\u202e\xef\xbf\xbd\xc3\xa9\\u007f\",");
}

static void several_tools_are_an_array(void **state)
{
	struct record r = sample_record();
	struct record_tool tools[40];

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		tools[i] = (struct record_tool){.name = SLICE("t\"")};
	r.tools = tools;
	r.n_tools = 2;
	check_holds(&r, "\"tool\":[\"t\\\"\",\"t\\\"\"],\"tools_offered\"");
	r.n_tools = 40;
	check_holds(&r, "\"t\\\"\",\"t\\\"\",\"\xe2\x80\xa6\"],\"tools_offered\"");
}

static void a_long_text_is_cut_between_characters(void **state)
{
	struct record r = sample_record();
	char removed[1500], want[1500] = "\"tools_removed\":\"x";

	(void)state;
	removed[0] = 'x';
	for (unsigned i = 1; i + 1 < sizeof(removed); i += 2)
		memcpy(removed + i, "\xc3\xa9", 2);
	r.tools_removed = slice_from(removed, sizeof(removed) - 1);
	/* 1023 bytes end a character, the 1024th begins the next. */
	memcpy(want + strlen(want), removed + 1, 1022);
	memcpy(want + strlen(want), "\xe2\x80\xa6\",", 6);
	check_holds(&r, want);
}

static void codes_and_levels_say_who_is_to_blame(void **state)
{
	static const struct {
		enum fault fault;
		unsigned status;
		const char *want;
	} cases[] = {
	        {FAULT_NONE, 200, "\"level\":\"info\""},
	        {FAULT_NONE, 429, "\"level\":\"warn\""},
	        {FAULT_NONE, 429, "\"code\":\"upstream_4xx\""},
	        {FAULT_NONE, 500, "\"level\":\"error\""},
	        {FAULT_NONE, 500, "\"code\":\"upstream_5xx\""},
	        {FAULT_MODEL_DENIED, 403, "\"level\":\"warn\""},
	        {FAULT_OVERLOADED, 503, "\"level\":\"error\""},
	        {FAULT_UPSTREAM_TIMEOUT, 504, "\"level\":\"error\""},
	        {FAULT_UPSTREAM_CUT, 200, "\"code\":\"upstream_malformed\""},
	        {FAULT_CLIENT_GONE, 0, "\"level\":\"info\""},
	        {FAULT_CLIENT_GONE, 0, "\"status\":0,\"code\":\"client_gone\""},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct record r = sample_record();

		r.fault = cases[i].fault;
		r.status = cases[i].status;
		check_holds(&r, cases[i].want);
	}
}

static void times_go_on_within_and_across_seconds(void **state)
{
	static const uint64_t ms[] = {0, 7, 999, 1000, 61001, 500};
	static const char *const want[] = {"08:30:00.000Z", "08:30:00.007Z", "08:30:00.999Z",
	        "08:30:01.000Z", "08:31:01.001Z", "08:30:00.500Z"};
	struct record r = sample_record();
	struct rig g;
	const char *at;

	(void)state;
	rig_open(&g, true);
	for (unsigned i = 0; i < 6; i++) {
		r.wall_ns = RECORD_WALL_NS - 123000000 + ms[i] * 1000000;
		r.latency_ns = 0;
		rig_add(&g, &r);
	}
	at = rig_close(&g);
	for (unsigned i = 0; i < 6; i++, at = strchr(at, '\n') + 1)
		assert_memory_equal(at + 11, want[i], 13);
	assert_string_equal(at, "");
	free(g.out);
}

static void lines_wait_for_the_turns_end_but_not_without_bound(void **state)
{
	struct record r = sample_record();
	struct rig g;
	unsigned n = 0;

	(void)state;
	rig_open(&g, false);
	access_log_flush(g.log);
	rig_add(&g, &r);
	usleep(60000);
	assert_int_equal(lseek(g.fd, 0, SEEK_CUR), 0);
	access_log_flush(g.log);
	access_log_flush(g.log);
	for (unsigned i = 0; i < 300; i++)
		rig_add(&g, &r);
	for (unsigned i = 0; i < 10000 && lseek(g.fd, 0, SEEK_CUR) <= 60 * 1024; i++)
		usleep(1000);
	assert_true(lseek(g.fd, 0, SEEK_CUR) > 60 * 1024);
	for (const char *at = rig_close(&g); *at; at = strchr(at, '\n') + 1)
		n++;
	assert_int_equal(n, 301);
	free(g.out);
}

static void a_line_without_memory_is_dropped_whole_and_counted(void **state)
{
	struct record r = sample_record();
	struct rig g;
	unsigned n = 0;

	(void)state;
	rig_open(&g, false);
	for (long i = 0; i < 4; i++) {
		mem_fail_after(i);
		rig_add(&g, &r);
		mem_fail_after(-1);
	}
	access_log_flush(g.log);
	assert_in_range(sink_dropped(g.sink), 1, 3);
	n = (unsigned)sink_dropped(g.sink);
	for (const char *at = rig_close(&g); *at; at = strchr(at, '\n') + 1, n++)
		assert_memory_equal(at, "{\"time\"", 7);
	assert_int_equal(n, 4);
	free(g.out);
	mem_fail_after(0);
	assert_null(access_log_new(NULL, false));
	mem_fail_after(-1);
	access_log_free(NULL);
}

static void the_longest_line_fits(void **state)
{
	struct record r = sample_record();
	struct record_tool tools[40];
	struct rig g;
	char *hostile = malloc(100000);
	struct slice s = {hostile, 100000};

	(void)state;
	memset(hostile, 1, s.len);
	for (unsigned i = 0; i < 40; i++)
		tools[i] = (struct record_tool){.name = s};
	r.agent = r.team = r.user_shown = r.workflow = r.session = r.listener = r.dialect = s;
	r.action = r.model = r.upstream_model = r.upstream = r.tools_removed = r.policy_version =
	        r.note = s;
	r.trace_id = s;
	r.tools = tools;
	r.n_tools = 40;
	for (unsigned text = 0; text < 2; text++) {
		rig_open(&g, text);
		rig_add(&g, &r);
		assert_int_equal(sink_dropped(g.sink), 0);
		assert_true(strlen(rig_close(&g)) > 200000);
		free(g.out);
	}
	free(hostile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_line_says_all_that_is_known),
	        cmocka_unit_test(what_is_not_known_is_left_out),
	        cmocka_unit_test(a_line_for_people_is_short),
	        cmocka_unit_test(an_unknown_price_is_null_and_never_zero),
	        cmocka_unit_test(tokens_count_every_class_once),
	        cmocka_unit_test(texts_of_callers_cannot_break_a_line),
	        cmocka_unit_test(several_tools_are_an_array),
	        cmocka_unit_test(a_long_text_is_cut_between_characters),
	        cmocka_unit_test(codes_and_levels_say_who_is_to_blame),
	        cmocka_unit_test(times_go_on_within_and_across_seconds),
	        cmocka_unit_test(lines_wait_for_the_turns_end_but_not_without_bound),
	        cmocka_unit_test(a_line_without_memory_is_dropped_whole_and_counted),
	        cmocka_unit_test(the_longest_line_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
