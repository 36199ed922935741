/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of crypto/key. */
#include "rig/unit.h"
#include <string.h>
#include "base/mem.h"
#include "crypto/key.h"

static void a_new_key_is_wellformed(void **state)
{
	char key[KEY_LEN + 1], other[KEY_LEN + 1];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		key_new(key);
		assert_int_equal(strlen(key), KEY_LEN);
		assert_true(key_is_wellformed(slice_str(key)));
		assert_true(key_has_prefix(slice_str(key)));
	}
	key_new(other);
	assert_string_not_equal(key, other);
}

static void any_changed_character_breaks_the_checksum(void **state)
{
	char key[KEY_LEN + 1];

	(void)state;
	key_new(key);
	for (int i = 0; i < KEY_LEN; i++) {
		char was = key[i];

		for (const char *c = "aZ09_ "; *c; c++) {
			key[i] = *c;
			if (*c != was)
				assert_false(key_is_wellformed(slice_str(key)));
		}
		key[i] = '\0';
		assert_false(key_is_wellformed(slice_from(key, KEY_LEN)));
		key[i] = was;
	}
	assert_true(key_is_wellformed(slice_str(key)));
}

static void a_key_has_one_length(void **state)
{
	char key[KEY_LEN + 2];

	(void)state;
	key_new(key);
	key[KEY_LEN] = '0';
	assert_false(key_is_wellformed(slice_from(key, KEY_LEN + 1)));
	assert_false(key_is_wellformed(slice_from(key, KEY_LEN - 1)));
	assert_false(key_is_wellformed(SLICE("")));
}

/* CRC-32 in base62 of "weir_" and 43 zeros, worked out by other means: what scanners are told must
 * not change. */
static void the_checksum_is_crc_32(void **state)
{
	char key[KEY_LEN + 1];

	(void)state;
	memset(key, '0', KEY_LEN);
	memcpy(key, KEY_PREFIX, 5);
	memcpy(key + 48, "08ntq0", 6);
	assert_true(key_is_wellformed(slice_from(key, KEY_LEN)));
}

static void whatever_begins_like_a_key_claims_to_be_one(void **state)
{
	(void)state;
	assert_true(key_has_prefix(SLICE("weir_")));
	assert_true(key_has_prefix(SLICE("weir_x")));
	assert_false(key_has_prefix(SLICE("weir")));
	assert_false(key_has_prefix(SLICE("Weir_x")));
	assert_false(key_has_prefix(SLICE(" weir_x")));
}

static void a_memo_knows_the_last_text_and_no_other(void **state)
{
	uint8_t one[SHA256_LEN], two[SHA256_LEN], got[SHA256_LEN] = {0}, none[SHA256_LEN] = {0};
	struct key_memo *memo = NULL;

	(void)state;
	sha256(SLICE("one"), one);
	sha256(SLICE("two"), two);
	assert_false(key_memo_knows(NULL, SLICE("one"), got));
	key_memo_keep(&memo, SLICE("one"), one);
	assert_true(key_memo_knows(memo, SLICE("one"), got));
	assert_memory_equal(got, one, sizeof(got));
	memcpy(got, none, sizeof(got));
	assert_false(key_memo_knows(memo, SLICE("onE"), got));
	assert_false(key_memo_knows(memo, SLICE("on"), got));
	assert_false(key_memo_knows(memo, SLICE("one1"), got));
	assert_false(key_memo_knows(memo, SLICE(""), got));
	assert_memory_equal(got, none, sizeof(got));
	key_memo_keep(&memo, SLICE("two"), two);
	assert_false(key_memo_knows(memo, SLICE("one"), got));
	assert_true(key_memo_knows(memo, SLICE("two"), got));
	assert_memory_equal(got, two, sizeof(got));
	key_memo_forget(&memo);
	assert_null(memo);
	key_memo_forget(&memo);
}

static void a_memo_keeps_nothing_that_does_not_fit(void **state)
{
	uint8_t sha[SHA256_LEN] = {7}, got[SHA256_LEN];
	struct key_memo *memo = NULL;
	char text[81];

	(void)state;
	memset(text, 'k', sizeof(text));
	key_memo_keep(&memo, SLICE(""), sha);
	key_memo_keep(&memo, slice_from(text, 80), sha);
	assert_null(memo);
	key_memo_keep(&memo, slice_from(text, 79), sha);
	assert_true(key_memo_knows(memo, slice_from(text, 79), got));
	key_memo_keep(&memo, slice_from(text, 80), sha);
	assert_true(key_memo_knows(memo, slice_from(text, 79), got));
	assert_false(key_memo_knows(memo, slice_from(text, 80), got));
	key_memo_forget(&memo);
	mem_fail_after(0);
	key_memo_keep(&memo, slice_from(text, 9), sha);
	mem_fail_after(-1);
	assert_null(memo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_new_key_is_wellformed),
	        cmocka_unit_test(any_changed_character_breaks_the_checksum),
	        cmocka_unit_test(a_key_has_one_length),
	        cmocka_unit_test(the_checksum_is_crc_32),
	        cmocka_unit_test(whatever_begins_like_a_key_claims_to_be_one),
	        cmocka_unit_test(a_memo_knows_the_last_text_and_no_other),
	        cmocka_unit_test(a_memo_keeps_nothing_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
