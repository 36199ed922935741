/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/plain and of utf8_len: the quick ways agree with a look at each byte. */
#include "rig/unit.h"
#include <stdlib.h>
#include "base/plain.h"
#include "base/utf8.h"

/* Text of len bytes in memory of its own, so that a read past the end is seen. */
static char *text_of(size_t len, char fill)
{
	char *text = malloc(len ? len : 1);

	assert_non_null(text);
	memset(text, fill, len);
	return text;
}

static void the_first_byte_that_is_not_plain_is_found_wherever_it_stands(void **state)
{
	(void)state;
	for (size_t len = 0; len < 40; len++) {
		char *text = text_of(len, 'x');

		assert_ptr_equal(plain_skip(text, text + len), text + len);
		assert_true(bytes_are_plain(slice_from(text, len)));
		for (size_t at = 0; at < len; at++) {
			for (unsigned c = 0; c < 256; c++) {
				bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

				text[at] = (char)c;
				assert_int_equal(byte_is_plain((unsigned char)c), plain);
				assert_ptr_equal(plain_skip(text, text + len),
				        plain ? text + len : text + at);
				assert_int_equal(bytes_are_plain(slice_from(text, len)), plain);
			}
			text[at] = 'x';
		}
		free(text);
	}
}

static void a_capital_letter_or_a_byte_beyond_ascii_is_seen_wherever_it_stands(void **state)
{
	(void)state;
	for (size_t len = 1; len < 40; len++) {
		char *text = text_of(len, '_');

		for (size_t at = 0; at < len; at++) {
			for (unsigned c = 0; c < 256; c++) {
				bool small = c < 128 && !(c >= 'A' && c <= 'Z');

				text[at] = (char)c;
				assert_int_equal(bytes_are_small(slice_from(text, len)), small);
			}
			text[at] = '_';
		}
		free(text);
	}
	assert_true(bytes_are_small(SLICE("")));
}

static byte_lanes lanes_without_x(byte_lanes v)
{
	return (byte_lanes)(v != 'x');
}

/* One to fifteen bytes are looked at as sixteen, and more with the last block over the one before.
 */
static void every_byte_is_put_to_the_test_and_no_other(void **state)
{
	(void)state;
	for (size_t len = 0; len < 70; len++) {
		char *text = text_of(len, 'x');

		assert_true(bytes_pass(slice_from(text, len), lanes_without_x));
		for (size_t at = 0; at < len; at++) {
			text[at] = 'y';
			assert_false(bytes_pass(slice_from(text, len), lanes_without_x));
			text[at] = 'x';
		}
		free(text);
	}
}

static void copies_of_every_length_are_whole(void **state)
{
	(void)state;
	for (size_t len = 0; len < 70; len++) {
		char *from = text_of(len, 'a'), *to = text_of(len, 'z');

		for (size_t i = 0; i < len; i++)
			from[i] = (char)i;
		bytes_copy(to, from, len);
		assert_memory_equal(from, to, len);
		free(from);
		free(to);
	}
}

/* Every two bytes, and every three and four that the first two let hope. */
static void a_character_is_as_long_as_the_decoder_says(void **state)
{
	static const unsigned char rest[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	char text[4];

	(void)state;
	for (unsigned first = 0; first < 65536; first++) {
		text[0] = (char)(first >> 8);
		text[1] = (char)first;
		for (unsigned i = 0; i < sizeof(rest) * sizeof(rest); i++) {
			text[2] = (char)rest[i % sizeof(rest)];
			text[3] = (char)rest[i / sizeof(rest)];
			for (size_t len = 1; len <= 4; len++) {
				struct utf8 u = utf8_next(text, text + len);

				assert_int_equal(utf8_len(text, text + len), u.valid ? u.len : 0);
			}
		}
	}
}

static void a_text_is_cut_between_characters(void **state)
{
	const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"; /* one of each length */
	static const size_t lengths[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
	(void)state;

	for (size_t max = 0; max < sizeof(lengths) / sizeof(*lengths); max++)
		assert_int_equal(utf8_cut(slice_str(text), max).len, lengths[max]);
	assert_int_equal(utf8_cut(SLICE("\x80\x80\x80"), 2).len, 0);
	assert_int_equal(utf8_cut(SLICE(""), 0).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_byte_that_is_not_plain_is_found_wherever_it_stands),
	        cmocka_unit_test(
	                a_capital_letter_or_a_byte_beyond_ascii_is_seen_wherever_it_stands),
	        cmocka_unit_test(every_byte_is_put_to_the_test_and_no_other),
	        cmocka_unit_test(copies_of_every_length_are_whole),
	        cmocka_unit_test(a_character_is_as_long_as_the_decoder_says),
	        cmocka_unit_test(a_text_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
