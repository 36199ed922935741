/* SPDX-License-Identifier: Apache-2.0 */
/* Where a shared store is, as policies write it. */
#include <errno.h>
#include "config/redis_url.h"
#include "rig/unit.h"

static void urls_name_a_place(void **state)
{
	struct redis_url p = {.db = 9};
	const char *why;

	(void)state;
	assert_int_equal(redis_url_parse(SLICE("redis://cache.internal"), &p, &why), 0);
	assert_slice(p.host, "cache.internal");
	assert_int_equal(p.port, 6379);
	assert_int_equal(p.db, 0);
	assert_false(p.tls);
	assert_int_equal(redis_url_parse(SLICE("rediss://[::1]:6380/3"), &p, &why), 0);
	assert_slice(p.host, "::1");
	assert_int_equal(p.port, 6380);
	assert_int_equal(p.db, 3);
	assert_true(p.tls);
	assert_int_equal(redis_url_parse(SLICE("unix:/run/redis.sock?db=2"), &p, &why), 0);
	assert_slice(p.unix_path, "/run/redis.sock");
	assert_int_equal(p.db, 2);
	assert_false(p.tls);
	assert_int_equal(redis_url_parse(SLICE("unix:///run/redis.sock"), &p, &why), 0);
	assert_slice(p.unix_path, "/run/redis.sock");
	assert_int_equal(redis_url_parse(SLICE("redis://h/"), &p, &why), 0);
	assert_int_equal(p.unix_path.len, 0);
}

static void other_urls_are_refused(void **state)
{
	const char *const bad[] = {"", "redis:", "redis://", "http://h", "redis://user:secret@h",
	        "redis://:secret@h", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x",
	        "redis://h/1/2", "redis://[::1", "redis://[::1]x", "unix:run",
	        "unix:", "unix:/a?x=1", "unix:/a?db=x", "rediss:///3"};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct redis_url p = {.db = 9};
		const char *why = NULL;

		if (redis_url_parse(slice_str(bad[i]), &p, &why) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(why);
		assert_int_equal(p.db, 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(urls_name_a_place),
	        cmocka_unit_test(other_urls_are_refused),
	};

	return cmocka_run_group_tests_name("config/redis_url", tests, NULL, NULL);
}
