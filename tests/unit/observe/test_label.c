/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of observe/label. */
#include "rig/unit.h"
#include <string.h>
#include "observe/label.h"

static void check_clean(struct slice in, struct slice want)
{
	struct label_key key = {0}, clean;
	struct slice rest, got;

	label_add(&key, SLICE("first"), SLICE(""));
	label_add(&key, in, SLICE("none"));
	label_key_clean(label_key_slice(&key), &clean);
	rest = label_key_slice(&clean);
	assert_slice(label_next(&rest), "first");
	got = label_next(&rest);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.at, want.at, want.len);
	assert_int_equal(rest.len, 0);
}

static void values_come_back_as_they_went_in(void **state)
{
	struct label_key key = {0};
	struct slice rest;
	char full[LABEL_MAX];

	(void)state;
	memset(full, 'x', sizeof(full));
	for (unsigned i = 0; i < LABELS_MAX; i++)
		label_add(&key, slice_from(full, sizeof(full) - i), SLICE("none"));
	assert_true(key.len <= LABEL_KEY_MAX);
	rest = label_key_slice(&key);
	for (unsigned i = 0; i < LABELS_MAX; i++)
		assert_int_equal(label_next(&rest).len, sizeof(full) - i);
	assert_int_equal(rest.len, 0);
}

static void an_empty_value_becomes_what_stands_for_it(void **state)
{
	struct label_key key = {0};
	struct slice rest;

	(void)state;
	label_add(&key, (struct slice){NULL, 0}, SLICE("unknown"));
	rest = label_key_slice(&key);
	assert_slice(label_next(&rest), "unknown");
}

static void what_cannot_be_seen_becomes_question_marks(void **state)
{
	(void)state;
	check_clean(SLICE("plain \"text\" \\"), SLICE("plain \"text\" \\"));
	check_clean(SLICE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	        SLICE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
	check_clean(SLICE("a\nb\tc\0d\x7f"), SLICE("a?b?c?d?"));
	check_clean(SLICE("\xff\xc3x\xe2\x82"), SLICE("??x??"));
	check_clean(SLICE("\xe2\x80\xaegnp"), SLICE("???gnp"));
}

static void a_long_value_is_cut_and_what_is_left_of_a_character_marked(void **state)
{
	char in[LABEL_MAX + 10], want[LABEL_MAX];

	(void)state;
	memset(in, 'x', sizeof(in));
	memset(want, 'x', sizeof(want));
	memcpy(in + LABEL_MAX - 1, "\xc3\xa9", 2);
	want[LABEL_MAX - 1] = '?';
	check_clean(slice_from(in, sizeof(in)), slice_from(want, sizeof(want)));
}

static void quotes_backslashes_and_line_feeds_are_escaped(void **state)
{
	struct buf out = BUF_INIT(100), small = BUF_INIT(3);

	(void)state;
	assert_int_equal(label_write(SLICE("a\"b\\c\nd"), &out), 0);
	assert_slice(buf_slice(&out), "a\\\"b\\\\c\\nd");
	assert_int_equal(label_write((struct slice){NULL, 0}, &out), 0);
	assert_int_equal(label_write(SLICE("abcd"), &small), -ENOBUFS);
	buf_finish(&out);
	buf_finish(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_come_back_as_they_went_in),
	        cmocka_unit_test(an_empty_value_becomes_what_stands_for_it),
	        cmocka_unit_test(what_cannot_be_seen_becomes_question_marks),
	        cmocka_unit_test(a_long_value_is_cut_and_what_is_left_of_a_character_marked),
	        cmocka_unit_test(quotes_backslashes_and_line_feeds_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
