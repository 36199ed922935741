/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config/diagnostics: what people and programs get to see, and what nobody does. */
#include <string.h>
#include "rig/unit.h"
#include "config/conf.h"
#include "config/diagnostics.h"

static char *print(struct diagnostics *d, bool colour, struct buf *out)
{
	assert_int_equal(diagnostics_print(d, out, colour), 0);
	assert_int_equal(buf_put_char(out, '\0'), 0);
	return buf_at(out);
}

static void check_text(const char *policy, const char *want)
{
	struct buf out = BUF_INIT(1 << 20);
	struct diagnostics d;

	diagnostics_init(&d);
	conf_free(conf_load_text("p.yaml", slice_str(policy), &d));
	assert_string_equal(print(&d, false, &out), want);
	buf_finish(&out);
	diagnostics_finish(&d);
}

static void a_mistake_is_shown_with_its_line_a_caret_and_a_hint(void **state)
{
	(void)state;
	check_text("version: 1\nlog: {levl: info}\n",
	        "p.yaml:2:7: error: there is no key named levl here\n"
	        "     2 | log: {levl: info}\n"
	        "       |       ^\n"
	        "hint: did you mean level?\n");
}

static void the_other_place_is_shown_too(void **state)
{
	(void)state;
	check_text("version: 1\ntools: {a: {}, a: {}}\n",
	        "p.yaml:2:16: error: the key a stands twice in this map\n"
	        "     2 | tools: {a: {}, a: {}}\n"
	        "       |                ^\n"
	        "the other place is p.yaml:2:9\n"
	        "     2 | tools: {a: {}, a: {}}\n"
	        "       |         ^\n");
}

static void a_caret_counts_characters_not_bytes(void **state)
{
	(void)state;
	check_text("version: 1\nlog: {\"\xc3\xa4\xc3\xb6\": 1}\n",
	        "p.yaml:2:7: error: there is no key named \xc3\xa4\xc3\xb6 here\n"
	        "     2 | log: {\"\xc3\xa4\xc3\xb6\": 1}\n"
	        "       |       ^\n");
}

static void mistakes_come_in_the_order_of_their_places(void **state)
{
	struct yaml_source first = {
	        .name = SLICE_INIT("a"), .text = SLICE_INIT("1\n2\n"), .index = 0};
	struct yaml_source second = {
	        .name = SLICE_INIT("b"), .text = SLICE_INIT("1\n"), .index = 1};
	struct buf out = BUF_INIT(4096);
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d);
	diagnostics_error(&d, (struct place){&second, 1, 1}, "third");
	diagnostics_warning(&d, (struct place){&first, 2, 1}, "second");
	diagnostics_error(&d, (struct place){&first, 1, 1}, "first");
	diagnostics_error(&d, (struct place){&first, 1, 1}, "first"); /* once is enough */
	assert_true(d.errors == 2 && d.warnings == 1 && diagnostics_failed(&d));
	assert_string_equal(print(&d, false, &out),
	        "a:1:1: error: first\n     1 | 1\n       | ^\n"
	        "a:2:1: warning: second\n     2 | 2\n       | ^\n"
	        "b:1:1: error: third\n     1 | 1\n       | ^\n");
	buf_finish(&out);
	diagnostics_finish(&d);
}

static void colour_is_only_there_when_asked_for(void **state)
{
	struct buf plain = BUF_INIT(1 << 16), coloured = BUF_INIT(1 << 16);
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d);
	conf_free(conf_load_text("p.yaml", SLICE("version: 2\n"), &d));
	assert_null(strchr(print(&d, false, &plain), '\033'));
	assert_non_null(strchr(print(&d, true, &coloured), '\033'));
	buf_finish(&plain);
	buf_finish(&coloured);
	diagnostics_finish(&d);
}

static void programs_get_json(void **state)
{
	static const char *const inactive[] = {"no budgets"};
	struct buf out = BUF_INIT(1 << 16);
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d);
	conf_free(conf_load_text(
	        "p.yaml", SLICE("version: 1\ntools: {a: {}, a: {}}\nlog: {levl: 1}\n"), &d));
	assert_int_equal(diagnostics_print_json(&d, inactive, 1, &out), 0);
	assert_slice(buf_slice(&out),
	        "{\"ok\":false,\"errors\":2,\"warnings\":0,\"diagnostics\":["
	        "{\"severity\":\"error\",\"file\":\"p.yaml\",\"line\":2,\"column\":16,"
	        "\"message\":\"the key a stands twice in this map\","
	        "\"also\":{\"file\":\"p.yaml\",\"line\":2,\"column\":9}},"
	        "{\"severity\":\"error\",\"file\":\"p.yaml\",\"line\":3,\"column\":7,"
	        "\"message\":\"there is no key named levl here\",\"hint\":\"did you mean "
	        "level?\"}],"
	        "\"inactive\":[\"no budgets\"]}");
	buf_finish(&out);
	diagnostics_finish(&d);
}

/* Whether anything of the word comes out, whatever else is wrong on its line. */
static void check_absent(const char *policy, const char *word)
{
	struct buf out = BUF_INIT(1 << 20);
	struct diagnostics d;

	diagnostics_init(&d);
	assert_null(conf_load_text("p.yaml", slice_str(policy), &d));
	assert_null(strstr(print(&d, false, &out), word));
	buf_clear(&out);
	assert_int_equal(diagnostics_print_json(&d, NULL, 0, &out), 0);
	assert_null(memmem(buf_at(&out), buf_len(&out), word, strlen(word)));
	buf_finish(&out);
	diagnostics_finish(&d);
}

static void a_secret_that_was_written_down_is_never_shown(void **state)
{
	(void)state;
	check_absent("version: 1\nupstreams: {openai: {credential: {api_key: hunter2hunter2}}}\n",
	        "hunter2");
	check_absent("version: 1\nupstreams: {openai: {zzz: 1, credential: {api_key: hunter2}, "
	             "proxi: 2}}\n",
	        "hunter2");
	check_absent("version: 1\nupstreams: {openai: {credential: {header: a, value: hunter2}}}\n",
	        "hunter2");
	check_absent(
	        "version: 1\nagents: {a: {identity: [{api_key: hunter2}], zzz: 1}}\n", "hunter2");
	check_absent("version: 1\ndeployment_key: hunter2\n", "hunter2");
	check_absent("version: 1\nstore: {password: hunter2}\n", "hunter2");
	check_absent(
	        "version: 1\nupstreams: {openai: {url: \"https://me:hunter2@a\"}}\n", "hunter2");
	/* The file cannot be read, so that nobody knows what is a secret: what looks like one is
	 * starred. */
	check_absent("version: 1\nupstreams: {openai: {credential: {api_key: "
	             "sk-hunter2hunter2hunter2}\n",
	        "hunter2");
	check_absent("version: 1\nx: {api_key: hunter2hunter2hunter2: }}\n", "hunter2");
}

static void what_a_terminal_would_obey_is_made_visible(void **state)
{
	(void)state;
	check_text("version: 1\nlog: {\"\xe2\x80\xae"
	           "a\": 1}\n",
	        "p.yaml:2:7: error: there is no key named \\xe2\\x80\\xae"
	        "a here\n"
	        "     2 | log: {\"\\xe2\\x80\\xae"
	        "a\": 1}\n"
	        "       |       ^\n");
}

static void more_than_fit_are_counted(void **state)
{
	struct yaml_source source = {.name = SLICE_INIT("a"), .text = SLICE_INIT("x")};
	struct buf out = BUF_INIT(1 << 20);
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d);
	for (unsigned i = 0; i < DIAGNOSTICS_MAX + 7; i++) {
		diagnostics_error(&d, (struct place){&source, 1, 1}, "mistake %u", i);
		diagnostics_hint(&d, "hint %u", i);
	}
	assert_int_equal(d.n, DIAGNOSTICS_MAX);
	assert_int_equal(d.errors, DIAGNOSTICS_MAX + 7);
	assert_non_null(strstr(print(&d, false, &out), "and 7 more\n"));
	buf_finish(&out);
	diagnostics_finish(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_mistake_is_shown_with_its_line_a_caret_and_a_hint),
	        cmocka_unit_test(the_other_place_is_shown_too),
	        cmocka_unit_test(a_caret_counts_characters_not_bytes),
	        cmocka_unit_test(mistakes_come_in_the_order_of_their_places),
	        cmocka_unit_test(colour_is_only_there_when_asked_for),
	        cmocka_unit_test(programs_get_json),
	        cmocka_unit_test(a_secret_that_was_written_down_is_never_shown),
	        cmocka_unit_test(what_a_terminal_would_obey_is_made_visible),
	        cmocka_unit_test(more_than_fit_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
