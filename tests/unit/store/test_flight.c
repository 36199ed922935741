/* SPDX-License-Identifier: Apache-2.0 */
/* store/flight: who runs, who waits, what they are told, and that nobody is forgotten, whoever
 * leaves when. */
#include <pthread.h>
#include <stdatomic.h>
#include "base/mem.h"
#include "net/loop.h"
#include "rig/unit.h"
#include "store/flight.h"

#define NEWS_NONE 99u

struct guest {
	struct flight_seat *seat;  /* owned */
	struct cache_entry *entry; /* counted */
	unsigned news, told;
};

static void on_news(void *owner, enum flight_news news, struct cache_entry *entry)
{
	struct guest *g = owner;

	g->news = news;
	g->told++;
	assert_true((news == FLIGHT_HAS_ENTRY) == (entry != NULL));
	if (news == FLIGHT_HAS_ENTRY || news == FLIGHT_ALONE)
		g->seat = NULL;
	g->entry = entry;
}

struct fixture {
	struct flights *flights;
	struct cache *cache;
	struct loop *loop;
};

static int set_up(void **state)
{
	static struct fixture f;

	f.flights = flights_new(100);
	f.cache = cache_new((struct cache_limits){1 << 20, 1 << 10});
	assert_int_equal(loop_new(&f.loop, NULL), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(loop_free(f->loop), 0); /* it delivers what has been posted */
	assert_int_equal(flights_seats(f->flights), 0);
	flights_free(f->flights);
	cache_free(f->cache);
	return 0;
}

static const uint8_t *key_of(unsigned n)
{
	static _Thread_local uint8_t key[CACHE_KEY_LEN];

	key[0] = (uint8_t)n;
	return key;
}

static bool join_as(struct fixture *f, struct guest *g, bool may_run)
{
	const struct flight_guest guest = {f->loop, on_news, g, may_run};
	bool runs;

	*g = (struct guest){.news = NEWS_NONE};
	g->seat = flight_join(f->flights, key_of(1), &guest, &runs);
	return runs;
}

static bool join(struct fixture *f, struct guest *g)
{
	bool runs = join_as(f, g, true);

	assert_non_null(g->seat);
	return runs;
}

static void leave(struct guest *g, struct cache_entry *entry, bool tried)
{
	flight_leave(g->seat, entry, tried);
	g->seat = NULL;
	cache_entry_unref(g->entry);
	g->entry = NULL;
}

static struct cache_entry *answer(struct fixture *f)
{
	const struct cache_content what = {SLICE("t"), SLICE("body"), UINT64_MAX, 0};
	struct cache_entry *e = NULL;

	assert_int_equal(cache_keep(f->cache, key_of(1), &what, &e), 0);
	return e;
}

static void turn(struct fixture *f)
{
	for (unsigned i = 0; i < 3; i++)
		loop_run_once(f->loop, false);
}

static void all_have_the_answer_of_the_first(void **state)
{
	struct fixture *f = *state;
	struct guest first, others[3];

	assert_true(join(f, &first));
	for (unsigned i = 0; i < 3; i++)
		assert_false(join(f, &others[i]));
	struct cache_entry *e = answer(f);
	leave(&first, e, true);
	cache_entry_unref(e);
	assert_int_equal(others[0].told, 0); /* not within the call */
	turn(f);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(others[i].news, FLIGHT_HAS_ENTRY);
		assert_true(slice_is(others[i].entry->body, "body"));
		leave(&others[i], NULL, false);
	}
	assert_int_equal(flights_seats(f->flights), 0);
	assert_true(join(f, &first)); /* it is over: the next one runs */
	leave(&first, NULL, false);
}

static unsigned count(const struct guest *all, unsigned n, unsigned news)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++)
		found += all[i].news == news;
	return found;
}

/* All of the wave that runs fail. */
static void wave_fails(struct fixture *f, struct guest *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (all[i].seat && all[i].news == FLIGHT_RUN)
			leave(&all[i], NULL, true);
	turn(f);
}

static void go_on_in_waves_where_nothing_comes(void **state)
{
	struct fixture *f = *state;
	struct guest first, others[30];

	assert_true(join(f, &first));
	for (unsigned i = 0; i < 30; i++)
		assert_false(join(f, &others[i]));
	leave(&first, NULL, true);
	turn(f);
	assert_int_equal(count(others, 30, FLIGHT_RUN), 4);
	assert_true(others[0].news == FLIGHT_RUN && others[3].news == FLIGHT_RUN);
	wave_fails(f, others, 30);
	assert_int_equal(count(others, 30, FLIGHT_RUN), 4 + 16);
	struct cache_entry *e = answer(f);
	leave(&others[4], e, true); /* one of sixteen brings it for all */
	cache_entry_unref(e);
	turn(f);
	assert_int_equal(count(others, 30, FLIGHT_HAS_ENTRY), 10);
	assert_true(join(f, &first)); /* those that still run are asked by nobody any more */
	leave(&first, NULL, true);
	for (unsigned i = 0; i < 30; i++)
		leave(&others[i], NULL, true);
}

static void one_takes_over_from_one_that_never_went(void **state)
{
	struct fixture *f = *state;
	struct guest first, others[5];

	assert_true(join(f, &first));
	for (unsigned i = 0; i < 5; i++)
		join_as(f, &others[i], i != 0);
	leave(&first, NULL, false);
	turn(f);
	assert_int_equal(others[0].news, FLIGHT_ALONE); /* what it brings is for nobody else */
	assert_int_equal(others[1].news, FLIGHT_RUN);
	assert_int_equal(count(others, 5, NEWS_NONE), 3);
	assert_false(join_as(f, &first, false));
	leave(&first, NULL, false);
	for (unsigned i = 0; i < 5; i++)
		leave(&others[i], NULL, false);
	assert_false(join_as(f, &first, false));
	assert_null(first.seat); /* there is nobody to wait for */
}

static void goes_on_for_the_last_who_waits(void **state)
{
	struct fixture *f = *state;
	struct guest first, second, third;

	assert_true(join(f, &first));
	assert_false(flight_is_wanted(first.seat));
	assert_false(join(f, &second));
	assert_false(join(f, &third));
	assert_true(flight_is_wanted(first.seat));
	leave(&second, NULL, false);
	turn(f);
	assert_int_equal(first.told, 0);
	leave(&third, NULL, false);
	turn(f);
	assert_int_equal(first.news, FLIGHT_UNWANTED);
	assert_false(flight_is_wanted(first.seat));
	assert_false(join(f, &second)); /* somebody comes after all */
	assert_true(flight_is_wanted(first.seat));
	leave(&second, NULL, false);
	leave(&first, NULL, true); /* before its letter was delivered */
	turn(f);
	assert_int_equal(first.told, 1);
}

static void who_leaves_is_told_nothing(void **state)
{
	struct fixture *f = *state;
	struct guest first, second, third;

	assert_true(join(f, &first));
	assert_false(join(f, &second));
	assert_false(join(f, &third));
	leave(&first, NULL, false);
	leave(&second, NULL, false); /* it was to run: the next one does */
	turn(f);
	assert_int_equal(second.told, 0);
	assert_int_equal(third.news, FLIGHT_RUN);
	assert_false(join(f, &second));
	struct cache_entry *e = answer(f);
	leave(&third, e, true);
	cache_entry_unref(e);
	leave(&second, NULL, false); /* the answer is on its way to it */
	turn(f);
	assert_int_equal(second.told, 0);
}

static void a_crowd_goes_alone(void **state)
{
	struct fixture *f = *state;
	struct guest all[101];

	for (unsigned i = 0; i < 101; i++)
		assert_int_equal(join_as(f, &all[i], true), i == 0);
	assert_null(all[100].seat);
	for (unsigned i = 100; i-- > 0;)
		leave(&all[i], NULL, false);
	mem_fail_after(0);
	join_as(f, &all[0], true);
	assert_null(all[0].seat);
	mem_fail_after(1);
	join_as(f, &all[0], true);
	assert_null(all[0].seat);
	mem_fail_after(-1);
}

/* ---- threads: whoever waits hears of it in the end, or leaves */

#define CALLS 64u
#define ROUNDS 3000u

struct caller {
	struct guest guest;
	struct hammer *hammer;
	unsigned left; /* rounds until it is done; 0: it is not there */
	bool runs, unwatched;
};

struct hammer {
	struct fixture *f;
	struct loop *loop;
	unsigned seed;
	struct caller callers[CALLS];
	unsigned waiting; /* callers that may only go on once they are told */
};

static _Atomic unsigned working;

static unsigned chance(struct hammer *h, unsigned of)
{
	return ((h->seed = h->seed * 1103515245 + 12345) >> 16) % of;
}

static void caller_news(void *owner, enum flight_news news, struct cache_entry *entry)
{
	struct caller *c = owner;

	if (news == FLIGHT_UNWANTED) {
		assert_true(c->runs);
		if (flight_is_wanted(c->guest.seat))
			return;
		flight_leave(c->guest.seat, NULL, true);
		c->left = 0;
		return;
	}
	assert_true(c->left && !c->runs);
	c->hammer->waiting--;
	c->left = 0;
	if (news == FLIGHT_RUN) {
		c->runs = true;
		c->left = 1 + chance(c->hammer, 8);
	}
	cache_entry_unref(entry);
}

static void caller_begins(struct caller *c)
{
	struct hammer *h = c->hammer;
	const struct flight_guest guest = {h->loop, caller_news, c, chance(h, 8) != 0};

	c->guest.seat = flight_join(h->f->flights, key_of(chance(h, 3)), &guest, &c->runs);
	if (!c->guest.seat)
		return;
	h->waiting += !c->runs;
	c->left = 1 + chance(h, 8);
}

static void caller_goes_on(struct caller *c)
{
	struct hammer *h = c->hammer;
	struct cache_entry *e = NULL;

	if (!c->runs) {
		if (chance(h, 16))
			return;
		h->waiting--;
	} else {
		if (--c->left)
			return;
		if (chance(h, 4) == 0 && flight_is_wanted(c->guest.seat)) {
			c->left = 3;
			return;
		}
		if (chance(h, 2))
			e = answer(h->f);
	}
	flight_leave(c->guest.seat, e, chance(h, 2));
	cache_entry_unref(e);
	c->left = 0;
}

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	bool any = true;

	for (unsigned i = 0; i < ROUNDS || any; i++) {
		any = false;
		for (unsigned k = 0; k < CALLS; k++) {
			struct caller *c = &h->callers[k];
			c->hammer = h;
			if (c->left)
				caller_goes_on(c);
			else if (i < ROUNDS && chance(h, 4) == 0)
				caller_begins(c);
			any |= c->left > 0;
		}
		loop_run_once(h->loop, false);
	}
	assert_int_equal(h->waiting, 0);
	atomic_fetch_sub(&working, 1);
	while (atomic_load(&working)) /* others may still post to it */
		loop_run_once(h->loop, false);
	return NULL;
}

static void nobody_is_forgotten_over_threads(void **state)
{
	static struct hammer hammers[4];
	struct fixture f = *(struct fixture *)*state;
	pthread_t threads[4];

	f.flights = flights_new(4 * CALLS - 20);
	atomic_store(&working, 4);
	for (unsigned i = 0; i < 4; i++) {
		hammers[i] = (struct hammer){.f = &f, .seed = i + 1};
		assert_int_equal(loop_new(&hammers[i].loop, NULL), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(loop_free(hammers[i].loop), 0);
	assert_int_equal(flights_seats(f.flights), 0);
	flights_free(f.flights);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(all_have_the_answer_of_the_first),
	        T(go_on_in_waves_where_nothing_comes),
	        T(one_takes_over_from_one_that_never_went),
	        T(goes_on_for_the_last_who_waits),
	        T(who_leaves_is_told_nothing),
	        T(a_crowd_goes_alone),
	        T(nobody_is_forgotten_over_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
