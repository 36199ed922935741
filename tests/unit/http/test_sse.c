/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/sse. */
#include "rig/unit.h"
#include <stdio.h>
#include "base/mem.h"
#include "http/sse.h"
#include "rig/splits.h"
#include "rig/starve.h"

/* Events as text: name|data; ~ stands for none, and for an event without data nothing is written.
 */
struct seen {
	const char *due;
	struct slice all;
	struct buf bytes, text;
};

static void see(struct seen *s, const struct sse_event *e)
{
	assert_int_equal(buf_put_slice(&s->bytes, e->bytes), 0);
	assert_true(e->bytes.len > 0);
	if (!e->data.at && !e->name.at)
		return;
	assert_int_equal(buf_put_slice(&s->text, e->name.at ? e->name : SLICE("~")), 0);
	assert_int_equal(buf_put_char(&s->text, '|'), 0);
	assert_int_equal(buf_put_slice(&s->text, e->data.at ? e->data : SLICE("~")), 0);
	assert_int_equal(buf_put_str(&s->text, e->cut ? "!;" : ";"), 0);
}

static void run(void *arg, const struct slice *pieces, unsigned n)
{
	struct seen *seen = arg;
	struct sse_event e;
	struct sse s;
	int r;

	buf_init(&seen->bytes, 1 << 20);
	buf_init(&seen->text, 1 << 20);
	sse_init(&s, SSE_EVENT_MAX);
	for (unsigned i = 0; i < n; i++) {
		sse_feed(&s, pieces[i]);
		while ((r = sse_next(&s, &e)) > 0)
			see(seen, &e);
		assert_int_equal(r, 0);
	}
	r = sse_end(&s, &e);
	if (r)
		see(seen, &e);
	assert_int_equal(sse_end(&s, &e), 0);
	assert_true(slice_equals(buf_slice(&seen->bytes), seen->all));
	if (!slice_is(buf_slice(&seen->text), seen->due))
		fail_msg("'%.*s' gave '%.*s', not '%s'", SLICE_FMT(seen->all),
		        SLICE_FMT(buf_slice(&seen->text)), seen->due);
	sse_finish(&s);
	buf_finish(&seen->bytes);
	buf_finish(&seen->text);
}

static void assert_events(const char *text, const char *due)
{
	struct seen seen = {.due = due, .all = slice_str(text)};

	splits_each(seen.all, run, &seen);
}

static void events_come_out_however_they_are_cut(void **state)
{
	(void)state;
	assert_events("data: a\n\n", "~|a;");
	assert_events("data: a\n\ndata: b\n\n", "~|a;~|b;");
	assert_events("event: x\ndata: a\n\n", "x|a;");
	assert_events("data:a\nevent:x\nid: 3\nretry: 5\nodd: y\n\n", "x|a;");
	assert_events("data\n\n", "~|;");
	assert_events("data:\n\n", "~|;");
	assert_events("data:  a \n\n", "~| a ;");
	assert_events("data: a: b\n\n", "~|a: b;");
	assert_events("data: [DONE]\n\n", "~|[DONE];");
}

static void every_line_end_will_do(void **state)
{
	(void)state;
	assert_events("data: a\r\n\r\ndata: b\r\n\r\n", "~|a;~|b;");
	assert_events("data: a\r\rdata: b\r\r", "~|a;~|b;");
	assert_events("data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\n\r", "~|a;~|b;~|c;~|d;");
	assert_events("data: a\r\ndata: b\rdata: c\ndata: d\r\n\r\n", "~|a\nb\nc\nd;");
}

static void data_lines_are_joined(void **state)
{
	(void)state;
	assert_events("data: a\ndata: b\n\n", "~|a\nb;");
	assert_events("data\ndata\ndata: c\n\n", "~|\n\nc;");
	assert_events("data: {\"a\":\nevent: x\n: c\ndata: 1}\n\n", "x|{\"a\":\n1};");
}

static void comments_and_empty_lines_pass_without_data(void **state)
{
	(void)state;
	assert_events(": ping\n\n", "");
	assert_events("\n\n\r\n\r\r\n\n", "");
	assert_events("\n\ndata: a\n\n\n\n: b\n\ndata: c\r\n\r\n\r\n", "~|a;~|c;");
	assert_events("event: x\n\ndata: a\n\n", "x|~;~|a;");
	assert_events("dat: a\n\ndatas: b\n\nData: c\n\n data: d\n\n", "");
}

static void a_byte_order_mark_is_passed_over_once(void **state)
{
	(void)state;
	assert_events("\xef\xbb\xbf"
	              "data: a\n\n",
	        "~|a;");
	assert_events("\xef\xbb\xbf\n\xef\xbb\xbf"
	              "data: a\n\n",
	        "");
	assert_events("data: a\n\n\xef\xbb\xbf"
	              "data: b\n\n",
	        "~|a;");
	assert_events("\xef\xbb\xbf", "");
	assert_events("\xef\xbb", "");
}

static void what_stands_at_the_end_is_given_too(void **state)
{
	(void)state;
	assert_events("data: a\n\ndata: b", "~|a;~|b!;");
	assert_events("data: b\n", "~|b!;");
	assert_events("data: b\r", "~|b!;");
	assert_events("data: b\r\n", "~|b!;");
	assert_events("data: b\r\n\r", "~|b;");
	assert_events("data: a\ndata: b", "~|a\nb!;");
	assert_events("dat", "");
	assert_events("", "");
}

static void a_whole_event_is_not_copied(void **state)
{
	const char text[] = "event: x\ndata: a\n\ndata: b\n\ndata: c";
	struct sse_event e;
	struct sse s;

	(void)state;
	sse_init(&s, 100);
	mem_fail_after(0);
	sse_feed(&s, slice_from(text, 27));
	assert_int_equal(sse_next(&s, &e), 1);
	assert_ptr_equal(e.bytes.at, text);
	assert_ptr_equal(e.name.at, text + 7);
	assert_ptr_equal(e.data.at, text + 15);
	assert_int_equal(sse_next(&s, &e), 1);
	assert_ptr_equal(e.data.at, text + 24);
	assert_int_equal(sse_next(&s, &e), 0);
	mem_fail_after(-1);
	sse_finish(&s);
}

static void an_event_over_the_ceiling_is_an_error_that_stays(void **state)
{
	struct sse_event e;
	struct sse s;

	(void)state;
	for (unsigned cut = 0; cut < 2; cut++) {
		sse_init(&s, 16);
		sse_feed(&s, SLICE("data: 12345678\n\n"));
		assert_int_equal(sse_next(&s, &e), 1);
		assert_int_equal(sse_next(&s, &e), 0);
		sse_feed(&s, cut ? SLICE("data: 123456789\n") : SLICE("data: 123456789\n\n"));
		if (cut) {
			assert_int_equal(sse_next(&s, &e), 0);
			sse_feed(&s, SLICE("\n"));
		}
		assert_int_equal(sse_next(&s, &e), -EMSGSIZE);
		assert_int_equal(sse_next(&s, &e), -EMSGSIZE);
		assert_int_equal(sse_end(&s, &e), -EMSGSIZE);
		sse_finish(&s);
	}
	sse_init(&s, 1000);
	sse_feed(&s, SLICE("data: a"));
	assert_int_equal(sse_next(&s, &e), 0);
	for (unsigned i = 0; i < 993; i++) {
		sse_feed(&s, SLICE("x"));
		assert_int_equal(sse_next(&s, &e), 0);
	}
	sse_feed(&s, SLICE("x"));
	assert_int_equal(sse_next(&s, &e), -EMSGSIZE);
	sse_finish(&s);
}

static int split_events(void *arg)
{
	static const char *const pieces[] = {"data: a\nda", "ta: b\n", "\ndata: c\ndata: d\n\nda"};
	struct sse_event e;
	struct sse s;
	int r = 0;

	(void)arg;
	sse_init(&s, SSE_EVENT_MAX);
	for (unsigned i = 0; i < 3 && r >= 0; i++) {
		sse_feed(&s, slice_str(pieces[i]));
		while ((r = sse_next(&s, &e)) > 0)
			;
	}
	sse_finish(&s);
	return r;
}

static void want_of_memory_is_reported(void **state)
{
	(void)state;
	assert_true(starve(split_events, NULL) > 1);
}

static void lines_that_are_no_fields_are_told(void **state)
{
	static const struct {
		const char *text;
		bool odd;
	} cases[] = {
	        {"data: a\n\n", false},
	        {"data\n\n", false},
	        {": data: a\n\n", false},
	        {"id: 1\nretry: 2\nevent: x\ndata: a\n\n", false},
	        {"id\nretry\nevent\n\n", false},
	        {"\xef\xbb\xbf"
	         "data: a\n\n",
	                false},
	        {" data: a\n\n", true},
	        {"Data: a\n\n", true},
	        {"data : a\n\n", true},
	        {"{\"a\":1}\n\n", true},
	        {"x\n\n", true},
	        {"data: a\r\n data: b\r\n\r\n", true},
	        {"retr: 1\ndata: a\n\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice text = slice_str(cases[i].text);

		for (size_t at = 0; at < text.len; at++) {
			struct sse_event e;
			bool odd = false;
			struct sse s;

			sse_init(&s, 1 << 10);
			sse_feed(&s, slice_from(text.at, at));
			while (sse_next(&s, &e) > 0)
				odd = odd || e.odd;
			sse_feed(&s, slice_skip(text, at));
			while (sse_next(&s, &e) > 0)
				odd = odd || e.odd;
			while (sse_end(&s, &e) > 0)
				odd = odd || e.odd;
			assert_int_equal(odd, cases[i].odd);
			sse_finish(&s);
		}
	}
}

static void known_events_may_be_skipped_only_between_two(void **state)
{
	struct sse_event e;
	struct sse s;

	(void)state;
	sse_init(&s, 1 << 10);
	sse_feed(&s, SLICE("data:1\n\ndata:2\n\ndata:3\n\ndata:"));
	assert_int_equal(sse_rest(&s).len, 0); /* the first one may begin with a mark */
	assert_int_equal(sse_next(&s, &e), 1);
	assert_int_equal(sse_rest(&s).len, 21);
	sse_skip(&s, 8);
	assert_int_equal(sse_next(&s, &e), 1);
	assert_memory_equal(e.data.at, "3", 1);
	assert_int_equal(sse_next(&s, &e), 0);
	sse_feed(&s, SLICE("4\n\ndata:5\r\r"));
	assert_int_equal(sse_rest(&s).len, 0); /* in the middle of one */
	assert_int_equal(sse_next(&s, &e), 1);
	assert_memory_equal(e.data.at, "4", 1);
	assert_int_equal(sse_rest(&s).len, 8);
	assert_int_equal(sse_next(&s, &e), 1);
	assert_int_equal(sse_next(&s, &e), 0);
	sse_feed(&s, SLICE("\ndata:6\n\n"));
	assert_int_equal(sse_rest(&s).len, 0); /* that LF may still be the last one's */
	assert_int_equal(sse_next(&s, &e), 1);
	assert_int_equal(sse_rest(&s).len, 8);
	sse_skip(&s, 8);
	assert_int_equal(sse_next(&s, &e), 0);
	assert_int_equal(sse_end(&s, &e), 0);
	sse_finish(&s);
}

/* 2 MB of each would take minutes if anything were looked at twice. */
static void floods_take_linear_time(void **state)
{
	static const char *const units[] = {
	        "\n", "\r", "\r\n", ":\n\n", ":\r\r", "data:x\n", "data:x\r"};
	char *block = mem_alloc(1 << 16);

	(void)state;
	assert_non_null(block);
	for (unsigned u = 0; u < sizeof(units) / sizeof(*units); u++) {
		size_t len = 0, unit = strlen(units[u]);
		struct sse_event e;
		struct sse s;
		int r = 0;

		for (; len + unit <= 1 << 16; len += unit)
			memcpy(block + len, units[u], unit);
		sse_init(&s, 4 << 20);
		for (unsigned i = 0; i < 32; i++) {
			sse_feed(&s, slice_from(block, len));
			while ((r = sse_next(&s, &e)) > 0)
				;
			assert_int_equal(r, 0);
		}
		sse_finish(&s);
	}
	mem_free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(events_come_out_however_they_are_cut),
	        cmocka_unit_test(every_line_end_will_do),
	        cmocka_unit_test(data_lines_are_joined),
	        cmocka_unit_test(comments_and_empty_lines_pass_without_data),
	        cmocka_unit_test(a_byte_order_mark_is_passed_over_once),
	        cmocka_unit_test(what_stands_at_the_end_is_given_too),
	        cmocka_unit_test(a_whole_event_is_not_copied),
	        cmocka_unit_test(an_event_over_the_ceiling_is_an_error_that_stays),
	        cmocka_unit_test(lines_that_are_no_fields_are_told),
	        cmocka_unit_test(known_events_may_be_skipped_only_between_two),
	        cmocka_unit_test(want_of_memory_is_reported),
	        cmocka_unit_test(floods_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
