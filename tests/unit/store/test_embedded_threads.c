/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/embedded with workers that all want the same: never more than there is, and
 * nothing lost; for ThreadSanitizer above all. */
#include "unit/store/store_rig.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define WORKERS 8u
#define ROUNDS 3000u

static atomic_ullong ticks;
static atomic_uint running, ran, wrong;
static atomic_ullong cost_ran;

/* A microsecond each time somebody asks. */
static uint64_t tick(struct clock *c)
{
	(void)c;
	return NS_PER_S + NS_PER_US * atomic_fetch_add(&ticks, 1);
}

static struct clock ticking = {tick, tick};

static int begin(void **state)
{
	(void)state;
	running = ran = wrong = 0;
	ticks = cost_ran = 0;
	embedded = embedded_new((struct table_limits){1000000, 1u << 28}, &ticking);
	store = embedded_store(embedded);
	return 0;
}

static void work(void *(*work_on)(void *))
{
	pthread_t threads[WORKERS];

	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work_on, (void *)i), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
}

static uint32_t rnd(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static struct admission admission_of(struct demand *d, unsigned n, nanousd cost)
{
	return (struct admission){.demands = d,
	        .n = n,
	        .now_wall_ns = WALL_S * NS_PER_S,
	        .expires = UINT64_MAX,
	        .reservation = {.fixed_cost = cost, .fixed_tokens = 3}};
}

static void settle_it(struct admission *it, bool has_run, nanousd cost)
{
	store->ops->settle(store, it, &(struct settlement){has_run, cost, 3});
}

/* ---- a budget for exactly 500 calls ---- */

#define CALLS 500u
#define CALL_COST 7

static void *spend(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	for (;;) {
		struct demand d[2] = {
		        slot("s", 1000), budget("b", CALLS * CALL_COST, BUDGET_NO_TOKENS)};
		struct admission it = admission_of(d, 2, CALL_COST);

		store->ops->admit(store, &it);
		if (!it.granted && d[1].state == DEMAND_REFUSED)
			return NULL;
		if (!it.granted)
			continue;
		if (d[1].spent_cost + d[1].reserved_cost > CALLS * CALL_COST)
			wrong++;
		if (rnd(&seed) % 4) {
			ran++;
			settle_it(&it, true, CALL_COST);
		} else {
			settle_it(&it, false, 0);
		}
	}
}

static void a_budget_for_500_calls_lets_500_calls_run(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		rig_end(NULL);
		begin(NULL);
		work(spend);
		assert_int_equal(ran, CALLS);
		check_budget(
		        budget("b", CALLS * CALL_COST, BUDGET_NO_TOKENS), CALLS * CALL_COST, 0);
	}
}

/* ---- slots ---- */

#define SLOTS 3u

static void *occupy(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct demand d[3] = {slot("s", SLOTS), rate("r", 1000000, 1),
		        budget("b", 2 * CALL_COST, BUDGET_NO_TOKENS)};
		struct admission it = admission_of(d, 3, CALL_COST);

		store->ops->admit(store, &it);
		if (!it.granted)
			continue;
		if (atomic_fetch_add(&running, 1) >= SLOTS)
			wrong++;
		ran++;
		running--;
		settle_it(&it, rnd(&seed) % 2, 0);
	}
	return NULL;
}

static void slots_are_never_too_many_and_none_is_lost(void **state)
{
	struct demand d[SLOTS + 1];
	struct admission all[SLOTS + 1];

	(void)state;
	work(occupy);
	assert_true(ran > 0);
	for (unsigned i = 0; i <= SLOTS; i++) {
		d[i] = slot("s", SLOTS);
		all[i] = admission_of(&d[i], 1, 0);
		store->ops->admit(store, &all[i]);
		assert_int_equal(all[i].granted, i < SLOTS);
	}
}

/* ---- a rate ---- */

static void *hurry(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS * 10; i++) {
		struct demand d = rate("r", 99991, 1);
		struct admission it = admission_of(&d, 1, 0);

		d.rate.burst = 50;
		store->ops->admit(store, &it);
		if (!it.granted)
			continue;
		ran++;
		settle_it(&it, true, 0);
	}
	return NULL;
}

static void a_rate_grants_limit_times_time_and_burst_and_99_percent_of_it(void **state)
{
	(void)state;
	work(hurry);
	uint64_t most = 99991 * ticks / 1000000 + 50;
	assert_true(ran <= most);
	assert_true(ran * 100ull >= most * 99);
}

/* ---- all at once: groups in every order, sweeps, walks, loads ---- */

#define GROUPS 7u

static void count_visit(void *arg, const struct counter *c)
{
	*(uint64_t *)arg += (uint64_t)c->spent_cost;
	if (c->reserved_cost < 0 || !c->group.len)
		wrong++;
}

static void *mix(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;
	uint64_t sum = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct demand d[4];
		struct admission it = admission_of(d, 4, 10);
		char groups[4][8], names[4][12];

		for (unsigned k = 0; k < 4; k++) {
			snprintf(groups[k], sizeof(groups[k]), "g%u", rnd(&seed) % GROUPS);
			snprintf(names[k], sizeof(names[k]), "n%u", rnd(&seed) % 500);
			d[k] = k ? budget(names[k], BUDGET_NO_COST, BUDGET_NO_TOKENS)
			         : rate(names[k], 1000000, 1);
			d[k].group = slice_str(groups[k]);
		}
		store->ops->admit(store, &it);
		if (rnd(&seed) % 512 == 0)
			embedded_walk(embedded, count_visit, &sum);
		if (rnd(&seed) % 32 == 0)
			embedded_sweep(embedded);
		if (!it.granted)
			continue;
		for (unsigned k = 1; k < 4; k++)
			if (d[k].held)
				cost_ran += 4;
		settle_it(&it, true, 4);
		embedded_load(embedded, SLICE("g1"), SLICE("loaded"), WALL_S, UINT64_MAX, 1, 0);
		cost_ran++;
	}
	return NULL;
}

static void groups_in_any_order_wait_for_nobody_for_ever_and_the_books_match(void **state)
{
	uint64_t sum = 0;

	(void)state;
	work(mix);
	embedded_walk(embedded, count_visit, &sum);
	assert_int_equal(sum, cost_ran);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(a_budget_for_500_calls_lets_500_calls_run),
	        T(slots_are_never_too_many_and_none_is_lost),
	        T(a_rate_grants_limit_times_time_and_burst_and_99_percent_of_it),
	        T(groups_in_any_order_wait_for_nobody_for_ever_and_the_books_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
