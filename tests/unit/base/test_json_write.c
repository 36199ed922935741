/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/json_write, base/json_escape and base/utf8. */
#include "rig/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json_write.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "rig/starve.h"

static void commas_stand_between_values_only(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct json_writer w;

	(void)state;
	json_begin(&w, &b);
	json_open(&w, '{');
	json_put_str(&w, "a", "x");
	json_put_str(&w, "b", NULL);
	json_key(&w, "c");
	json_open(&w, '[');
	json_u64(&w, 1);
	json_open(&w, '[');
	json_close(&w, ']');
	json_open(&w, '{');
	json_close(&w, '}');
	json_i64(&w, INT64_MIN);
	json_null(&w);
	json_close(&w, ']');
	json_put_bool(&w, "d", true);
	json_put_money(&w, "e", 4500000);
	json_key_slice(&w, SLICE("f\""));
	json_raw(&w, SLICE("{\"g\": 1}"));
	json_put_u64(&w, "h", 2);
	json_put_slice(&w, "i", SLICE(""));
	json_put_bool(&w, "j", false);
	json_key(&w, "k");
	json_i64(&w, -5);
	json_close(&w, '}');
	assert_int_equal(json_end(&w), 0);
	assert_slice(buf_slice(&b),
	        "{\"a\":\"x\",\"b\":null,\"c\":[1,[],{},-9223372036854775808,null],\"d\":true,"
	        "\"e\":0.0045,\"f\\\"\":{\"g\": 1},\"h\":2,\"i\":\"\",\"j\":false,\"k\":-5}");
	buf_finish(&b);
}

static void check_escape(struct slice s, const char *want)
{
	struct buf b = BUF_INIT(1 << 20);

	assert_int_equal(json_escape(&b, s), 0);
	assert_int_equal(buf_len(&b), strlen(want));
	assert_memory_equal(buf_slice(&b).at, want, strlen(want));
	buf_finish(&b);
}

static void what_json_forbids_is_escaped(void **state)
{
	(void)state;
	check_escape(SLICE("a\"b\\c/d"), "a\\\"b\\\\c/d");
	check_escape(SLICE("\b\f\n\r\t"), "\\b\\f\\n\\r\\t");
	check_escape(SLICE("\0\x01\x1b\x1f\x7f"), "\\u0000\\u0001\\u001b\\u001f\\u007f");
	check_escape(SLICE(""), "");
	check_escape((struct slice){NULL, 0}, "");
}

static void hidden_characters_are_made_visible(void **state)
{
	(void)state;
	check_escape(SLICE("\xc2\x80\xc2\x9f\xc2\xa0"), "\\u0080\\u009f\xc2\xa0");
	check_escape(SLICE("\xe2\x80\xaa\xe2\x80\xae"), "\\u202a\\u202e");
	check_escape(SLICE("\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"), "\\u2066\\u2069\xe2\x81\xaa");
	check_escape(SLICE("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"), "\\u200e\\u200f\\u061c");
	check_escape(SLICE("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
}

static void other_text_stays_as_it_is(void **state)
{
	(void)state;
	check_escape(SLICE("Gr\xc3\xbc\xc3\x9f"
	                   "e \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf"),
	        "Gr\xc3\xbc\xc3\x9f"
	        "e \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
}

#define R "\xef\xbf\xbd"

/* The examples of the Unicode standard, 3.9, tables 3-8 to 3-11. */
static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
	(void)state;
	check_escape(SLICE("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"), R R R R R R R R "A");
	check_escape(SLICE("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"), R R R R R R R R "A");
	check_escape(SLICE("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"), R R R R R "A" R R "B");
	check_escape(SLICE("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), R R R R "A");
	check_escape(SLICE("a\xe2\x82"), "a" R);
	check_escape(SLICE("\xf0\x9f\x98"), R);
	check_escape(SLICE("\xe2\x82\""), R "\\\"");
}

/* A special byte at each place of a run of each length, as the run is looked at in blocks. */
static void a_special_byte_is_found_wherever_it_stands(void **state)
{
	char text[70], want[80];

	(void)state;
	for (size_t len = 1; len < sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			char *exact;

			memset(text, '~', len);
			text[at] = '"';
			snprintf(want, sizeof(want), "%.*s\\\"%.*s", (int)at, text,
			        (int)(len - at - 1), text + at + 1);
			exact = mem_alloc(len);
			memcpy(exact, text, len);
			check_escape(slice_from(exact, len), want);
			mem_free(exact);
		}
	}
}

static void every_byte_is_plain_or_escaped_in_a_block_as_alone(void **state)
{
	struct buf alone = BUF_INIT(100), among = BUF_INIT(100);

	(void)state;
	for (int c = 0; c < 0x80; c++) {
		char byte = (char)c, text[17];

		memset(text, 'x', sizeof(text));
		text[0] = byte;
		buf_clear(&alone);
		buf_clear(&among);
		json_escape(&alone, slice_from(&byte, 1));
		json_escape(&among, slice_from(text, sizeof(text)));
		assert_int_equal(buf_len(&among), buf_len(&alone) + 16);
		assert_memory_equal(buf_at(&among), buf_at(&alone), buf_len(&alone));
	}
	buf_finish(&alone);
	buf_finish(&among);
}

/* Of all four-byte inputs a sample: what comes out is UTF-8 without a bare quote, backslash or
 * control. */
static void what_comes_out_is_always_a_json_string(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	srandom(1);
	for (int i = 0; i < 300000; i++) {
		uint32_t bytes =
		        (uint32_t)random() | (uint32_t)random() << 7 | (i & 1 ? 0x808080f0 : 0);
		const char *at, *end;

		buf_clear(&b);
		assert_int_equal(json_escape(&b, slice_from(&bytes, sizeof(bytes))), 0);
		for (at = buf_at(&b), end = buf_tail(&b); at < end;) {
			struct utf8 c = utf8_next(at, end);

			assert_true(c.valid);
			assert_true(c.point >= 0x20 && c.point != '"');
			if (c.point == '\\')
				at += at[1] == 'u' ? 6 : 2;
			else
				at += c.len;
		}
		assert_ptr_equal(at, end);
	}
	buf_finish(&b);
}

static void an_escape_that_does_not_fit_leaves_nothing_behind(void **state)
{
	(void)state;
	for (size_t max = 0; max < 12; max++) {
		struct buf b = BUF_INIT(max);

		assert_int_equal(json_escape(&b, SLICE("abc\ndef\x01")), -ENOBUFS);
		assert_int_equal(buf_len(&b), 0);
		buf_finish(&b);
	}
}

static void the_first_error_sticks(void **state)
{
	struct buf b = BUF_INIT(10);
	struct json_writer w;

	(void)state;
	json_begin(&w, &b);
	json_open(&w, '[');
	json_string(&w, SLICE("too long by far"));
	json_u64(&w, 1);
	json_money(&w, 1);
	json_i64(&w, -1);
	json_bool(&w, true);
	json_key(&w, "k");
	json_key_slice(&w, SLICE("k"));
	json_put_str(&w, "k", "v");
	json_close(&w, ']');
	assert_int_equal(json_end(&w), -ENOBUFS);
	assert_slice(buf_slice(&b), "[");
	buf_finish(&b);
}

static int write_much(void *arg)
{
	struct buf b = BUF_INIT(1 << 16);
	struct json_writer w;
	int r;

	(void)arg;
	json_begin(&w, &b);
	json_open(&w, '[');
	for (unsigned i = 0; i < 200; i++) {
		json_string(&w, SLICE("some text\nwith an escape"));
		json_u64(&w, i);
	}
	json_close(&w, ']');
	r = json_end(&w);
	buf_finish(&b);
	return r;
}

static void starved_it_reports_it_at_the_end(void **state)
{
	(void)state;
	starve(write_much, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(commas_stand_between_values_only),
	        cmocka_unit_test(what_json_forbids_is_escaped),
	        cmocka_unit_test(hidden_characters_are_made_visible),
	        cmocka_unit_test(other_text_stays_as_it_is),
	        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
	        cmocka_unit_test(a_special_byte_is_found_wherever_it_stands),
	        cmocka_unit_test(every_byte_is_plain_or_escaped_in_a_block_as_alone),
	        cmocka_unit_test(what_comes_out_is_always_a_json_string),
	        cmocka_unit_test(an_escape_that_does_not_fit_leaves_nothing_behind),
	        cmocka_unit_test(the_first_error_sticks),
	        cmocka_unit_test(starved_it_reports_it_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
