/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/chars. */
#include "rig/unit.h"
#include <stdlib.h>
#include "http/chars.h"

static void a_scan_counts_at_every_length_and_place(void **state)
{
	char block[600];

	(void)state;
	for (size_t len = 0; len < 70; len++) {
		for (size_t at = 0; at < len; at++) {
			memset(block, 'x', sizeof(block));
			block[at] = '\n';
			assert_int_equal(chars_scan(slice_from(block, len)).lf, 1);
			block[at] = '\r';
			assert_int_equal(chars_scan(slice_from(block, len)).cr, 1);
			assert_false(chars_scan(slice_from(block, len)).control);
			block[at] = '\0';
			assert_true(chars_scan(slice_from(block, len)).control);
			block[at] = 0x7f;
			assert_true(chars_scan(slice_from(block, len)).control);
			block[at] = '\t';
			assert_false(chars_scan(slice_from(block, len)).control);
			block[at] = (char)0x80;
			assert_true(chars_scan(slice_from(block, len)).high);
			assert_false(chars_scan(slice_from(block, len)).control);
			block[at] = '~';
			assert_false(chars_scan(slice_from(block, len)).high);
		}
	}
}

static void a_scan_of_many_line_ends_does_not_wrap(void **state)
{
	static char block[100000];
	struct chars_scan scan;

	(void)state;
	memset(block, '\n', sizeof(block));
	scan = chars_scan(slice_from(block, sizeof(block)));
	assert_int_equal(scan.lf, sizeof(block));
	assert_false(scan.control);
	memset(block, 1, sizeof(block));
	assert_true(chars_scan(slice_from(block, sizeof(block))).control);
}

static struct chars_scan scan_slowly(struct slice s)
{
	struct chars_scan scan = {0};

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.at[i];

		scan.cr += c == '\r';
		scan.lf += c == '\n';
		scan.high |= c >= 0x80;
		scan.control |= c == 0x7f || (c < ' ' && c != '\t' && c != '\r' && c != '\n');
	}
	return scan;
}

static void a_scan_sees_what_a_look_at_each_byte_sees(void **state)
{
	static const char some[] = "aaaa aaaa:\t\r\n\r\n~\x80\xff\x7f\x1f";
	char block[9000];

	(void)state;
	srand(7);
	for (unsigned round = 0; round < 4000; round++) {
		size_t len = (size_t)rand() % (round % 50 ? 100 : sizeof(block));
		unsigned kinds = 10 + (unsigned)rand() % (sizeof(some) - 11);
		struct slice s = slice_from(block, len);
		struct chars_scan due, scan;

		for (size_t i = 0; i < len; i++)
			block[i] = some[(unsigned)rand() % kinds];
		due = scan_slowly(s);
		scan = chars_scan(s);
		assert_int_equal(scan.cr, due.cr);
		assert_int_equal(scan.lf, due.lf);
		assert_int_equal(scan.high, due.high);
		assert_int_equal(scan.control, due.control);
	}
}

static void every_byte_is_of_its_kind_in_a_scan(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char text[40];
		struct chars_scan due, scan;

		memset(text, 'x', sizeof(text));
		text[byte % sizeof(text)] = (char)byte;
		due = scan_slowly(slice_from(text, sizeof(text)));
		scan = chars_scan(slice_from(text, sizeof(text)));
		assert_int_equal(scan.cr + scan.lf, due.cr + due.lf);
		assert_int_equal(scan.control, due.control);
		assert_int_equal(scan.high, due.high);
	}
}

/* At every place of texts of many lengths one byte more than the line ends that are known. */
static void a_byte_beside_the_known_lines_is_seen(void **state)
{
	static const unsigned char bytes[] = {
	        '\r', '\n', 0, 1, 0x1f, 0x7f, '\t', ' ', '~', 0x80, 0xff};
	static char text[9000];

	(void)state;
	for (size_t len = 4; len < sizeof(text); len += len < 70 ? 1 : 1489) {
		memset(text, 'x', len);
		memcpy(text + len - 2, "\r\n", 2);
		memcpy(text + len / 2 - 2, "\r\n", 2);
		for (size_t at = 0; at < len; at++) {
			char was = text[at];

			if (was != 'x')
				continue;
			for (unsigned i = 0; i < sizeof(bytes); i++) {
				text[at] = (char)bytes[i];
				assert_int_equal(chars_are_lines(slice_from(text, len), 2), i >= 6);
			}
			text[at] = was;
		}
	}
	/* Tabs and bytes over 0x7f make no room for a line end. */
	assert_true(chars_are_lines(SLICE("a\t\x80\xff\r\n"), 1));
	assert_false(chars_are_lines(SLICE("a\t\x80\xff\r\n\n"), 1));
	assert_false(chars_are_lines(SLICE("a\t\t\r\r\n"), 1));
	assert_true(chars_are_lines(SLICE(""), 0));
	memset(text, '\n', sizeof(text));
	assert_false(chars_are_lines(slice_from(text, sizeof(text)), 1));
}

static void the_quick_look_at_names_agrees_with_the_table(void **state)
{
	char name[40];

	(void)state;
	for (size_t len = 0; len <= sizeof(name); len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				memset(name, 'x', sizeof(name));
				name[at] = (char)byte;
				assert_int_equal(chars_are_name(slice_from(name, len)),
				        char_is((char)byte, CHAR_NAME));
			}
		}
	}
	assert_true(chars_are_name(slice_from("", 0)));
}

static void classes_are_those_of_the_standards(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char c = (char)byte;
		bool alnum = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
		             (byte >= 'A' && byte <= 'Z');
		bool token = alnum || (byte && strchr("!#$%&'*+-.^_`|~", (int)byte));
		bool plain = alnum || (byte && strchr("-._~", (int)byte));
		bool path = plain || (byte && strchr("!$&'()*+,=:@", (int)byte));

		assert_int_equal(char_is(c, CHAR_TOKEN), token);
		assert_int_equal(char_is(c, CHAR_PLAIN), plain);
		assert_int_equal(char_is(c, CHAR_PATH), path);
		assert_int_equal(char_is(c, CHAR_NAME), alnum || byte == '-');
		assert_int_equal(
		        char_is(c, CHAR_HOST), alnum || (byte && strchr("-._", (int)byte)));
		assert_int_equal(char_is(c, CHAR_TARGET), byte > 0x20 && byte < 0x7f);
		assert_int_equal(char_hex(c) >= 0, (byte >= '0' && byte <= '9') ||
		                                           (byte >= 'a' && byte <= 'f') ||
		                                           (byte >= 'A' && byte <= 'F'));
	}
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(char_hex("0123456789abcdef"[i]), i);
		assert_int_equal(char_hex("0123456789ABCDEF"[i]), i);
	}
	assert_int_equal(char_hex('0'), 0);
	assert_int_equal(char_hex('f'), 15);
	assert_int_equal(char_hex('A'), 10);
	assert_int_equal(char_hex('g'), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_scan_counts_at_every_length_and_place),
	        cmocka_unit_test(a_scan_of_many_line_ends_does_not_wrap),
	        cmocka_unit_test(a_scan_sees_what_a_look_at_each_byte_sees),
	        cmocka_unit_test(every_byte_is_of_its_kind_in_a_scan),
	        cmocka_unit_test(a_byte_beside_the_known_lines_is_seen),
	        cmocka_unit_test(the_quick_look_at_names_agrees_with_the_table),
	        cmocka_unit_test(classes_are_those_of_the_standards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
