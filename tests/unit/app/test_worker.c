/* SPDX-License-Identifier: Apache-2.0 */
/* worker: how a stop ends it. Its loop has stood while others were stopped; last words have one time for all workers. */
#include "rig/unit.h"
#include <sys/socket.h>
#include <unistd.h>
#include "app/worker.h"
#include "base/mem.h"
#include "rig/fake_clock.h"
#include "rig/net_rig.h"

#define WORKERS 8
#define WORDS (1u << 20) /* more than a small socket takes */

static struct fake_clock standing;
static struct worker workers[WORKERS];
static struct wire *wires[WORKERS];
static int peers[WORKERS];
static size_t heard[WORKERS];
static char words[WORDS];
static struct listener_conf conf;

static void give_gate(struct worker *w)
{
	struct worker_gate *g = mem_zalloc(sizeof(*g));
	struct view *v = mem_zalloc(sizeof(*v));

	assert_non_null(g);
	assert_non_null(v);
	list_init(&g->link);
	list_push(&w->gates, &g->link);
	session_gate_init(&g->gate, &w->env, w->loop);
	v->refs = 1;
	session_gate_set_view(&g->gate, v, &conf);
	view_unref(v);
}

/* A connection whose peer has taken nothing of what it was told. */
static void give_words(unsigned i)
{
	struct worker_gate *g = container_of(workers[i].gates.next, struct worker_gate, link);
	struct wire *wire;
	int fd[2];

	rig_tcp_pair(fd, true);
	peers[i] = fd[1];
	assert_int_equal(wire_new(workers[i].loop, fd[0], &wire), 0);
	wires[i] = wire;
	session_open(&g->gate, wire);
	gather_lend(&wire->out, slice_from(words, sizeof(words)));
	wire_mark_dirty(wire);
	loop_run_once(workers[i].loop, false);
	loop_run_once(workers[i].loop, false);
	assert_true(wire_pending(wire) > 0);
}

static int begin(void **state)
{
	(void)state;
	fake_clock_init(&standing);
	conf.limits.header_timeout_ns = conf.limits.idle_timeout_ns = 600 * NS_PER_S;
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.index = i};
		list_init(&workers[i].gates);
		list_init(&workers[i].env.unwatched);
		if (loop_new(&workers[i].loop, &standing.clock) < 0)
			return -1;
		give_gate(&workers[i]);
		peers[i] = -1;
		heard[i] = 0;
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_finish(&workers[i]);
		if (peers[i] >= 0)
			close(peers[i]);
	}
	return 0;
}

static void hear(unsigned i)
{
	static char room[65536];
	ssize_t len;

	while ((len = recv(peers[i], room, sizeof(room), MSG_DONTWAIT)) > 0)
		heard[i] += (size_t)len;
}

static void what_ends_late_has_its_time_from_then(void **state)
{
	uint64_t until = clock_mono(&clock_system) + 30 * NS_PER_S;
	(void)state;

	give_words(0);
	fake_clock_advance(&standing, 10 * NS_PER_S); /* the others were stopped meanwhile */
	worker_end(&workers[0]);
	assert_true(wires_have_words(workers[0].loop));
	while (heard[0] < WORDS && clock_mono(&clock_system) < until) {
		hear(0);
		loop_run_once(workers[0].loop, false);
	}
	assert_int_equal(heard[0], WORDS);
}

/* Each look at it takes 2 ms, and the last worker's peer reads meanwhile. */
static uint64_t passing;

static uint64_t mono_passes(struct clock *c)
{
	(void)c;
	hear(WORKERS - 1);
	return passing += 2 * NS_PER_MS;
}

static struct clock passing_clock = {.mono = mono_passes};

static void last_words_have_one_time_for_all(void **state)
{
	size_t pending;
	(void)state;

	for (unsigned i = 0; i < WORKERS; i++)
		give_words(i);
	pending = wire_pending(wires[WORKERS - 1]);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_end(&workers[i]);
	passing = NS_PER_S;
	workers_say_last_words(workers, WORKERS, &passing_clock);
	assert_in_range(passing, NS_PER_S + 500 * NS_PER_MS, NS_PER_S + 510 * NS_PER_MS);
	for (unsigned i = 0; i + 1 < WORKERS; i++)
		assert_true(wires_have_words(workers[i].loop));
	assert_true(!wires_have_words(workers[WORKERS - 1].loop) || wire_pending(wires[WORKERS - 1]) < pending); /* however little the first ones take */
}

static void who_has_said_all_is_not_waited_for(void **state)
{
	(void)state;

	for (unsigned i = 0; i < WORKERS; i++)
		worker_end(&workers[i]);
	passing = NS_PER_S;
	workers_say_last_words(workers, WORKERS, &passing_clock);
	assert_in_range(passing, NS_PER_S, NS_PER_S + 10 * NS_PER_MS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(what_ends_late_has_its_time_from_then),
		T(last_words_have_one_time_for_all),
		T(who_has_said_all_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
