/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/held: events come back as they went in. */
#include "rig/unit.h"
#include <stdio.h>
#include "dialect/held.h"
#include "rig/starve.h"

static const char *const events[] = {
        "data: {\"a\":1}\n\n",
        "data: {\"a\":12}\n\n",
        "data: {\"a\":1}\n\n",
        "",
        "x",
        "data: {\"a\":1}\n\n",
        "data: {\"a\":1}\n\n",
        "aaaa",
        "aaa",
        "aaaaaa",
        "baab",
        "data: {\"b\":{\"a\":1}}\n\n",
};
#define N (sizeof(events) / sizeof(events[0]))

static int run(unsigned owners, bool twice)
{
	struct held held;
	struct arena arena;
	int r = 0;

	held_init(&held, 1 << 16);
	arena_init(&arena, 1 << 16);
	for (unsigned round = 0; !r && round < 1u + twice; round++) {
		for (unsigned i = 0; !r && i < N; i++)
			r = held_put(&held, i % owners, slice_str(events[i]));
		for (unsigned owner = owners; !r && owner-- > 0;) {
			struct slice *got;
			unsigned n, k = 0;

			r = held_take(&held, owner, &arena, &got, &n);
			for (unsigned i = 0; !r && i < N; i++)
				if (i % owners == owner)
					assert_true(slice_is(got[k++], events[i]));
			assert_true(r || k == n);
		}
		if (!r) {
			assert_int_equal(held.n, 0);
			assert_int_equal(held.unfolded, 0);
			assert_int_equal(buf_len(&held.records), 0);
		}
	}
	held_finish(&held);
	arena_finish(&arena);
	return r;
}

static void events_come_back_as_they_went_in(void **state)
{
	(void)state;
	for (unsigned owners = 1; owners < 5; owners++)
		assert_int_equal(run(owners, true), 0);
}

static void alike_events_take_little_room(void **state)
{
	struct held held;

	(void)state;
	held_init(&held, 1 << 20);
	for (unsigned i = 0; i < 1000; i++) {
		char event[300];

		snprintf(event, sizeof(event),
		        "data: {\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":"
		        "\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"tool_"
		        "calls\":[{\"index\":0,"
		        "\"function\":{\"arguments\":\"%u\"}}]},\"finish_reason\":null}]}\n\n",
		        i);
		assert_int_equal(held_put(&held, 0, slice_str(event)), 0);
	}
	assert_true(held.unfolded > 190000);
	assert_true(buf_len(&held.records) < 30000);
	held_finish(&held);
}

static void both_ceilings_hold(void **state)
{
	static char big[1 << 20];
	struct held held;
	unsigned n = 0;

	(void)state;
	held_init(&held, 100);
	while (!held_put(&held, 0, n & 1 ? SLICE("abcdefgh") : SLICE("12345678")))
		n++;
	assert_in_range(n, 1, 10);
	assert_int_equal(held_put(&held, 0, SLICE("zzzzzzzzzzzzz")), -ENOBUFS);
	held_finish(&held);
	memset(big, 'x', sizeof(big));
	held_init(&held, 8 << 20);
	for (n = 0; n < 16; n++)
		assert_int_equal(held_put(&held, 0, slice_from(big, sizeof(big))), 0);
	assert_int_equal(held_put(&held, 0, SLICE("x")), -ENOBUFS);
	held_finish(&held);
}

static int scenario(void *arg)
{
	(void)arg;
	return run(3, false);
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(events_come_back_as_they_went_in),
	        cmocka_unit_test(alike_events_take_little_room),
	        cmocka_unit_test(both_ceilings_hold),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
