/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/id. */
#include "rig/unit.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/id.h"

static void an_id_begins_with_its_time(void **state)
{
	char id[ID_LEN + 1];

	(void)state;
	/* The example of the ULID specification. */
	id_new(1469918176385 * NS_PER_MS, id);
	assert_memory_equal(id, "01ARYZ6S41", 10);
	assert_int_equal(strlen(id), ID_LEN);
	id_new(0, id);
	assert_memory_equal(id, "0000000000", 10);
	id_new(UINT64_MAX, id);
	assert_int_equal(strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), ID_LEN);
	assert_true(id[0] <= '7');
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

static void ids_of_one_moment_differ(void **state)
{
	static char ids[20000][ID_LEN + 1];

	(void)state;
	for (int i = 0; i < 20000; i++)
		id_new(NS_PER_S, ids[i]);
	qsort(ids, 20000, sizeof(ids[0]), compare_ids);
	for (int i = 1; i < 20000; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

static void later_ids_sort_behind_earlier_ones(void **state)
{
	char before[ID_LEN + 1], after[ID_LEN + 1];

	(void)state;
	for (uint64_t ms = 1; ms < 1ull << 44; ms *= 3) {
		id_new((ms - 1) * NS_PER_MS, before);
		id_new(ms * NS_PER_MS, after);
		assert_true(strcmp(before, after) < 0);
	}
}

/* Each bit of a byte is set about half the time, in pieces of every size. */
static void random_bytes_are_balanced(void **state)
{
	unsigned char bytes[300];
	unsigned long set[8] = {0}, n = 0;

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		for (int round = 0; round < 4; round++, n += len) {
			random_bytes(bytes, len);
			for (size_t i = 0; i < len; i++)
				for (int bit = 0; bit < 8; bit++)
					set[bit] += bytes[i] >> bit & 1;
		}
	}
	for (int bit = 0; bit < 8; bit++)
		assert_true(set[bit] > n * 48 / 100 && set[bit] < n * 52 / 100);
}

static void a_child_process_draws_other_bytes(void **state)
{
	unsigned char ours[16], theirs[16];
	int ends[2];
	pid_t child;

	(void)state;
	random_bytes(ours, 1);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	random_bytes(ours, sizeof(ours));
	if (!child)
		_exit(write(ends[1], ours, sizeof(ours)) != sizeof(ours));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
	assert_memory_not_equal(ours, theirs, sizeof(ours));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_id_begins_with_its_time),
	        cmocka_unit_test(ids_of_one_moment_differ),
	        cmocka_unit_test(later_ids_sort_behind_earlier_ones),
	        cmocka_unit_test(random_bytes_are_balanced),
	        cmocka_unit_test(a_child_process_draws_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
