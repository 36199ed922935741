/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/slice. */
#include "rig/unit.h"
#include <stdlib.h>

static void names_are_equal_whatever_their_case(void **state)
{
	(void)state;
	assert_true(slice_equals_nocase(SLICE("Content-Type"), SLICE("cONTENT-tYPE")));
	assert_false(slice_equals_nocase(SLICE("a"), SLICE("ab")));
	/* [ and {, @ and ` differ by the bit that case does, but are no letters. */
	assert_false(slice_equals_nocase(SLICE("["), SLICE("{")));
	assert_false(slice_equals_nocase(SLICE("@"), SLICE("`")));
	assert_false(slice_equals_nocase(SLICE("\xc3"), SLICE("\xe3")));
	assert_true(slice_equals_nocase(SLICE(""), (struct slice){NULL, 0}));
}

/* Every two bytes, at every place of names of every length. */
static void case_is_a_matter_of_ascii_letters_only(void **state)
{
	char a[20], b[20];

	(void)state;
	for (unsigned two = 0; two < 65536; two++) {
		unsigned char x = (unsigned char)two, y = (unsigned char)(two >> 8);
		bool letters = (x | 0x20) >= 'a' && (x | 0x20) <= 'z' && x < 128;
		bool same = x == y || (letters && (x ^ y) == 0x20);
		size_t len = 1 + two % 19, at = two / 19 % len;

		memset(a, 'k', sizeof(a));
		memset(b, 'K', sizeof(b));
		a[at] = (char)x;
		b[at] = (char)y;
		assert_int_equal(slice_equals_nocase(slice_from(a, len), slice_from(b, len)), same);
	}
}

static void skipping_past_the_end_leaves_nothing(void **state)
{
	(void)state;
	assert_slice(slice_skip(SLICE("abc"), 1), "bc");
	assert_slice(slice_skip(SLICE("abc"), 3), "");
	assert_slice(slice_skip(SLICE("abc"), 9), "");
	assert_int_equal(slice_skip((struct slice){NULL, 0}, 4).len, 0);
}

static void starts_and_ends_are_compared_by_bytes(void **state)
{
	(void)state;
	assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
	assert_true(slice_starts(SLICE("abc"), SLICE("")));
	assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
	assert_true(slice_ends(SLICE("abc"), SLICE("bc")));
	assert_false(slice_ends(SLICE("abc"), SLICE("ab")));
	assert_true(slice_is(SLICE("abc"), "abc"));
	assert_true(slice_equals(slice_str(NULL), SLICE("")));
}

static void trimming_takes_blanks_and_tabs_only(void **state)
{
	(void)state;
	assert_slice(slice_trim(SLICE(" \t a b\t ")), "a b");
	assert_slice(slice_trim(SLICE(" \t ")), "");
	assert_slice(slice_trim(SLICE("")), "");
	assert_slice(slice_trim(SLICE("\r\n")), "\r\n");
}

static int to_u64(const char *text, uint64_t max, uint64_t *ret)
{
	return slice_to_u64(slice_str(text), max, ret);
}

static void numbers_are_digits_only(void **state)
{
	static const char *const bad[] = {
	        "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "a", "99999999999999999999999x"};
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(to_u64(bad[i], UINT64_MAX, &n), -EINVAL);
	assert_int_equal(n, 7);
	assert_int_equal(slice_to_u64(SLICE("1\0"), 100, &n), -EINVAL);
}

static void numbers_end_at_their_maximum(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(to_u64("18446744073709551616", UINT64_MAX, &n), -ERANGE);
	assert_int_equal(to_u64("99999999999999999999", UINT64_MAX, &n), -ERANGE);
	assert_int_equal(to_u64("65536", 65535, &n), -ERANGE);
	assert_int_equal(n, 7);
	assert_int_equal(to_u64("18446744073709551615", UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(to_u64("65535", 65535, &n), 0);
	assert_int_equal(n, 65535);
	assert_int_equal(to_u64("000", 0, &n), 0);
	assert_int_equal(n, 0);
}

static bool glob(const char *text, const char *pattern)
{
	return slice_matches_glob(slice_str(text), slice_str(pattern));
}

static void a_star_stands_for_any_run(void **state)
{
	(void)state;
	assert_true(glob("gpt-4o-mini", "gpt-4o*"));
	assert_true(glob("gpt-4o", "gpt-4o*"));
	assert_false(glob("gpt-4", "gpt-4o*"));
	assert_true(glob("", "*"));
	assert_true(glob("", ""));
	assert_false(glob("a", ""));
	assert_false(glob("", "a"));
	assert_true(glob("abcabd", "*abd"));
	assert_true(glob("aXbYc", "a*b*c"));
	assert_false(glob("aXbYcd", "a*b*c"));
	assert_true(glob("anything", "***"));
	assert_true(glob("mississippi", "m*iss*pi"));
	assert_false(glob("a.b", "a?b"));
	assert_false(glob("a", "[a]"));
	assert_true(glob("*", "*"));
	assert_false(glob("abc", "ABC"));
}

/* The definition itself: slow, and plainly right for short text. */
static bool glob_by_definition(struct slice s, struct slice pattern)
{
	if (!pattern.len)
		return !s.len;
	if (pattern.at[0] != '*')
		return s.len && s.at[0] == pattern.at[0] &&
		       glob_by_definition(slice_skip(s, 1), slice_skip(pattern, 1));
	for (size_t i = 0; i <= s.len; i++)
		if (glob_by_definition(slice_skip(s, i), slice_skip(pattern, 1)))
			return true;
	return false;
}

/* Text number n over an alphabet: bijective numeration, so each text of each length comes once. */
static struct slice nth_text(unsigned n, const char *alphabet, char ret[16])
{
	unsigned base = (unsigned)strlen(alphabet);
	size_t len = 0;

	for (; n; n = (n - 1) / base)
		ret[len++] = alphabet[(n - 1) % base];
	return slice_from(ret, len);
}

static void every_short_text_matches_as_the_definition_says(void **state)
{
	char text[16], pattern[16];

	(void)state;
	for (unsigned i = 0; i < 127; i++) {
		struct slice s = nth_text(i, "ab", text);

		for (unsigned k = 0; k < 1093; k++) {
			struct slice p = nth_text(k, "ab*", pattern);

			assert_int_equal(slice_matches_glob(s, p), glob_by_definition(s, p));
		}
	}
}

static void many_stars_do_not_make_it_slow(void **state)
{
	static char text[20000], pattern[64];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(pattern); i += 2)
		memcpy(pattern + i, "a*", 2);
	pattern[63] = 'b';
	assert_false(slice_matches_glob(slice_from(text, sizeof(text)), slice_from(pattern, 64)));
}

/* At every place of texts of every length around the size of a step, and never where one byte
 * differs. */
static void a_text_is_found_wherever_it_stands(void **state)
{
	char *text;
	static const char what[] = "abcabdab";

	(void)state;
	for (size_t len = 1; len <= 8; len++)
		for (size_t room = 0; room < 210; room += room < 140 ? 1 : 7) {
			struct slice s, needle = slice_from(what, len);
			text = malloc(room + 1); /* so that a byte too far is seen */
			for (size_t at = 0; at + len <= room; at++) {
				for (size_t i = 0; i < room; i++)
					text[i] = "ab"[i % 2];
				s = slice_from(text, room);
				assert_int_equal(slice_holds(s, needle),
				        memmem(text, room, what, len) != NULL);
				memcpy(text + at, what, len);
				assert_true(slice_holds(s, needle));
			}
			free(text);
		}
	assert_true(slice_holds(SLICE(""), SLICE("")));
	assert_true(slice_holds(SLICE("x"), (struct slice){NULL, 0}));
	assert_false(slice_holds(SLICE(""), SLICE("x")));
	assert_false(slice_holds((struct slice){NULL, 0}, SLICE("x")));
}

/* Texts of two letters only, where all but everything may begin what is looked for. */
static void what_is_found_is_what_memmem_finds(void **state)
{
	char text[150], what[9];
	unsigned n = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t len = 1 + round % sizeof(what), room = round % (sizeof(text) + 1);
		for (size_t i = 0; i < sizeof(text) + len; i++) {
			n = n * 1103515245 + 12345;
			*(i < len ? what + i : text + i - len) = "ab"[n >> 16 & 1];
		}
		assert_int_equal(slice_holds(slice_from(text, room), slice_from(what, len)),
		        memmem(text, room, what, len) != NULL);
	}
}

/* A long text has any number of bytes of what is looked for: none, some here and there, in one
 * stretch only, everywhere. */
static void a_credential_is_found_however_much_is_like_it(void **state)
{
	static const char what[] = "sk-aB3xK9_fQzaB3xK9_fQz";
	size_t len = sizeof(what) - 1, room = 3000;
	struct slice needle = slice_from(what, len);
	char *text = malloc(room), saved[sizeof(what)];
	unsigned n = 1;

	(void)state;
	assert_non_null(text);
	for (unsigned round = 0; round < 60; round++) {
		unsigned rare = 1u << round % 12;

		for (size_t i = 0; i < room; i++) {
			bool alike = round < 48 || (i > 700 && i < 1900);

			n = n * 1103515245 + 12345;
			text[i] = alike && !((n >> 16) % rare) ? what[(n >> 8) % len] : '.';
		}
		for (size_t at = 0; at + len <= room; at += at < 200 || at > room - 200 ? 1 : 37) {
			struct slice s = slice_from(text, room);

			memcpy(saved, text + at, len);
			memcpy(text + at, what, len);
			assert_true(slice_holds(s, needle));
			assert_true(slice_holds(slice_from(text, at + len), needle));
			assert_true(slice_holds(slice_skip(s, at), needle));
			assert_false(slice_holds(slice_from(text, at + len - 1), needle));
			assert_false(slice_holds(slice_skip(s, at + 1), needle));
			text[at + at % len] ^= 1;
			assert_false(slice_holds(s, needle));
			memcpy(text + at, saved, len);
		}
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_are_equal_whatever_their_case),
	        cmocka_unit_test(case_is_a_matter_of_ascii_letters_only),
	        cmocka_unit_test(a_text_is_found_wherever_it_stands),
	        cmocka_unit_test(what_is_found_is_what_memmem_finds),
	        cmocka_unit_test(a_credential_is_found_however_much_is_like_it),
	        cmocka_unit_test(skipping_past_the_end_leaves_nothing),
	        cmocka_unit_test(starts_and_ends_are_compared_by_bytes),
	        cmocka_unit_test(trimming_takes_blanks_and_tabs_only),
	        cmocka_unit_test(numbers_are_digits_only),
	        cmocka_unit_test(numbers_end_at_their_maximum),
	        cmocka_unit_test(a_star_stands_for_any_run),
	        cmocka_unit_test(every_short_text_matches_as_the_definition_says),
	        cmocka_unit_test(many_stars_do_not_make_it_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
