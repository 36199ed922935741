/* SPDX-License-Identifier: Apache-2.0 */
/* redis slots, URLs and INFO: texts that decide where an ask goes. */
#include "rig/unit.h"
#include "store/redis/info.h"
#include "store/redis/slots.h"

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
	        cmocka_unit_test(info_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
