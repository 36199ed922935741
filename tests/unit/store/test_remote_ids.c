/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of how many counters of budgets one group may have on a shared store: ids that callers
 * choose have a ceiling. */
#include "store/remote_core.h"
#include "unit/store/remote_rig.h"

static uint64_t hour;

static struct demand of_id(const char *id)
{
	struct demand d = budget_in(id, 100, BUDGET_NO_TOKENS, 0, (hour + 24) * 3600);

	d.of_id = true;
	return d;
}

static int begin(void **state)
{
	rig_begin(state);
	hour = clock_wall(&clock_system) / NS_PER_S / 3600;
	for (unsigned i = 0; i < STORES; i++)
		remotes[i]->ids_max = 3;
	return 0;
}

static int ask(struct demand d)
{
	int r;

	x.demands[0] = d;
	x.a.reservation.fixed_cost = 1;
	r = admit(1);
	if (r == 1)
		settle(true, 1, 0);
	return r;
}

static void fill(void)
{
	static const char *const names[] = {"one", "two", "three"};

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ask(of_id(names[i])), 1);
}

static void one_id_too_many_is_refused_and_those_there_are_not(void **state)
{
	(void)state;
	fill();
	assert_int_equal(ask(of_id("four")), 0);
	assert_int_equal(x.demands[0].state, DEMAND_CROWDED);
	assert_int_equal(x.a.refused_by, 0);
	check_budget(of_id("four"), 0, 0);
	fill();
	x.demands[0] = of_id("four");
	x.demands[0].group = SLICE("a:two");
	assert_int_equal(admit(1), 1);
	settle(false, 0, 0);
}

static void a_soft_one_too_many_is_not_counted(void **state)
{
	struct demand soft = of_id("four");

	(void)state;
	fill();
	soft.soft = true;
	assert_int_equal(ask(soft), 1);
	assert_int_equal(x.demands[0].state, DEMAND_CROWDED);
	check_budget(of_id("four"), 0, 0);
}

/* An id is as live as its counter: one that is used again stays one, and none is counted for ever.
 */
static void ids_that_have_ended_leave_room_and_those_that_go_on_count_once(void **state)
{
	struct demand later = of_id("one");

	(void)state;
	fill();
	later.budget.ends += 2 * 3600;
	assert_int_equal(ask(later), 1);
	redis_server_must(&server, "HDEL weir:{a:one}:n %llu", (unsigned long long)hour + 23);
	redis_server_must(&server, "HSET weir:{a:one}:n %llu 2", (unsigned long long)hour - 1);
	assert_int_equal(ask(of_id("four")), 1);
	assert_int_equal(ask(of_id("five")), 1);
	assert_int_equal(ask(of_id("six")), 0);
	assert_int_equal(x.demands[0].state, DEMAND_CROWDED);
}

static void ids_are_counted_in_the_hour_in_which_they_end(void **state)
{
	struct redisReply *r;

	(void)state;
	fill();
	r = redis_server_do(&server, "HGET weir:{a:one}:n %llu", (unsigned long long)hour + 23);
	assert_int_equal(r->type, REDIS_REPLY_STRING);
	assert_string_equal(r->str, "3");
	freeReplyObject(r);
}

static void counters_without_an_end_count_as_long_as_they_are(void **state)
{
	struct demand total = of_id("total");

	(void)state;
	total.budget.ends = WINDOW_NEVER_ENDS;
	assert_int_equal(ask(total), 1);
	assert_int_equal(ask(of_id("one")), 1);
	assert_int_equal(ask(of_id("two")), 1);
	assert_int_equal(ask(of_id("three")), 0);
	assert_int_equal(ask(total), 1);
}

/* A group's own begin anew with each window, however many ids it has. */
static void counters_of_no_id_are_neither_counted_nor_refused(void **state)
{
	struct demand day = of_id("day");

	(void)state;
	day.of_id = false;
	assert_int_equal(ask(day), 1);
	fill();
	assert_int_equal(ask(of_id("four")), 0);
	day.budget.window = hour * 3600;
	assert_int_equal(ask(day), 1);
	check_budget(day, 1, 0);
	assert_int_equal(ask(of_id("four")), 0);
	fill();
}

/* It ran until long after its window, and all that was known of it is gone: it is charged, and what counts it goes away. */
static void what_counts_ids_ends_even_if_all_of_them_have(void **state)
{
	struct hold *h;
	struct redisReply *r;

	(void)state;
	x.demands[0] = of_id("one");
	x.a.reservation.fixed_cost = 1;
	assert_int_equal(admit(1), 1);
	h = container_of(remotes[0]->held.next, struct hold, link);
	h->demands[0].budget.ends = (hour - 2) * 3600;
	redis_server_must(&server, "DEL weir:{a:one}:i:%s weir:{a:one}:b:one weir:{a:one}:n", x.id);
	settle(true, 1, 0);
	r = redis_server_do(&server, "TTL weir:{a:one}:n");
	assert_in_range(r->integer, 1, 120);
	freeReplyObject(r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(one_id_too_many_is_refused_and_those_there_are_not),
	        T(a_soft_one_too_many_is_not_counted),
	        T(ids_that_have_ended_leave_room_and_those_that_go_on_count_once),
	        T(ids_are_counted_in_the_hour_in_which_they_end),
	        T(counters_without_an_end_count_as_long_as_they_are),
	        T(what_counts_ids_ends_even_if_all_of_them_have),
	        T(counters_of_no_id_are_neither_counted_nor_refused),
	};

	return redis_server_can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
