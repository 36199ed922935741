/* SPDX-License-Identifier: Apache-2.0 */
/* redis slots, URLs and INFO: texts that decide where an ask goes. */
#include "rig/unit.h"
#include "store/redis/info.h"
#include "store/redis/slots.h"
#include "store/redis/url.h"

static void the_checksum_is_that_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(slot_crc16(SLICE("123456789")), 0x31c3);
	assert_int_equal(slot_crc16(SLICE("")), 0);
	assert_int_equal(slot_of(SLICE("foo")), 12182);
	assert_int_equal(slot_of(SLICE("somekey")), 11058);
}

static void braces_choose_what_counts(void **state)
{
	(void)state;
	assert_int_equal(slot_of(SLICE("weir:{t:ops}:a")), slot_of(SLICE("t:ops")));
	assert_int_equal(
	        slot_of(SLICE("{user1000}.following")), slot_of(SLICE("{user1000}.followers")));
	assert_int_equal(slot_of(SLICE("foo{}{bar}")), slot_crc16(SLICE("foo{}{bar}")) % SLOTS);
	assert_int_equal(slot_of(SLICE("foo{{bar}}zap")), slot_of(SLICE("{bar")));
	assert_int_equal(slot_of(SLICE("foo{bar}{zap}")), slot_of(SLICE("bar")));
	assert_int_equal(slot_of(SLICE("foo{bar")), slot_crc16(SLICE("foo{bar")) % SLOTS);
	assert_int_equal(slot_of(SLICE("x}{")), slot_crc16(SLICE("x}{")) % SLOTS);
}

static void a_map_is_read_strictly(void **state)
{
	struct redis_reply node[] = {{.type = REPLY_TEXT, .text = SLICE("10.0.0.1")},
	        {.type = REPLY_INTEGER, .integer = 7000}};
	struct redis_reply entry[] = {{.type = REPLY_INTEGER, .integer = 0},
	        {.type = REPLY_INTEGER, .integer = 5460},
	        {.type = REPLY_LIST, .list = node, .n = 2}};
	struct redis_reply map = {.type = REPLY_LIST,
	        .n = 1,
	        .list = &(struct redis_reply){.type = REPLY_LIST, .list = entry, .n = 3}};
	struct slot_range range;

	(void)state;
	assert_int_equal(slots_range(&map, 0, &range), 0);
	assert_int_equal(range.last, 5460);
	assert_int_equal(range.port, 7000);
	assert_slice(range.host, "10.0.0.1");
	assert_int_equal(slots_range(&map, 1, &range), -ENOENT);
	node[0].type = REPLY_NIL;
	assert_int_equal(slots_range(&map, 0, &range), 0);
	assert_int_equal(range.host.len, 0);
	entry[1].integer = 16384;
	assert_int_equal(slots_range(&map, 0, &range), -EPROTO);
	entry[1].integer = 5;
	entry[0].integer = 6;
	assert_int_equal(slots_range(&map, 0, &range), -EPROTO);
	entry[0].integer = 0;
	node[1].integer = 0;
	assert_int_equal(slots_range(&map, 0, &range), -EPROTO);
	node[1].integer = 7000;
	entry[2].n = 1;
	assert_int_equal(slots_range(&map, 0, &range), -EPROTO);
	assert_int_equal(slots_range(&entry[0], 0, &range), -EPROTO);
}

static void urls_name_a_place(void **state)
{
	struct redis_place p = {.db = 9};
	const char *why;

	(void)state;
	assert_int_equal(redis_url_parse(SLICE("redis://cache.internal"), &p, &why), 0);
	assert_slice(p.target.host, "cache.internal");
	assert_int_equal(p.target.port, 6379);
	assert_int_equal(p.db, 0);
	assert_false(p.target.tls);
	assert_int_equal(redis_url_parse(SLICE("rediss://[::1]:6380/3"), &p, &why), 0);
	assert_slice(p.target.host, "::1");
	assert_int_equal(p.target.port, 6380);
	assert_int_equal(p.db, 3);
	assert_true(p.target.tls);
	assert_int_equal(redis_url_parse(SLICE("unix:/run/redis.sock?db=2"), &p, &why), 0);
	assert_slice(p.target.unix_path, "/run/redis.sock");
	assert_int_equal(p.db, 2);
	assert_false(p.target.tls);
	assert_int_equal(redis_url_parse(SLICE("unix:///run/redis.sock"), &p, &why), 0);
	assert_slice(p.target.unix_path, "/run/redis.sock");
	assert_int_equal(redis_url_parse(SLICE("redis://h/"), &p, &why), 0);
	assert_int_equal(p.target.unix_path.len, 0);
}

static void other_urls_are_refused(void **state)
{
	const char *const bad[] = {"", "redis:", "redis://", "http://h", "redis://user:secret@h",
	        "redis://:secret@h", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x",
	        "redis://h/1/2", "redis://[::1", "redis://[::1]x", "unix:run",
	        "unix:", "unix:/a?x=1", "unix:/a?db=x", "rediss:///3"};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct redis_place p = {.db = 9};
		const char *why = NULL;

		if (redis_url_parse(slice_str(bad[i]), &p, &why) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(why);
		assert_int_equal(p.db, 9);
	}
}

static void info_says_who_it_is(void **state)
{
	struct redis_info info;

	(void)state;
	assert_int_equal(
	        info_parse(SLICE("# Server\r\nrun_id:abc\r\nrole:master\r\nconnected_slaves:2\r\n"
	                         "master_replid:def\r\nmaster_replid2:00000000000\r\nmaster_repl_"
	                         "offset:77\r\nloading:1\r\n"
	                         "maxmemory_policy:allkeys-lru\r\ncluster_enabled:1\r\n"),
	                &info),
	        0);
	assert_string_equal(info.run_id, "abc");
	assert_string_equal(info.replication, "def");
	assert_int_equal(info.offset, 77);
	assert_int_equal(info.replicas, 2);
	assert_true(info.is_master && info.is_loading && info.evicts && info.is_cluster);
	assert_false(info.was_replica);
	assert_int_equal(info_parse(SLICE("run_id:x\nrole:slave\nmaster_replid2:0a"), &info), 0);
	assert_true(info.was_replica);
	assert_false(info.is_master || info.is_loading || info.evicts || info.is_cluster);
	assert_int_equal(info_parse(SLICE("role:master\r\n"), &info), -EPROTO);
	assert_int_equal(info_parse(SLICE(""), &info), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_checksum_is_that_of_the_specification),
	        cmocka_unit_test(braces_choose_what_counts),
	        cmocka_unit_test(a_map_is_read_strictly),
	        cmocka_unit_test(urls_name_a_place),
	        cmocka_unit_test(other_urls_are_refused),
	        cmocka_unit_test(info_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
