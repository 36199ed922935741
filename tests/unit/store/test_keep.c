/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/keep: what is claimed runs at most once while it is remembered, whoever dies; what
 * is put under a version is put once; and nothing grows without end. The journal's part is
 * test_book_kept.c. */
#include "rig/unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include "base/mem.h"
#include "rig/fake_clock.h"
#include "store/keep.h"

#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)

static struct fake_clock fake;
static struct keep *keep;

static int begin_with(struct keep_limits limits)
{
	fake_clock_init(&fake);
	keep = keep_new(limits, &fake.clock);
	return keep ? 0 : -ENOMEM;
}

static int begin(void **state)
{
	(void)state;
	return begin_with((struct keep_limits){8u << 20, 4u << 20, 1000});
}

static int begin_small(void **state)
{
	(void)state;
	return begin_with((struct keep_limits){16000, 10000, 10});
}

static int end(void **state)
{
	(void)state;
	keep_free(keep);
	return 0;
}

static struct value_claim claim_of(const char *name, const char *id, const char *mark)
{
	return (struct value_claim){.group = SLICE("a:one"),
	        .name = slice_str(name),
	        .id = slice_str(id),
	        .mark = slice_str(mark),
	        .now_wall_ns = fake.wall,
	        .until = fake.wall + 60 * NS_PER_S,
	        .ends = fake.wall + DAY};
}

static struct value_claim claim(const char *name, const char *id)
{
	struct value_claim c = claim_of(name, id, "args");

	assert_int_equal(keep_claim(keep, &c), READY);
	return c;
}

static enum claim_state stands(const char *name)
{
	struct value_claim c = claim(name, "other");

	blob_unref(c.found);
	if (c.state == CLAIM_OWNED) {
		keep_finish(keep, &c, CLAIM_UNUSED, SLICE(""));
		return CLAIM_OWNED;
	}
	return c.state;
}

static void what_is_claimed_is_one_callers_until_he_says_how_it_ended(void **state)
{
	struct value_claim c = claim("k", "id1"), again;

	(void)state;
	assert_int_equal(c.state, CLAIM_OWNED);
	assert_int_equal(stands("k"), CLAIM_BUSY);
	assert_int_equal(stands("another"), CLAIM_OWNED);
	keep_finish(keep, &c, CLAIM_RECORDED, SLICE("the answer"));
	for (unsigned i = 0; i < 3; i++) {
		again = claim("k", "id2");
		assert_int_equal(again.state, CLAIM_FOUND);
		assert_slice(blob_slice(again.found), "the answer");
		blob_unref(again.found);
	}
	fake_clock_advance(&fake, DAY);
	assert_int_equal(stands("k"), CLAIM_OWNED);
}

static void an_empty_answer_is_an_answer(void **state)
{
	struct value_claim c = claim("k", "id1");

	(void)state;
	keep_finish(keep, &c, CLAIM_RECORDED, SLICE(""));
	assert_int_equal(stands("k"), CLAIM_FOUND);
}

static void other_arguments_under_one_name_are_told(void **state)
{
	struct value_claim c = claim("k", "id1"), other = claim_of("k", "id2", "other args");

	(void)state;
	assert_int_equal(keep_claim(keep, &other), READY);
	assert_int_equal(other.state, CLAIM_OTHER);
	keep_finish(keep, &c, CLAIM_UNKNOWN, SLICE(""));
	assert_int_equal(keep_claim(keep, &other), READY);
	assert_int_equal(other.state, CLAIM_OTHER);
	assert_int_equal(stands("k"), CLAIM_LOST);
}

static void groups_and_types_have_names_of_their_own(void **state)
{
	struct value_claim c = claim("k", "id1"), other = claim_of("k", "id2", "args");
	struct value v = {.group = SLICE("a:one"), .name = SLICE("k"), .now_wall_ns = fake.wall};

	(void)state;
	other.group = SLICE("a:two");
	assert_int_equal(keep_claim(keep, &other), READY);
	assert_int_equal(other.state, CLAIM_OWNED);
	assert_int_equal(keep_get(keep, &v), READY);
	assert_int_equal(v.state, VALUE_ABSENT);
	other.group = SLICE("a:on");
	other.name = SLICE("ek");
	assert_int_equal(keep_claim(keep, &other), READY);
	assert_int_equal(other.state, CLAIM_OWNED);
	keep_finish(keep, &c, CLAIM_UNUSED, SLICE(""));
}

static void what_did_not_happen_may_be_claimed_again(void **state)
{
	struct value_claim c = claim("k", "id1");

	(void)state;
	keep_finish(keep, &c, CLAIM_UNUSED, SLICE("not looked at"));
	c = claim("k", "id2");
	assert_int_equal(c.state, CLAIM_OWNED);
}

/* Who has died may have run it: nobody runs it again, and nobody can say how it ended. */
static void a_dead_owners_claim_is_lost_and_not_free(void **state)
{
	struct value_claim c = claim("k", "id1");

	(void)state;
	fake_clock_advance(&fake, 60 * NS_PER_S - 1);
	assert_int_equal(stands("k"), CLAIM_BUSY);
	fake_clock_advance(&fake, 1);
	assert_int_equal(stands("k"), CLAIM_LOST);
	fake_clock_advance(&fake, DAY - 61 * NS_PER_S);
	assert_int_equal(stands("k"), CLAIM_LOST);
	/* He was only late. */
	keep_finish(keep, &c, CLAIM_RECORDED, SLICE("late"));
	assert_int_equal(stands("k"), CLAIM_FOUND);
	fake_clock_advance(&fake, NS_PER_S);
	assert_int_equal(stands("k"), CLAIM_OWNED);
}

static void who_comes_after_the_end_changes_nothing_of_the_next_one(void **state)
{
	struct value_claim late = claim("k", "id1"), c;

	(void)state;
	fake_clock_advance(&fake, DAY);
	c = claim("k", "id2");
	keep_finish(keep, &late, CLAIM_RECORDED, SLICE("of the day before"));
	assert_int_equal(stands("k"), CLAIM_BUSY);
	keep_finish(keep, &c, CLAIM_RECORDED, SLICE("today's"));
	assert_int_equal(stands("k"), CLAIM_FOUND);
}

static void an_answer_that_is_too_long_is_lost_and_does_not_run_again(void **state)
{
	char *bytes = mem_zalloc(VALUE_MAX + 1);
	struct value_claim c = claim("k", "id1"), d = claim("l", "id2");

	(void)state;
	keep_finish(keep, &c, CLAIM_RECORDED, slice_from(bytes, VALUE_MAX + 1));
	assert_int_equal(stands("k"), CLAIM_LOST);
	keep_finish(keep, &d, CLAIM_RECORDED, slice_from(bytes, VALUE_MAX));
	assert_int_equal(stands("l"), CLAIM_FOUND);
	mem_free(bytes);
}

static void texts_have_ceilings(void **state)
{
	static const char text[300];
	struct value_claim c = claim_of("k", "id", "args");
	struct value v = {.group = SLICE("g"), .name = slice_from(text, VALUE_NAME_MAX + 1)};

	(void)state;
	c.name = slice_from(text, VALUE_NAME_MAX + 1);
	assert_int_equal(keep_claim(keep, &c), -EMSGSIZE);
	c = claim_of("k", "id", "args");
	c.group = slice_from(text, VALUE_GROUP_MAX + 1);
	assert_int_equal(keep_claim(keep, &c), -EMSGSIZE);
	c = claim_of("k", "id", "args");
	c.id = slice_from(text, CLAIM_ID_MAX + 1);
	assert_int_equal(keep_claim(keep, &c), -EMSGSIZE);
	c = claim_of("k", "id", "args");
	c.mark = slice_from(text, CLAIM_MARK_MAX + 1);
	assert_int_equal(keep_claim(keep, &c), -EMSGSIZE);
	assert_int_equal(c.state, CLAIM_NOT_ASKED);
	assert_int_equal(keep_get(keep, &v), -EMSGSIZE);
	assert_int_equal(keep_put(keep, &v), -EMSGSIZE);
	c = claim_of("k", "id", "args");
	c.group = slice_from(text, VALUE_GROUP_MAX);
	c.name = slice_from(text, VALUE_NAME_MAX);
	c.id = slice_from(text, CLAIM_ID_MAX);
	c.mark = slice_from(text, CLAIM_MARK_MAX);
	assert_int_equal(keep_claim(keep, &c), READY);
	keep_finish(keep, &c, CLAIM_RECORDED, SLICE("x"));
	assert_int_equal(keep_claim(keep, &c), READY);
	assert_int_equal(c.state, CLAIM_FOUND);
	blob_unref(c.found);
}

/* ---- ceilings */

static void a_group_has_its_ceiling_and_others_do_not_feel_it(void **state)
{
	struct value_claim other = claim_of("k", "id", "args");
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		assert_int_equal(claim(name, "id").state, CLAIM_OWNED);
	}
	assert_int_equal(claim("k10", "id").state, CLAIM_CROWDED);
	assert_int_equal(stands("k0"), CLAIM_BUSY);
	other.group = SLICE("a:two");
	assert_int_equal(keep_claim(keep, &other), READY);
	assert_int_equal(other.state, CLAIM_OWNED);
	fake_clock_advance(&fake, DAY);
	keep_sweep(keep);
	assert_int_equal(keep_memory(keep), 0);
	assert_int_equal(claim("k10", "id").state, CLAIM_OWNED);
}

static void the_oldest_answers_make_room_and_stay_known_to_have_run(void **state)
{
	static const char answer[3000];
	static const enum claim_state want[] = {CLAIM_LOST, CLAIM_LOST, CLAIM_FOUND, CLAIM_FOUND};
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		struct value_claim c = claim(name, "id");
		assert_int_equal(c.state, CLAIM_OWNED);
		keep_finish(keep, &c, CLAIM_RECORDED, slice_from(answer, sizeof(answer)));
		assert_true(keep_memory(keep) <= 10000);
	}
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		assert_int_equal(stands(name), want[i]);
	}
	struct value_claim c = claim("huge", "id");
	static const char huge[9900];
	keep_finish(keep, &c, CLAIM_RECORDED, slice_from(huge, sizeof(huge)));
	assert_int_equal(stands("huge"), CLAIM_LOST);
	fake_clock_advance(&fake, DAY);
	keep_sweep(keep);
	assert_int_equal(keep_memory(keep), 0);
}

static void memory_in_all_has_a_ceiling_too(void **state)
{
	static const char answer[9000];
	struct value v = {.group = SLICE("a:one"),
	        .name = SLICE("k"),
	        .now_wall_ns = fake.wall,
	        .ends = fake.wall + HOUR,
	        .bytes = slice_from(answer, sizeof(answer)),
	        .expected = VALUE_ANY};

	(void)state;
	assert_int_equal(keep_put(keep, &v), READY);
	assert_int_equal(v.state, VALUE_STORED);
	v.group = SLICE("a:two");
	assert_int_equal(keep_put(keep, &v), READY);
	assert_int_equal(v.state, VALUE_CROWDED);
	v.ends = fake.wall; /* whoever goes makes room */
	v.group = SLICE("a:one");
	assert_int_equal(keep_put(keep, &v), READY);
	assert_int_equal(keep_memory(keep), 0);
	v.ends = fake.wall + HOUR;
	v.group = SLICE("a:two");
	assert_int_equal(keep_put(keep, &v), READY);
	assert_int_equal(v.state, VALUE_STORED);
}

/* ---- values */

static struct value value_of(const char *bytes, uint64_t expected)
{
	return (struct value){.group = SLICE("t:crew"),
	        .name = SLICE("approval"),
	        .now_wall_ns = fake.wall,
	        .ends = fake.wall + 900 * NS_PER_S,
	        .bytes = slice_str(bytes),
	        .expected = expected};
}

static struct value put(const char *bytes, uint64_t expected)
{
	struct value v = value_of(bytes, expected);

	assert_int_equal(keep_put(keep, &v), READY);
	return v;
}

static struct value get(void)
{
	struct value v = value_of("", 0);

	assert_int_equal(keep_get(keep, &v), READY);
	return v;
}

static void a_value_is_changed_only_by_who_knows_what_stands_there(void **state)
{
	struct value v, w;

	(void)state;
	assert_int_equal(get().state, VALUE_ABSENT);
	v = put("proposed", 0);
	assert_int_equal(v.state, VALUE_STORED);
	w = put("proposed too", 0);
	assert_int_equal(w.state, VALUE_OTHER);
	assert_int_equal(w.version, v.version);
	assert_slice(blob_slice(w.found), "proposed");
	blob_unref(w.found);
	w = put("approved", v.version);
	assert_int_equal(w.state, VALUE_STORED);
	assert_true(w.version > v.version);
	v = put("denied", v.version);
	assert_int_equal(v.state, VALUE_OTHER);
	blob_unref(v.found);
	v = get();
	assert_int_equal(v.state, VALUE_FOUND);
	assert_int_equal(v.version, w.version);
	assert_slice(blob_slice(v.found), "approved");
	blob_unref(v.found);
	fake_clock_advance(&fake, 900 * NS_PER_S);
	assert_int_equal(get().state, VALUE_ABSENT);
	v = put("approved", w.version);
	assert_int_equal(v.state, VALUE_OTHER);
	assert_int_equal(v.version, 0);
	assert_null(v.found);
}

static void a_value_that_ends_at_once_is_gone(void **state)
{
	struct value v, stored;

	(void)state;
	stored = put("x", VALUE_ANY);
	v = value_of("", stored.version);
	v.ends = 0;
	assert_int_equal(keep_put(keep, &v), READY);
	assert_int_equal(v.state, VALUE_STORED);
	assert_int_equal(get().state, VALUE_ABSENT);
	assert_int_equal(keep_memory(keep), 0);
	assert_int_equal(put("y", 0).state, VALUE_STORED);
}

static void values_may_be_replaced_by_any_others(void **state)
{
	struct value v;

	(void)state;
	put("a long text that takes some room", VALUE_ANY);
	assert_int_equal(put("short", VALUE_ANY).state, VALUE_STORED);
	assert_int_equal(
	        put("a long text that takes some more room", VALUE_ANY).state, VALUE_STORED);
	v = get();
	assert_slice(blob_slice(v.found), "a long text that takes some more room");
	blob_unref(v.found);
}

/* ---- loading, sweeping, want of memory */

/* Else Weir would not start again until they have ended. */
static void what_was_granted_before_is_never_too_much_at_the_start(void **state)
{
	struct kept_row row = {.type = KEPT_CLAIM,
	        .state = KEPT_OWNED,
	        .group = SLICE("a:one"),
	        .id = SLICE("id0"),
	        .mark = SLICE("args"),
	        .until = fake.wall + HOUR,
	        .ends = fake.wall + DAY};
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		row.name = slice_str(name);
		row.version = i + 1;
		assert_int_equal(keep_load(keep, &row), 0);
	}
	assert_int_equal(stands("k0"), CLAIM_LOST);
	assert_int_equal(stands("k199"), CLAIM_LOST);
	assert_int_equal(claim("new", "id").state, CLAIM_CROWDED);
}

static void what_a_dead_process_owned_is_lost_from_the_start(void **state)
{
	struct kept_row row = {.type = KEPT_CLAIM,
	        .state = KEPT_OWNED,
	        .group = SLICE("a:one"),
	        .name = SLICE("k"),
	        .id = SLICE("id0"),
	        .mark = SLICE("args"),
	        .version = fake.wall + DAY,
	        .until = fake.wall + HOUR,
	        .ends = fake.wall + DAY};

	(void)state;
	assert_int_equal(keep_load(keep, &row), 0);
	assert_int_equal(stands("k"), CLAIM_LOST);
	row.name = SLICE("l");
	row.state = KEPT_DONE;
	row.bytes = SLICE("kept");
	assert_int_equal(keep_load(keep, &row), 0);
	assert_int_equal(stands("l"), CLAIM_FOUND);
	row.type = KEPT_VALUE;
	row.group = SLICE("t:crew");
	row.name = SLICE("approval");
	assert_int_equal(keep_load(keep, &row), 0);
	struct value v = get();
	assert_slice(blob_slice(v.found), "kept");
	blob_unref(v.found);
	/* Later than all that was loaded, though the clock stands before it. */
	assert_true(put("x", v.version).version > row.version);
}

static void sweeping_finds_whatever_is_over(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 900; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		struct value_claim c = claim(name, "id");
		keep_finish(keep, &c, i % 2 ? CLAIM_RECORDED : CLAIM_UNKNOWN, SLICE("answer"));
	}
	keep_sweep(keep);
	assert_int_equal(stands("k0"), CLAIM_LOST);
	assert_int_equal(stands("k1"), CLAIM_FOUND);
	fake_clock_advance(&fake, DAY);
	for (unsigned i = 0; i < 100 && keep_memory(keep); i++)
		keep_sweep(keep);
	assert_int_equal(keep_memory(keep), 0);
}

static void without_memory_nothing_is_claimed_and_nothing_is_forgotten(void **state)
{
	long n = 0;
	int r;

	(void)state;
	do {
		struct value_claim c = claim_of("k", "id1", "args");
		mem_fail_after(n++);
		r = keep_claim(keep, &c);
		mem_fail_after(-1);
		assert_true(r == READY || (r == -ENOMEM && c.state != CLAIM_OWNED));
		if (r == READY) {
			assert_int_equal(c.state, CLAIM_OWNED);
			mem_fail_after(0);
			keep_finish(keep, &c, CLAIM_RECORDED, SLICE("answer"));
			mem_fail_after(-1);
		}
	} while (r);
	assert_true(n > 2);
	assert_int_equal(stands("k"), CLAIM_LOST); /* not free */
	n = 0;
	do {
		struct value v = value_of("x", 0);
		mem_fail_after(n++);
		r = keep_put(keep, &v);
		mem_fail_after(-1);
		if (r)
			assert_int_equal(get().state, VALUE_ABSENT);
	} while (r);
	n = 0;
	do {
		mem_fail_after(n++);
		struct keep *other = keep_new((struct keep_limits){1, 1, 1}, &fake.clock);
		mem_fail_after(-1);
		r = other ? 0 : -ENOMEM;
		keep_free(other);
	} while (r);
}

/* ---- threads */

#define WORKERS 8u
#define NAMES 200u

static atomic_uint owned[NAMES], stored[NAMES], wrong;

static void *work(void *arg)
{
	unsigned worker = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < NAMES; i++) {
		char name[16], id[16];
		snprintf(name, sizeof(name), "k%u", i);
		snprintf(id, sizeof(id), "w%u-%u", worker, i);
		struct value_claim c = claim_of(name, id, "args");
		wrong += keep_claim(keep, &c) != READY;
		if (c.state == CLAIM_OWNED) {
			owned[i]++;
			keep_finish(keep, &c, CLAIM_RECORDED, SLICE("answer"));
		} else if (c.state == CLAIM_FOUND) {
			wrong += !slice_is(blob_slice(c.found), "answer");
			blob_unref(c.found);
		} else {
			wrong += c.state != CLAIM_BUSY;
		}
		struct value v = value_of("used", 0);
		v.name = slice_str(name);
		wrong += keep_put(keep, &v) != READY;
		stored[i] += v.state == VALUE_STORED;
		blob_unref(v.found);
	}
	return NULL;
}

static void of_many_who_claim_or_use_up_one_does(void **state)
{
	pthread_t threads[WORKERS];

	(void)state;
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(owned[i], 1);
		assert_int_equal(stored[i], 1);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define S(name) cmocka_unit_test_setup_teardown(name, begin_small, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(what_is_claimed_is_one_callers_until_he_says_how_it_ended),
	        T(an_empty_answer_is_an_answer),
	        T(other_arguments_under_one_name_are_told),
	        T(groups_and_types_have_names_of_their_own),
	        T(what_did_not_happen_may_be_claimed_again),
	        T(a_dead_owners_claim_is_lost_and_not_free),
	        T(who_comes_after_the_end_changes_nothing_of_the_next_one),
	        T(an_answer_that_is_too_long_is_lost_and_does_not_run_again),
	        T(texts_have_ceilings),
	        S(a_group_has_its_ceiling_and_others_do_not_feel_it),
	        S(the_oldest_answers_make_room_and_stay_known_to_have_run),
	        S(memory_in_all_has_a_ceiling_too),
	        T(a_value_is_changed_only_by_who_knows_what_stands_there),
	        T(a_value_that_ends_at_once_is_gone),
	        T(values_may_be_replaced_by_any_others),
	        T(what_a_dead_process_owned_is_lost_from_the_start),
	        S(what_was_granted_before_is_never_too_much_at_the_start),
	        T(sweeping_finds_whatever_is_over),
	        T(without_memory_nothing_is_claimed_and_nothing_is_forgotten),
	        T(of_many_who_claim_or_use_up_one_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
