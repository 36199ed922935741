/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/results: what a tool says about keeping its answer, and which arguments are the
 * same. */
#include "rig/unit.h"
#include "exchange/results.h"
#include "rig/starve.h"
#include "weir/exchange.h"

static bool may_be_kept(const char *one, const char *two, enum cache_share share)
{
	struct head h = {0};
	bool kept;

	head_reset(&h);
	assert_int_equal(
	        head_add(&h, HEADER_CONTENT_TYPE, SLICE("content-type"), SLICE("no-store")), 0);
	if (one)
		assert_int_equal(
		        head_add(&h, HEADER_OTHER, SLICE("Cache-Control"), slice_str(one)), 0);
	if (two)
		assert_int_equal(
		        head_add(&h, HEADER_OTHER, SLICE("cache-control"), slice_str(two)), 0);
	kept = results_may_be_kept(&h, share);
	head_finish(&h);
	return kept;
}

static void a_tool_may_forbid_it(void **state)
{
	static const char *const never[] = {"no-store", "NO-STORE", "max-age=60, no-store",
	        " no-store ", "no-store,", ",,no-store", "no-cache", "no-cache=\"x\"",
	        "private,\tno-cache"};
	static const char *const fine[] = {"", ",", "=", "public", "max-age=0", "x-no-store",
	        "no-stored", "must-revalidate, s-maxage=1", "extension=no-store"};

	(void)state;
	assert_true(may_be_kept(NULL, NULL, CACHE_SHARE_TEAM));
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_false(may_be_kept(never[i], NULL, CACHE_SHARE_USER));
		assert_false(may_be_kept("public", never[i], CACHE_SHARE_USER));
	}
	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_true(may_be_kept(fine[i], "public", CACHE_SHARE_TEAM));
}

static void what_is_private_is_for_one_user(void **state)
{
	(void)state;
	assert_true(may_be_kept("private", NULL, CACHE_SHARE_USER));
	assert_false(may_be_kept("private=\"x\"", NULL, CACHE_SHARE_AGENT));
	assert_false(may_be_kept("max-age=1", "Private", CACHE_SHARE_TEAM));
}

static int digest_at(const char *target, const char *body, uint8_t ret[SHA256_LEN])
{
	struct exchange x = {0};
	struct call c = {.exchange = &x};

	c.facts.tool.target = slice_str(target);
	int e;

	arena_init(&x.arena, 1 << 20);
	buf_init(&x.body, 1 << 20);
	e = buf_put_str(&x.body, body);
	if (!e)
		e = results_digest(&c, ret);
	buf_finish(&x.body);
	arena_finish(&x.arena);
	return e;
}

static int digest(const char *body, uint8_t ret[SHA256_LEN])
{
	return digest_at("/shop", body, ret);
}

static void arguments_are_what_they_mean(void **state)
{
	uint8_t one[SHA256_LEN], same[SHA256_LEN], other[SHA256_LEN];

	(void)state;
	assert_int_equal(digest("{\"a\":1.0,\"b\":[\"x\"]}", one), 0);
	assert_int_equal(digest(" {\"b\":[\"\\u0078\"],\n\"a\":10e-1}", same), 0);
	assert_int_equal(digest("{\"b\":[\"x\"],\"a\":\"1\"}", other), 0);
	assert_memory_equal(one, same, SHA256_LEN);
	assert_memory_not_equal(one, other, SHA256_LEN);
}

static void what_stands_in_the_path_is_as_it_is_spelled(void **state)
{
	uint8_t one[SHA256_LEN], same[SHA256_LEN], other[SHA256_LEN];

	(void)state;
	assert_int_equal(digest_at("/releases/1.1", "{\"version\":1.1,\"x\":1}", one), 0);
	assert_int_equal(digest_at("/releases/1.1", "{\"x\":1.0,\"version\":1.1}", same), 0);
	assert_int_equal(digest_at("/releases/1.10", "{\"version\":1.10,\"x\":1}", other), 0);
	assert_memory_equal(one, same, SHA256_LEN);
	assert_memory_not_equal(one, other, SHA256_LEN);
}

static int scenario(void *arg)
{
	uint8_t sha[SHA256_LEN];

	(void)arg;
	return digest("{\"a\":[1,{\"b\":2}]}", sha);
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_tool_may_forbid_it),
	        cmocka_unit_test(what_is_private_is_for_one_user),
	        cmocka_unit_test(arguments_are_what_they_mean),
	        cmocka_unit_test(what_stands_in_the_path_is_as_it_is_spelled),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
