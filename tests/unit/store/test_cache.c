/* SPDX-License-Identifier: Apache-2.0 */
/* store/cache: what is kept, for how long, and what goes first. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include "base/mem.h"
#include "rig/unit.h"
#include "store/cache.h"

#define TYPE SLICE("text/event-stream")
#define NEVER UINT64_MAX

static const uint8_t *key_of(unsigned n)
{
	static _Thread_local uint8_t key[CACHE_KEY_LEN];

	memset(key, 0, sizeof(key));
	key[0] = (uint8_t)(n * 7);
	memcpy(key + 4, &n, sizeof(n));
	return key;
}

static int put(struct cache *c, unsigned n, struct slice body, uint64_t expires)
{
	return cache_put(c, key_of(n), TYPE, body, expires);
}

static bool holds(struct cache *c, unsigned n)
{
	struct cache_entry *e = cache_find(c, key_of(n), 0);

	cache_entry_unref(e);
	return e;
}

static void gives_back_what_was_put(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 1 << 10});
	(void)state;

	assert_null(cache_find(c, key_of(1), 0));
	assert_int_equal(put(c, 1, SLICE("one"), 10), 0);
	struct cache_entry *e = cache_find(c, key_of(1), 9);
	assert_true(slice_is(e->type, "text/event-stream") && slice_is(e->body, "one"));
	assert_int_equal(put(c, 1, SLICE("another"), 20), 0);
	assert_true(slice_is(e->body, "one")); /* whoever reads it is not disturbed */
	cache_entry_unref(e);
	e = cache_find(c, key_of(1), 19);
	assert_true(slice_is(e->body, "another"));
	cache_entry_unref(e);
	assert_null(cache_find(c, key_of(2), 0));
	cache_free(c);
}

static void forgets_what_has_expired(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 1 << 10});
	(void)state;

	assert_int_equal(put(c, 1, SLICE("one"), 10), 0);
	assert_null(cache_find(c, key_of(1), 10));
	assert_int_equal(cache_memory(c), 0);
	cache_free(c);
}

static void keeps_what_is_stale_as_long_as_it_may_be_needed(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 1 << 10});
	struct cache_content what = {
	        .type = TYPE, .body = SLICE("one"), .expires = 10, .stale_ns = 5};
	(void)state;

	assert_int_equal(cache_keep(c, key_of(1), &what, NULL), 0);
	assert_null(cache_find(c, key_of(1), 10));
	struct cache_entry *e = cache_find_stale(c, key_of(1), 14);
	assert_true(e && cache_entry_is_stale(e, 14) && !cache_entry_is_stale(e, 9));
	cache_entry_unref(e);
	e = cache_find_stale(c, key_of(1), 9); /* nor is a fresh one held back */
	assert_non_null(e);
	cache_entry_unref(e);
	assert_null(cache_find_stale(c, key_of(1), 15));
	assert_int_equal(cache_memory(c), 0);
	what.stale_ns = UINT64_MAX;
	assert_int_equal(cache_keep(c, key_of(1), &what, &e), 0);
	cache_free(c);
	assert_true(e->gone == UINT64_MAX && slice_is(e->body, "one"));
	cache_entry_unref(e);
}

static void refuses_what_is_too_large(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 20});
	(void)state;

	assert_int_equal(put(c, 1, SLICE("123"), NEVER), 0);
	assert_int_equal(put(c, 1, SLICE("1234"), NEVER), -ENOSPC);
	assert_true(holds(c, 1));
	cache_set_limits(c, (struct cache_limits){16, 1 << 10});
	assert_false(holds(c, 1));
	assert_int_equal(put(c, 1, SLICE("123"), NEVER), -ENOSPC);
	assert_int_equal(cache_memory(c), 0);
	cache_free(c);
}

static void throws_out_what_was_not_asked_for_longest(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 1 << 10});
	(void)state;

	assert_int_equal(put(c, 0, SLICE("body"), NEVER), 0);
	size_t each = cache_memory(c);
	cache_set_limits(c, (struct cache_limits){each * 8, 1 << 10});
	for (unsigned i = 1; i < 8; i++)
		assert_int_equal(put(c, i, SLICE("body"), NEVER), 0);
	assert_true(holds(c, 0)); /* now 1 is the oldest */
	assert_int_equal(put(c, 8, SLICE("body"), NEVER), 0);
	assert_int_equal(cache_memory(c), each * 8);
	for (unsigned i = 0; i <= 8; i++)
		assert_int_equal(holds(c, i), i != 1);
	cache_free(c);
}

static void outlives_its_cache_where_it_is_read(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 1 << 10});
	(void)state;

	assert_int_equal(put(c, 1, SLICE("one"), NEVER), 0);
	struct cache_entry *e = cache_find(c, key_of(1), 0);
	cache_free(c);
	assert_true(slice_is(e->body, "one"));
	cache_entry_unref(e);
}

static void survives_a_lack_of_memory(void **state)
{
	struct cache *c = cache_new((struct cache_limits){1 << 20, 1 << 10});
	(void)state;

	mem_fail_after(0);
	assert_null(cache_new((struct cache_limits){1, 1}));
	assert_int_equal(put(c, 1, SLICE("one"), NEVER), -ENOMEM);
	mem_fail_after(-1);
	assert_int_equal(cache_memory(c), 0);
	assert_false(holds(c, 1));
	cache_free(c);
}

/* Every entry says its own key over and over. */
static void *hammer(void *arg)
{
	struct cache *c = arg;
	unsigned body[64], seed = (unsigned)(uintptr_t)&body;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = (seed = seed * 1103515245 + 12345) >> 16 & 127,
		         len = 1 + (seed >> 8) % 64;
		struct cache_entry *e = cache_find(c, key_of(n), i);

		for (size_t k = 0; e && k < e->body.len; k += sizeof(n))
			assert_memory_equal(e->body.at + k, &n, sizeof(n));
		cache_entry_unref(e);
		for (unsigned k = 0; k < len; k++)
			body[k] = n;
		if (!e)
			cache_put(c, key_of(n), TYPE, slice_from(body, len * sizeof(n)), i + 500);
		assert_true(cache_memory(c) <= 8192);
	}
	return NULL;
}

/* It is handed to those who wait for it, and was never put anywhere. */
static void does_not_age_outside_a_cache(void **state)
{
	static const uint8_t key[CACHE_KEY_LEN];
	struct cache_entry *e = cache_entry_new(key, SLICE("t"), SLICE("b"));

	(void)state;
	assert_non_null(e);
	assert_false(cache_entry_is_stale(e, UINT64_MAX - 1));
	cache_entry_unref(e);
}

static void is_shared_by_threads(void **state)
{
	struct cache *c = cache_new((struct cache_limits){8192, 1 << 10});
	pthread_t threads[4];
	(void)state;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, c), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cache_set_limits(c, (struct cache_limits){0, 0});
	assert_int_equal(cache_memory(c), 0);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(gives_back_what_was_put),
	        cmocka_unit_test(forgets_what_has_expired),
	        cmocka_unit_test(keeps_what_is_stale_as_long_as_it_may_be_needed),
	        cmocka_unit_test(refuses_what_is_too_large),
	        cmocka_unit_test(throws_out_what_was_not_asked_for_longest),
	        cmocka_unit_test(outlives_its_cache_where_it_is_read),
	        cmocka_unit_test(survives_a_lack_of_memory),
	        cmocka_unit_test(does_not_age_outside_a_cache),
	        cmocka_unit_test(is_shared_by_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
