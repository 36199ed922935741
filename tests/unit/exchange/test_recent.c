/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of exchange/recent: an agent finds what it called itself, for ten minutes, and the memory
 * has a ceiling. */
#include "rig/unit.h"
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "exchange/recent.h"
#include "rig/starve.h"

#define WALL (1767225600ull * NS_PER_S)

static struct recent *all;

static int begin(void **state)
{
	(void)state;
	all = recent_new();
	return !all;
}

static int end(void **state)
{
	(void)state;
	recent_free(all);
	return 0;
}

static struct record record_of(unsigned number, const char *agent, const char *user)
{
	struct record r = {.wall_ns = WALL,
	        .agent = slice_str(agent),
	        .user = slice_str(user),
	        .model = SLICE("m")};

	snprintf(r.request_id, sizeof(r.request_id), "%026u", number);
	r.status = 200;
	return r;
}

static int look(
        unsigned number, const char *agent, const char *user, uint64_t wall, struct buf *out)
{
	char id[27];

	buf_clear(out);
	snprintf(id, sizeof(id), "%026u", number);
	return recent_write(all, slice_str(id), slice_str(agent), slice_str(user), wall, out);
}

static void a_call_is_found_by_the_agent_that_made_it_only(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct record r = record_of(1, "a", "");

	(void)state;
	recent_add(all, &r);
	assert_int_equal(look(1, "a", "", WALL, &out), 0);
	assert_int_equal(look(1, "a", "u", WALL, &out), 0);
	assert_int_equal(look(1, "b", "", WALL, &out), -ENOENT);
	assert_int_equal(look(1, "", "", WALL, &out), -ENOENT);
	assert_int_equal(look(2, "a", "", WALL, &out), -ENOENT);
	assert_int_equal(
	        recent_write(all, SLICE("short"), SLICE("a"), SLICE(""), WALL, &out), -ENOENT);
	buf_finish(&out);
}

static void a_call_for_a_user_is_found_by_that_user_only(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct record r = record_of(1, "a", "u");

	(void)state;
	recent_add(all, &r);
	assert_int_equal(look(1, "a", "u", WALL, &out), 0);
	assert_int_equal(look(1, "a", "", WALL, &out), -ENOENT);
	assert_int_equal(look(1, "a", "v", WALL, &out), -ENOENT);
	buf_finish(&out);
}

static void it_is_forgotten_after_ten_minutes(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct record r = record_of(1, "a", "");

	(void)state;
	recent_add(all, &r);
	assert_int_equal(look(1, "a", "", WALL + 600 * NS_PER_S, &out), 0);
	assert_int_equal(look(1, "a", "", WALL + 600 * NS_PER_S + 1, &out), -ENOENT);
	buf_finish(&out);
}

static bool has(const struct buf *b, const char *text)
{
	return memmem(buf_slice(b).at, buf_len(b), text, strlen(text));
}

static void it_says_what_the_call_cost_and_why_it_was_refused(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct record r = record_of(1, "a", "");

	(void)state;
	r.fault = FAULT_MODEL_DENIED;
	r.status = 403;
	r.cost = 1500;
	r.usage.in_uncached = 3;
	r.usage.in_cache_read = 4;
	r.usage.out_text = 5;
	r.attempts = 2;
	r.latency_ns = 12 * NS_PER_MS;
	r.upstream_model = SLICE("real");
	recent_add(all, &r);
	assert_int_equal(look(1, "a", "", WALL, &out), 0);
	assert_true(has(&out, "\"status\":403"));
	assert_true(has(&out, "\"code\":\"model_denied\""));
	assert_true(has(&out, "\"reason\":\"This agent may not use this model;"));
	assert_true(has(&out, "\"model\":\"real\""));
	assert_true(has(&out, "\"tokens_input\":7"));
	assert_true(has(&out, "\"tokens_cached\":4"));
	assert_true(has(&out, "\"tokens_output\":5"));
	assert_true(has(&out, "\"cost_usd\":0.0000015"));
	assert_true(has(&out, "\"attempts\":2"));
	assert_true(has(&out, "\"latency_ms\":12"));
	buf_finish(&out);
}

static void an_unknown_price_is_null(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct record r = record_of(1, "a", "");

	(void)state;
	r.price_unknown = true;
	recent_add(all, &r);
	assert_int_equal(look(1, "a", "", WALL, &out), 0);
	assert_true(has(&out, "\"cost_usd\":null"));
	buf_finish(&out);
}

static void a_long_name_is_cut_between_characters_and_stays_json(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct record r = record_of(1, "a", "");
	char name[101];

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		memcpy(name + 2 * i, "\xc3\xa9", 2);
	r.model = slice_from(name, 100);
	recent_add(all, &r);
	assert_int_equal(look(1, "a", "", WALL, &out), 0);
	assert_false(has(&out, "\xef\xbf\xbd"));
	assert_false(has(&out, "\xc3\""));
	buf_finish(&out);
}

static void the_oldest_make_room_and_memory_has_a_ceiling(void **state)
{
	struct buf out = BUF_INIT(4096);
	unsigned found = 0, early = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * RECENT_MAX; i++) {
		struct record r = record_of(i, "a", "");
		recent_add(all, &r);
		assert_int_equal(look(i, "a", "", WALL, &out), 0);
	}
	mem_fail_after(100000);
	for (unsigned i = 0; i < 1000; i++) {
		struct record r = record_of(3 * RECENT_MAX + i, "a", "");
		recent_add(all, &r);
	}
	assert_int_equal(mem_count(), 0);
	mem_fail_after(-1);
	for (unsigned i = 0; i < 3 * RECENT_MAX + 1000; i++)
		if (look(i, "a", "", WALL, &out) == 0) {
			found++;
			early += i < RECENT_MAX;
		}
	assert_true(found <= RECENT_MAX && found > RECENT_MAX * 9 / 10);
	assert_int_equal(early, 0);
	buf_finish(&out);
}

static int starved(void *arg)
{
	struct recent *r = recent_new();
	struct buf out = BUF_INIT(4096);
	int e = -ENOMEM;

	(void)arg;
	for (unsigned i = 0; r && i < 600; i++) {
		struct record one = record_of(i, "a", "");
		recent_add(r, &one);
	}
	if (r)
		e = recent_write(
		        r, SLICE("00000000000000000000000599"), SLICE("a"), SLICE(""), WALL, &out);
	buf_finish(&out);
	recent_free(r);
	return e == -ENOENT ? -ENOMEM : e;
}

static void without_memory_calls_are_forgotten_and_nothing_else_happens(void **state)
{
	(void)state;
	starve(starved, NULL);
}

static struct slice only_b(void *arg, uint64_t hash)
{
	(void)arg;
	return hash == hash_bytes(SLICE("b")) ? SLICE("b") : SLICE("");
}

static void operators_see_the_latest_of_all(void **state)
{
	struct buf out = BUF_INIT(1u << 20);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct record r = record_of(i, i % 2 ? "a" : "b", "ann");

		r.wall_ns += i * NS_PER_S;
		recent_add(all, &r);
	}
	assert_int_equal(recent_list(all, WALL + 10 * NS_PER_S, 2, only_b, NULL, &out), 0);
	assert_true(slice_starts(buf_slice(&out), SLICE("[{\"agent\":\"b\",\"id\":"
	                                                "\"00000000000000000000000004\"")));
	assert_non_null(memmem(buf_at(&out), buf_len(&out), "{\"agent\":null,\"id\":", 19));
	assert_null(memmem(buf_at(&out), buf_len(&out), "00000000000000000000000002", 26));
	assert_null(memmem(buf_at(&out), buf_len(&out), "ann", 3));
	buf_clear(&out);
	assert_int_equal(recent_list(all, WALL + 604 * NS_PER_S, 100, only_b, NULL, &out), 0);
	assert_null(memmem(buf_at(&out), buf_len(&out), "00000000000000000000000003", 26));
	assert_non_null(memmem(buf_at(&out), buf_len(&out), "00000000000000000000000004", 26));
	buf_finish(&out);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        T(operators_see_the_latest_of_all),
	        T(a_call_is_found_by_the_agent_that_made_it_only),
	        T(a_call_for_a_user_is_found_by_that_user_only),
	        T(it_is_forgotten_after_ten_minutes),
	        T(it_says_what_the_call_cost_and_why_it_was_refused),
	        T(an_unknown_price_is_null),
	        T(a_long_name_is_cut_between_characters_and_stays_json),
	        T(the_oldest_make_room_and_memory_has_a_ceiling),
	        T(without_memory_calls_are_forgotten_and_nothing_else_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
