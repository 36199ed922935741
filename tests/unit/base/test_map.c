/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/map and base/siphash. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/map.h"
#include "base/siphash.h"
#include "rig/starve.h"

/* Worked out by other means, which give the published values of SipHash-2-4 and those that Rust and
 * Python test theirs with: key 00 01 … 0f, message 00 01 … (n - 1). */
static void siphash_gives_the_known_values(void **state)
{
	static const struct {
		unsigned len;
		uint64_t hash;
	} known[] = {
	        {0, 0xabac0158050fc4dc},
	        {1, 0xc9f49bf37d57ca93},
	        {2, 0x82cb9b024dc7d44d},
	        {3, 0x8bf80ab8e7ddf7fb},
	        {4, 0xcf75576088d38328},
	        {5, 0xdef9d52f49533b67},
	        {6, 0xc50d2b50c59f22a7},
	        {7, 0xd3927d989bb11140},
	        {8, 0x369095118d299a8e},
	        {9, 0x25a48eb36c063de4},
	        {11, 0x70c118c1f94dc352},
	        {15, 0xd320d86d2a519956},
	        {16, 0xcc4fdd1a7d908b66},
	        {63, 0x9d199062b7bbb3a8},
	};
	const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	char message[64];

	(void)state;
	for (int i = 0; i < 64; i++)
		message[i] = (char)i;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_true(siphash(key, slice_from(message, known[i].len)) == known[i].hash);
}

static void the_same_bytes_hash_alike_wherever_they_stand(void **state)
{
	char twice[] = "-name-name";

	(void)state;
	assert_true(hash_bytes(slice_from(twice + 1, 4)) == hash_bytes(slice_from(twice + 6, 4)));
	assert_true(hash_bytes(SLICE("")) == hash_bytes((struct slice){NULL, 0}));
	assert_true(hash_bytes(SLICE("a")) != hash_bytes(SLICE("a\0")));
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
	struct map m;
	int one, two;

	(void)state;
	map_init(&m);
	assert_null(map_get(&m, SLICE("a")));
	assert_null(map_remove(&m, SLICE("a")));
	assert_int_equal(map_add(&m, SLICE("a"), &one), 0);
	assert_int_equal(map_add(&m, SLICE(""), &two), 0);
	assert_int_equal(map_add(&m, SLICE("a"), &two), -EEXIST);
	assert_ptr_equal(map_get(&m, SLICE("a")), &one);
	assert_ptr_equal(map_get(&m, SLICE("")), &two);
	assert_int_equal(m.n, 2);
	assert_ptr_equal(map_remove(&m, SLICE("a")), &one);
	assert_null(map_get(&m, SLICE("a")));
	assert_null(map_remove(&m, SLICE("a")));
	assert_int_equal(m.n, 1);
	map_finish(&m);
}

#define KEYS 2000u

static struct slice nth_key(unsigned i)
{
	static char names[KEYS][8];

	return slice_from(names[i], (size_t)snprintf(names[i], sizeof(names[i]), "k%u", i));
}

static void a_walk_meets_everything_once(void **state)
{
	struct map m;
	static unsigned char met[KEYS];
	size_t it = 0, n = 0;
	struct slice key;
	void *value;

	(void)state;
	map_init(&m);
	assert_false(map_next(&m, &it, &key, &value));
	for (unsigned i = 0; i < KEYS; i++)
		assert_int_equal(map_add(&m, nth_key(i), &met[i]), 0);
	for (it = 0; map_next(&m, &it, &key, &value); n++) {
		assert_ptr_equal(map_get(&m, key), value);
		assert_int_equal((*(unsigned char *)value)++, 0);
	}
	assert_int_equal(n, KEYS);
	it = 0;
	assert_true(map_next(&m, &it, NULL, NULL));
	map_finish(&m);
}

/* A map that has never grown is looked through, and with its seventh key it is not any more. */
static void a_small_map_finds_as_a_large_one_does(void **state)
{
	static unsigned char values[9];
	struct map m;

	(void)state;
	map_init(&m);
	for (unsigned n = 0; n < 9; n++) {
		assert_int_equal(map_add(&m, n ? nth_key(n) : SLICE(""), &values[n]), 0);
		for (unsigned i = 0; i < 9; i++)
			assert_ptr_equal(map_get(&m, i ? nth_key(i) : SLICE("")),
			        i <= n ? &values[i] : NULL);
		assert_null(map_get(&m, SLICE("k")));
		assert_null(map_get(&m, SLICE("k1\0")));
		assert_null(map_get(&m, SLICE("j1")));
	}
	map_finish(&m);
	assert_int_equal(map_add(&m, SLICE("a"), &values[0]), 0);
	assert_int_equal(map_add(&m, SLICE("b"), &values[1]), 0);
	assert_ptr_equal(map_remove(&m, SLICE("a")), &values[0]);
	assert_null(map_get(&m, SLICE("a")));
	assert_null(map_get(&m, SLICE("")));
	assert_ptr_equal(map_get(&m, SLICE("b")), &values[1]);
	map_finish(&m);
}

/* Against an array as the model: a long random life of adding, removing and asking. */
static void a_random_life_agrees_with_an_array(void **state)
{
	static unsigned char values[KEYS];
	bool is_in[KEYS] = {false};
	struct map m;
	size_t n = 0;

	(void)state;
	srandom(1);
	map_init(&m);
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)random() % (step % 3 ? 100 : KEYS);
		struct slice key = nth_key(i);

		if (random() % 2) {
			assert_int_equal(map_add(&m, key, &values[i]), is_in[i] ? -EEXIST : 0);
			n += !is_in[i];
			is_in[i] = true;
		} else {
			assert_ptr_equal(map_remove(&m, key), is_in[i] ? &values[i] : NULL);
			n -= is_in[i];
			is_in[i] = false;
		}
		assert_int_equal(m.n, n);
		i = (unsigned)random() % KEYS;
		assert_ptr_equal(map_get(&m, nth_key(i)), is_in[i] ? &values[i] : NULL);
	}
	map_finish(&m);
}

static void *read_all(void *map)
{
	static const char *const keys[] = {"a", "b", "absent"};

	for (unsigned i = 0; i < 30000; i++)
		map_get(map, slice_str(keys[i % 3]));
	return NULL;
}

static void many_threads_may_read(void **state)
{
	struct map m;
	pthread_t threads[4];

	(void)state;
	map_init(&m);
	map_add(&m, SLICE("a"), &m);
	map_add(&m, SLICE("b"), &m);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, read_all, &m);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	map_finish(&m);
}

static int fill(void *arg)
{
	struct map m;
	int r = 0;
	unsigned i;

	map_init(&m);
	for (i = 0; i < 500 && !r; i++)
		r = map_add(&m, nth_key(i), arg);
	if (r) {
		assert_int_equal(m.n, i - 1);
		for (unsigned k = 0; k < i - 1; k++)
			assert_ptr_equal(map_get(&m, nth_key(k)), arg);
	}
	map_finish(&m);
	return r;
}

static void starved_it_keeps_what_it_has(void **state)
{
	(void)state;
	starve(fill, state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(siphash_gives_the_known_values),
	        cmocka_unit_test(the_same_bytes_hash_alike_wherever_they_stand),
	        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
	        cmocka_unit_test(a_walk_meets_everything_once),
	        cmocka_unit_test(a_small_map_finds_as_a_large_one_does),
	        cmocka_unit_test(a_random_life_agrees_with_an_array),
	        cmocka_unit_test(many_threads_may_read),
	        cmocka_unit_test(starved_it_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
