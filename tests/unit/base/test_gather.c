/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/gather. */
#include "rig/unit.h"
#include <stdlib.h>
#include "base/gather.h"
#include "base/mem.h"
#include "rig/starve.h"

static void check(const struct gather *g, struct slice want)
{
	struct iovec vectors[300];
	unsigned n = gather_vectors(g, vectors, 300);
	size_t at = 0;

	assert_int_equal(g->error, 0);
	assert_int_equal(g->len, want.len);
	for (unsigned i = 0; i < n; i++) {
		assert_true(vectors[i].iov_len > 0 && vectors[i].iov_len <= want.len - at);
		assert_memory_equal(vectors[i].iov_base, want.at + at, vectors[i].iov_len);
		at += vectors[i].iov_len;
	}
	assert_int_equal(at, want.len);
}

static void copied_and_lent_bytes_leave_in_order(void **state)
{
	struct gather g;
	struct iovec two[2];

	(void)state;
	gather_init(&g, 100);
	check(&g, SLICE(""));
	gather_copy(&g, SLICE("5\r\n"));
	gather_lend(&g, SLICE("hello"));
	gather_copy(&g, SLICE("\r\n"));
	gather_copy(&g, SLICE("0\r\n\r\n"));
	gather_lend(&g, SLICE(""));
	gather_copy(&g, SLICE(""));
	check(&g, SLICE("5\r\nhello\r\n0\r\n\r\n"));
	assert_int_equal(gather_vectors(&g, two, 2), 2);
	assert_int_equal(two[1].iov_len, 5);
	gather_finish(&g);
	check(&g, SLICE(""));
	gather_finish(&g);
}

static void what_is_written_into_its_room_is_sent_as_if_copied(void **state)
{
	struct gather g;
	char *room;

	(void)state;
	gather_init(&g, 16);
	gather_copy(&g, SLICE("one "));
	room = gather_room(&g, 12);
	assert_non_null(room);
	memcpy(room, "two ", 4);
	gather_wrote(&g, 4);
	check(&g, SLICE("one two "));
	assert_int_equal(g.n, 1);
	gather_lend(&g, SLICE("three "));
	assert_non_null(gather_room(&g, 8));
	gather_wrote(&g, 0);
	check(&g, SLICE("one two three "));
	assert_null(gather_room(&g, 9));
	assert_int_equal(g.error, -ENOBUFS);
	assert_null(gather_room(&g, 1));
	gather_finish(&g);
}

static void neighbours_become_one_segment(void **state)
{
	static const char text[] = "abcdef";
	struct gather g;
	struct iovec v[4];

	(void)state;
	gather_init(&g, 100);
	gather_lend(&g, slice_from(text, 2));
	gather_lend(&g, slice_from(text + 2, 4));
	gather_copy(&g, SLICE("gh"));
	gather_copy(&g, SLICE("i"));
	assert_int_equal(gather_vectors(&g, v, 4), 2);
	check(&g, SLICE("abcdefghi"));
	gather_finish(&g);
}

static void any_number_of_bytes_may_be_taken(void **state)
{
	static const char want[] = "head-one-mid-two-end";

	(void)state;
	for (size_t step = 1; step < sizeof(want); step++) {
		struct gather g;

		gather_init(&g, 100);
		gather_copy(&g, SLICE("head-"));
		gather_lend(&g, SLICE("one"));
		gather_copy(&g, SLICE("-mid-"));
		gather_lend(&g, SLICE("two"));
		gather_copy(&g, SLICE("-end"));
		for (size_t at = 0; g.len; at += step) {
			check(&g, slice_skip(SLICE("head-one-mid-two-end"), at));
			gather_take(&g, step < g.len ? step : g.len);
		}
		assert_int_equal(g.n, 0);
		gather_finish(&g);
	}
}

static void what_was_lent_may_vanish_once_it_is_kept(void **state)
{
	char first[] = "one", second[] = "two";
	struct gather g;

	(void)state;
	gather_init(&g, 100);
	gather_copy(&g, SLICE("<"));
	gather_lend(&g, slice_str(first));
	gather_copy(&g, SLICE("|"));
	gather_lend(&g, slice_str(second));
	gather_copy(&g, SLICE(">"));
	gather_take(&g, 2);
	gather_keep(&g);
	memset(first, 'x', 3);
	memset(second, 'x', 3);
	check(&g, SLICE("ne|two>"));
	gather_keep(&g);
	gather_lend(&g, SLICE("!"));
	check(&g, SLICE("ne|two>!"));
	gather_finish(&g);
}

/* Against a plain buffer as the model: a long random life. */
static void a_random_life_agrees_with_a_plain_buffer(void **state)
{
	static char pool[5000], lent[5000];
	struct buf model = BUF_INIT(1 << 20);
	struct gather g;

	(void)state;
	srandom(1);
	for (size_t i = 0; i < sizeof(pool); i++)
		pool[i] = (char)random();
	memcpy(lent, pool, sizeof(lent));
	gather_init(&g, 1 << 20);
	for (int step = 0; step < 30000; step++) {
		size_t at = (size_t)random() % 4900, len = (size_t)random() % 100;

		switch (random() % 8) {
		case 0 ... 2:
			gather_copy(&g, slice_from(pool + at, len));
			buf_put(&model, pool + at, len);
			break;
		case 3 ... 5:
			gather_lend(&g, slice_from(lent + at, len));
			buf_put(&model, pool + at, len);
			break;
		case 6:
			len = (size_t)random() % (buf_len(&model) + 1);
			gather_take(&g, len);
			buf_take(&model, len);
			break;
		default:
			gather_keep(&g);
			memset(lent, 0, sizeof(lent));
			check(&g, buf_slice(&model));
			memcpy(lent, pool, sizeof(lent));
		}
		check(&g, buf_slice(&model));
	}
	buf_finish(&model);
	gather_finish(&g);
}

static void a_failed_put_sticks_until_it_is_cleared(void **state)
{
	struct gather g;
	struct iovec v;

	(void)state;
	gather_init(&g, 4);
	gather_copy(&g, SLICE("abcd"));
	gather_copy(&g, SLICE("e"));
	assert_int_equal(g.error, -ENOBUFS);
	gather_lend(&g, SLICE("f"));
	gather_copy(&g, SLICE("g"));
	gather_keep(&g);
	assert_int_equal(g.len, 0);
	assert_int_equal(gather_vectors(&g, &v, 1), 0);
	gather_clear(&g);
	gather_copy(&g, SLICE("abcd"));
	check(&g, SLICE("abcd"));
	gather_lend(&g, SLICE("e"));
	gather_keep(&g);
	assert_int_equal(g.error, -ENOBUFS);
	gather_finish(&g);
}

static void there_are_only_so_many_segments(void **state)
{
	static const char text[] = "abab";
	struct gather g;

	(void)state;
	gather_init(&g, 1 << 20);
	for (unsigned i = 0; i < 100000; i++)
		gather_lend(&g, slice_from(text + i % 2 * 2, 1));
	assert_int_equal(g.error, -ENOBUFS);
	assert_int_equal(g.len, 0);
	gather_finish(&g);
}

static int put_many(void *arg)
{
	struct gather g;
	int r;

	gather_init(&g, 1 << 16);
	for (unsigned i = 0; i < 100; i++) {
		gather_copy(&g, SLICE("copied bytes "));
		gather_lend(&g, slice_str(arg));
	}
	gather_keep(&g);
	r = g.error;
	gather_finish(&g);
	return r;
}

static void starved_it_says_so(void **state)
{
	char lent[] = "lent bytes";

	(void)state;
	assert_true(starve(put_many, lent) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(copied_and_lent_bytes_leave_in_order),
	        cmocka_unit_test(what_is_written_into_its_room_is_sent_as_if_copied),
	        cmocka_unit_test(neighbours_become_one_segment),
	        cmocka_unit_test(any_number_of_bytes_may_be_taken),
	        cmocka_unit_test(what_was_lent_may_vanish_once_it_is_kept),
	        cmocka_unit_test(a_random_life_agrees_with_a_plain_buffer),
	        cmocka_unit_test(a_failed_put_sticks_until_it_is_cleared),
	        cmocka_unit_test(there_are_only_so_many_segments),
	        cmocka_unit_test(starved_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
