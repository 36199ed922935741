/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/tool and dialect/tool_place: a tool's arguments, read strictly and put where it
 * wants them; its answer, passed on; refusals as problem details. */
#include <stdio.h>
#include "rig/starve.h"
#include "rig/unit.h"
#include "weir/dialect.h"

static const struct tool_piece plain[] = {{SLICE_INIT("/pay"), false}};
static const struct tool_piece one[] = {{SLICE_INIT("/orders/"), false}, {SLICE_INIT("id"), true}};
static const struct tool_piece two[] = {{SLICE_INIT("/"), false}, {SLICE_INIT("a"), true},
        {SLICE_INIT("."), false}, {SLICE_INIT("b"), true}, {SLICE_INIT("/x"), false}};

static const struct {
	enum method method;
	const struct tool_piece *path;
	unsigned n;
	const char *body, *target, *left; /* left == NULL: nothing */
} cases[] = {
        {METHOD_POST, plain, 1, " {\"a\" : 1} ", "/pay", " {\"a\" : 1} "},
        {METHOD_POST, one, 2, "{\"id\":\"A\"}", "/orders/A", "{}"},
        {METHOD_POST, one, 2, "{ \"id\" : \"A\" }", "/orders/A", "{  }"},
        {METHOD_PUT, one, 2, "{\"id\":\"A\",\"b\":1}", "/orders/A", "{\"b\":1}"},
        {METHOD_PATCH, one, 2, "{\"b\":1 , \"id\":\"A\"}", "/orders/A", "{\"b\":1}"},
        {METHOD_POST, one, 2, "{\"a\":{\"id\":2},\"id\":7,\"c\":[]}", "/orders/7",
                "{\"a\":{\"id\":2},\"c\":[]}"},
        {METHOD_POST, one, 2, "{\"i\\u0064\":\"\\u0041\\/\\n\"}", NULL, NULL},
        {METHOD_POST, one, 2, "{\"i\\u0064\":\"\\u0041\"}", "/orders/A", "{}"},
        {METHOD_POST, one, 2, "{\"id\":false}", "/orders/false", "{}"},
        {METHOD_POST, one, 2, "{\"id\":1e+3}", "/orders/1e%2B3", "{}"},
        {METHOD_POST, two, 5, "{\"b\":\"%2e\",\"x\":0,\"a\":\"a b\"}", "/a%20b.%252e/x",
                "{\"x\":0}"},
        {METHOD_POST, two, 5, "{\"b\":\"b\",\"a\":\"a\"}", "/a.b/x", "{}"},
        {METHOD_GET, plain, 1, "{}", "/pay", NULL},
        {METHOD_GET, plain, 1, "{\"a\":1,\"b\":\"c d\",\"n\":null}", "/pay?a=1&b=c%20d", NULL},
        {METHOD_DELETE, one, 2, "{\"id\":\"A\",\"why\":[\"x\",2,true],\"none\":[]}",
                "/orders/A?why=x&why=2&why=true", NULL},
        {METHOD_GET, plain, 1, "{\"a&b\":\"=\\u0000\"}", "/pay?a%26b=%3D%00", NULL},
};

static const char *const climbing[] = {"\"\"", "\".\"", "\"..\"", "\"/\"", "\"a/b\"", "\"a\\\\b\"",
        "\"a\\nb\"", "\"\\u0000\"", "\"\\u007f\"", "\"\\u0080\"", "\"\\u009f\"", "\"\\/\"", "null",
        "[]", "{}", "[\"a\"]"};

static void bodies_are(
        const struct tool_asked *t, struct slice body, struct arena *arena, const char *left)
{
	struct request_facts facts = {.action = ACTION_TOOL, .tool = *t};
	struct edit_wishes wishes = {0};
	struct edits edits;
	struct slice *out;
	char got[256];
	size_t len = 0;
	unsigned n;

	edits_init(&edits, arena);
	assert_int_equal(dialect_tool.edit_request(&facts, body, &wishes, &edits), 0);
	assert_int_equal(edits_sort(&edits), 0);
	assert_int_equal(edits_apply(&edits, body, &out, &n), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_true(len + out[i].len < sizeof(got));
		if (out[i].len)
			memcpy(got + len, out[i].at, out[i].len);
		len += out[i].len;
	}
	got[len] = '\0';
	assert_string_equal(got, left ? left : "");
	assert_int_equal(edits_length(&edits, body.len), len);
}

static void arguments_go_where_the_form_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tool_form form = {cases[i].method, cases[i].path, cases[i].n};
		struct slice body = slice_str(cases[i].body);
		struct tool_asked asked = {0};
		struct complaint why;
		struct arena arena;
		int r;

		arena_init(&arena, 1 << 20);
		complaint_init(&why, FAULT_NONE);
		r = tool_place(&form, body, &arena, &asked, &why);
		assert_int_equal(r, cases[i].target ? 0 : -EPROTO);
		if (!r) {
			assert_int_equal(asked.target.len, strlen(cases[i].target));
			assert_memory_equal(asked.target.at, cases[i].target, asked.target.len);
			assert_int_equal(asked.bodiless, cases[i].left == NULL);
			bodies_are(&asked, body, &arena, cases[i].left);
		}
		arena_finish(&arena);
	}
}

static void refuses(const struct tool_form *form, const char *body, const char *param)
{
	struct tool_asked asked = {0};
	struct complaint why;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	complaint_init(&why, FAULT_NONE);
	assert_int_equal(tool_place(form, slice_str(body), &arena, &asked, &why), -EPROTO);
	assert_int_equal(why.fault, FAULT_ARGUMENTS_INVALID);
	assert_string_equal(why.param, param);
	assert_true(*why.text);
	arena_finish(&arena);
}

static void what_could_climb_a_path_is_refused_by_its_pointer(void **state)
{
	const struct tool_form form = {METHOD_POST, one, 2}, get = {METHOD_GET, plain, 1};
	char body[64];

	(void)state;
	for (size_t i = 0; i < sizeof(climbing) / sizeof(climbing[0]); i++) {
		snprintf(body, sizeof(body), "{\"x\":1,\"id\":%s}", climbing[i]);
		refuses(&form, body, "/id");
	}
	refuses(&form, "{}", "/id");
	refuses(&form, "{\"ID\":\"A\"}", "/id");
	refuses(&get, "{\"a\":{}}", "/a");
	refuses(&get, "{\"a\":[[1]]}", "/a");
	refuses(&get, "{\"a\":[1,null]}", "/a");
}

static void a_target_has_a_ceiling(void **state)
{
	static const struct tool_form form = {METHOD_POST, one, 2};
	static char body[12000];
	size_t len = 7;

	(void)state;
	memcpy(body, "{\"id\":\"", len);
	memset(body + len, 'x', 9000);
	memcpy(body + len + 9000, "\"}", 3);
	refuses(&form, body, "");
}

static void a_body_is_one_object(void **state)
{
	static const struct {
		const char *text;
		int r;
	} bodies[] = {{"{}", 0}, {" {\"a\":[1,{\"b\":2}]}\n", 0}, {"", -EPROTO}, {"[]", -EPROTO},
	        {"1", -EPROTO}, {"{\"a\":1,\"a\":2}", -EPROTO}, {"{} {}", -EPROTO}};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct request_facts facts = {0};
		struct complaint why;

		complaint_init(&why, FAULT_NONE);
		assert_int_equal(dialect_tool.read_request(ACTION_TOOL, slice_str(bodies[i].text),
		                         NULL, NULL, &facts, &why),
		        bodies[i].r);
		assert_int_equal(facts.action, bodies[i].r ? ACTION_NONE : ACTION_TOOL);
		assert_int_equal(why.fault, bodies[i].r ? FAULT_REQUEST_INVALID : FAULT_NONE);
	}
}

static void a_refusal_is_a_problem(void **state)
{
	struct refusal r = {.fault = FAULT_ARGUMENTS_INVALID,
	        .sentence = SLICE("No \"x\"."),
	        .param = SLICE("/id")};
	struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(dialect_tool.write_refusal(&r, SLICE("01A"), &out), 0);
	assert_slice(buf_slice(&out),
	        "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":"
	        "\"No \\\"x\\\".\",\"code\":\"arguments_invalid\",\"param\":\"/id\",\"request_id\":"
	        "\"01A\"}");
	buf_clear(&out);
	r = (struct refusal){
	        .fault = FAULT_RATE_LIMITED, .sentence = SLICE("Wait."), .retry_after_ms = 20};
	assert_int_equal(dialect_tool.write_refusal(&r, (struct slice){"", 0}, &out), 0);
	assert_slice(buf_slice(&out),
	        "{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,"
	        "\"detail\":\"Wait.\",\"code\":\"rate_limited\",\"retry_after_ms\":20}");
	assert_slice(dialect_tool.refusal_type, "application/problem+json");
	buf_finish(&out);
}

static void an_answer_passes_as_it_comes(void **state)
{
	struct arena arena;
	struct lap lap = {.arena = &arena};
	struct answer a = {.dialect = &dialect_tool};
	struct refusal r = {.fault = FAULT_UPSTREAM_CUT};

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(dialect_tool.answer_open(&a), 0);
	assert_int_equal(dialect_tool.answer_feed(&a, SLICE("\xff{no"), false, &lap, NULL), 0);
	assert_int_equal(dialect_tool.answer_render(&a, &lap), 0);
	assert_false(a.complete);
	assert_int_equal(lap.n_out, 1);
	assert_slice(lap.out[0], "\xff{no");
	lap = (struct lap){.arena = &arena};
	assert_int_equal(dialect_tool.answer_feed(&a, (struct slice){"", 0}, true, &lap, NULL), 0);
	assert_int_equal(dialect_tool.answer_render(&a, &lap), 0);
	assert_true(a.complete && a.closed && a.n_stopped == 1 && !lap.n_out);
	assert_int_equal(dialect_tool.answer_cut(&a, &r, &lap), -EPROTO);
	dialect_tool.answer_close(&a);
	arena_finish(&arena);
}

static int place_once(void *arg)
{
	static const struct tool_form form = {METHOD_GET, two, 5};
	struct tool_asked asked = {0};
	struct complaint why;
	struct arena arena;
	int r;

	(void)arg;
	arena_init(&arena, 1 << 20);
	complaint_init(&why, FAULT_NONE);
	r = tool_place(&form, SLICE("{\"b\":\"b\",\"a\":\"a\",\"c\":[1,2]}"), &arena, &asked, &why);
	arena_finish(&arena);
	return r;
}

static void it_cleans_up_without_memory(void **state)
{
	(void)state;
	starve(place_once, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(arguments_go_where_the_form_says),
	        cmocka_unit_test(what_could_climb_a_path_is_refused_by_its_pointer),
	        cmocka_unit_test(a_target_has_a_ceiling),
	        cmocka_unit_test(a_body_is_one_object),
	        cmocka_unit_test(a_refusal_is_a_problem),
	        cmocka_unit_test(an_answer_passes_as_it_comes),
	        cmocka_unit_test(it_cleans_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
