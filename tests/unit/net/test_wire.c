/* SPDX-License-Identifier: Apache-2.0 */
/* wire: bytes arrive whole and in order whatever the sockets do, and every way to leave is clean.
 */
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "rig/net_rig.h"
#include "rig/unit.h"

#define TEN_MB (10u << 20)

struct fixture {
	struct loop *loop;
	struct rig_end a, b;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	*state = f;
	return loop_new(&f->loop, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rig_close(&f->a, WIRE_CLOSE_NOW);
	rig_close(&f->b, WIRE_CLOSE_NOW);
	assert_int_equal(loop_free(f->loop), 0);
	mem_free(f);
	return 0;
}

static char *pattern(size_t len, unsigned seed)
{
	char *at = mem_alloc(len);

	for (size_t i = 0; i < len; i++)
		at[i] = (char)((i * 31 + seed) ^ (i >> 11));
	return at;
}

static void what_is_sent_arrives(void **state)
{
	struct fixture *f = *state;

	rig_pair(f->loop, &f->a, &f->b, false);
	f->b.want = 5;
	rig_send(&f->a, SLICE("hello"));
	assert_int_equal(f->b.n_data, 0); /* not within the turn */
	assert_true(rig_run(f->loop, &f->b.got, 1000));
	assert_string_equal(f->b.head, "hello");
	assert_int_equal(f->a.wire->bytes_out, 5);
	assert_int_equal(f->b.wire->bytes_in, 5);
}

static void lent_segments_leave_in_one_piece(void **state)
{
	struct fixture *f = *state;
	char text[300];

	memset(text, 'x', sizeof(text));
	rig_pair(f->loop, &f->a, &f->b, false);
	f->b.want = 300;
	for (int i = 0; i < 300; i++) /* more than one call's vectors, not adjacent */
		gather_lend(&f->a.wire->out, slice_from(text + 299 - i, 1));
	wire_mark_dirty(f->a.wire);
	assert_true(rig_run(f->loop, &f->b.got, 1000));
	assert_int_equal(f->b.n_in, 300);
}

static void ten_megabytes_each_way(void **state, bool small)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 1), *y = pattern(TEN_MB, 2);

	rig_pair(f->loop, &f->a, &f->b, small);
	f->a.want = f->b.want = TEN_MB;
	gather_lend(&f->a.wire->out, slice_from(x, TEN_MB));
	gather_copy(&f->b.wire->out, slice_from(y, TEN_MB));
	wire_mark_dirty(f->a.wire);
	wire_mark_dirty(f->b.wire);
	loop_run_once(f->loop, false);
	memset(x, 0, 100); /* lent only until the turn's end */
	assert_true(rig_run(f->loop, &f->b.got, 60000));
	assert_true(rig_run(f->loop, &f->a.got, 60000));
	mem_free(x);
	x = pattern(TEN_MB, 1);
	assert_true(f->b.hash == rig_hash(RIG_HASH, slice_from(x, TEN_MB)));
	assert_true(f->a.hash == rig_hash(RIG_HASH, slice_from(y, TEN_MB)));
	assert_int_equal(wire_pending(f->a.wire), 0);
	mem_free(x);
	mem_free(y);
}

static void ten_megabytes_pass_both_ways(void **state)
{
	ten_megabytes_each_way(state, false);
}

static void tiny_socket_buffers_only_slow_it_down(void **state)
{
	ten_megabytes_each_way(state, true);
}

static void a_full_wire_says_so_and_tells_when_it_has_drained(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 3);

	rig_pair(f->loop, &f->a, &f->b, true);
	wire_pause(f->b.wire, PAUSE_SINK_FULL, true);
	gather_copy(&f->a.wire->out, slice_from(x, TEN_MB));
	wire_mark_dirty(f->a.wire);
	assert_true(wire_is_full(f->a.wire));
	rig_rest(f->loop, 50);
	assert_int_equal(f->a.n_drained, 0);
	assert_int_equal(f->b.n_data, 0);
	wire_pause(f->b.wire, PAUSE_SINK_FULL, false);
	assert_true(rig_run(f->loop, &f->a.drained, 60000));
	assert_true(wire_pending(f->a.wire) <= WIRE_HIGH_WATER / 2);
	assert_int_equal(f->a.n_drained, 1);
	mem_free(x);
}

#define LOANS 64
#define LOAN (WIRE_HIGH_WATER + 1000)

struct loan {
	struct reapable reapable;
	char bytes[LOAN];
};

static void loan_free(struct reapable *r)
{
	struct loan *loan = container_of(r, struct loan, reapable);

	memset(loan->bytes, '!', LOAN);
	mem_free(loan);
}

/* What fills the wire whenever it has drained, and is gone when the turn has ended. */
static void lend_more(void *owner)
{
	struct rig_end *e = owner;
	struct loan *loan;

	if (e->n_drained++ == LOANS)
		return;
	loan = mem_zalloc(sizeof(*loan));
	loan->reapable.free = loan_free;
	list_init(&loan->reapable.link);
	memset(loan->bytes, 'x', LOAN);
	gather_lend(&e->wire->out, slice_from(loan->bytes, LOAN));
	wire_mark_dirty(e->wire);
	assert_true(wire_is_full(e->wire));
	turn_bury(&e->wire->loop->turn, &loan->reapable);
}

/* However often a wire drains and is filled in one turn. */
static void nothing_stays_lent_when_the_turn_ends(void **state)
{
	const struct wire_events events = {
	        .data = rig_end_events.data, .end = rig_end_events.end, .drained = lend_more};
	struct fixture *f = *state;
	char *x = mem_alloc((size_t)LOANS * LOAN);

	memset(x, 'x', (size_t)LOANS * LOAN);
	rig_pair(f->loop, &f->a, &f->b, false);
	wire_hand_over(f->a.wire, &events, &f->a);
	f->b.want = (uint64_t)LOANS * LOAN;
	lend_more(&f->a);
	assert_true(rig_run(f->loop, &f->b.got, 60000));
	assert_int_equal(f->b.n_in, (uint64_t)LOANS * LOAN);
	assert_true(f->b.hash == rig_hash(RIG_HASH, slice_from(x, (size_t)LOANS * LOAN)));
	mem_free(x);
}

static void a_paused_wire_reads_nothing_until_no_reason_is_left(void **state)
{
	struct fixture *f = *state;

	rig_pair(f->loop, &f->a, &f->b, false);
	wire_pause(f->b.wire, PAUSE_NOT_YET, true);
	wire_pause(f->b.wire, PAUSE_POLICY_WAITS, true);
	rig_send(&f->a, SLICE("held"));
	rig_rest(f->loop, 30);
	assert_int_equal(f->b.n_data, 0);
	wire_pause(f->b.wire, PAUSE_NOT_YET, false);
	rig_rest(f->loop, 10);
	assert_int_equal(f->b.n_data, 0);
	f->b.want = 4;
	wire_pause(f->b.wire, PAUSE_POLICY_WAITS, false);
	assert_true(rig_run(f->loop, &f->b.got, 1000));
}

static void pause_once(struct rig_end *e, struct slice in)
{
	(void)in;
	wire_pause(e->wire, PAUSE_SINK_FULL, true);
}

static void pausing_from_within_data_stops_it(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 4);

	rig_pair(f->loop, &f->a, &f->b, false);
	f->b.on_data = pause_once;
	gather_copy(&f->a.wire->out, slice_from(x, TEN_MB));
	wire_mark_dirty(f->a.wire);
	rig_rest(f->loop, 30);
	assert_int_equal(f->b.n_data, 1);
	for (unsigned i = 0; i < 20; i++) {
		wire_pause(f->b.wire, PAUSE_SINK_FULL, false);
		rig_rest(f->loop, 3);
	}
	assert_int_equal(f->b.n_data, 21);
	mem_free(x);
}

static void a_half_close_ends_reading_only(void **state)
{
	struct fixture *f = *state;

	rig_pair(f->loop, &f->a, &f->b, false);
	rig_send(&f->a, SLICE("question"));
	wire_shutdown(f->a.wire);
	assert_true(rig_run(f->loop, &f->b.ended, 1000));
	assert_int_equal(f->b.error, 0);
	assert_int_equal(f->b.n_in, 8);
	f->a.want = 6;
	rig_send(&f->b, SLICE("answer"));
	assert_true(rig_run(f->loop, &f->a.got, 1000));
	assert_false(f->a.ended);
}

static void a_reset_is_told_with_its_error(void **state)
{
	struct fixture *f = *state;
	struct linger abrupt = {.l_onoff = 1};
	struct wire *w;
	int fd[2];

	rig_tcp_pair(fd, false);
	assert_int_equal(wire_new(f->loop, fd[1], &w), 0);
	rig_end_open(&f->b, w);
	setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
	close(fd[0]);
	assert_true(rig_run(f->loop, &f->b.ended, 1000));
	assert_int_equal(f->b.error, -ECONNRESET);
	assert_int_equal(f->b.n_end, 1);
	rig_send(&f->b, SLICE("nobody hears")); /* harmless */
	rig_rest(f->loop, 5);
	assert_int_equal(wire_pending(f->b.wire), 0);
	assert_int_equal(f->b.n_end, 1);
}

static void bytes_before_a_reset_are_read(void **state)
{
	struct fixture *f = *state;
	struct linger abrupt = {.l_onoff = 1};
	struct wire *w;
	int fd[2];

	rig_tcp_pair(fd, false);
	assert_int_equal(wire_new(f->loop, fd[1], &w), 0);
	rig_end_open(&f->b, w);
	assert_int_equal(send(fd[0], "last words", 10, 0), 10);
	setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
	close(fd[0]);
	assert_true(rig_run(f->loop, &f->b.ended, 1000));
	assert_int_equal(f->b.n_in, 10);
	assert_int_equal(f->b.error, -ECONNRESET);
}

static void an_eager_wire_hears_of_a_reset_while_paused(void **state)
{
	struct fixture *f = *state;
	struct linger abrupt = {.l_onoff = 1};
	struct wire *w;
	int fd[2];

	rig_tcp_pair(fd, false);
	assert_int_equal(wire_new(f->loop, fd[1], &w), 0);
	w->eager_end = true;
	rig_end_open(&f->b, w);
	wire_pause(w, PAUSE_POLICY_WAITS, true);
	assert_int_equal(send(fd[0], "more", 4, 0), 4);
	rig_rest(f->loop, 10);
	assert_false(f->b.ended);
	setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
	close(fd[0]);
	assert_true(rig_run(f->loop, &f->b.ended, 1000));
	assert_int_equal(f->b.error, -ECONNRESET);
	assert_int_equal(f->b.n_in, 0);
}

static void a_paused_wire_does_not_spin_on_what_waits(void **state)
{
	struct fixture *f = *state;
	struct wire *w;
	uint64_t turns;
	int fd[2];

	rig_tcp_pair(fd, false);
	assert_int_equal(wire_new(f->loop, fd[1], &w), 0);
	w->eager_end = true;
	rig_end_open(&f->b, w);
	wire_pause(w, PAUSE_POLICY_WAITS, true);
	assert_int_equal(send(fd[0], "more", 4, 0), 4);
	shutdown(fd[0], SHUT_WR);
	rig_rest(f->loop, 10);
	turns = f->loop->turns;
	rig_rest(f->loop, 30);
	assert_int_equal(f->loop->turns, turns);
	wire_pause(w, PAUSE_POLICY_WAITS, false);
	assert_true(rig_run(f->loop, &f->b.ended, 1000));
	assert_int_equal(f->b.n_in, 4);
	assert_int_equal(f->b.error, 0);
	close(fd[0]);
}

static void flushing_close_delivers_what_waits(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 5);

	rig_pair(f->loop, &f->a, &f->b, true);
	gather_copy(&f->a.wire->out, slice_from(x, TEN_MB));
	rig_close(&f->a, WIRE_CLOSE_FLUSH);
	assert_true(rig_run(f->loop, &f->b.ended, 60000));
	assert_int_equal(f->b.n_in, TEN_MB);
	assert_int_equal(f->b.error, 0);
	mem_free(x);
}

static void flushing_close_gives_up_on_a_peer_that_takes_nothing(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 6);
	bool never = false;

	rig_pair(f->loop, &f->a, &f->b, true);
	wire_pause(f->b.wire, PAUSE_NOT_YET, true);
	gather_copy(&f->a.wire->out, slice_from(x, TEN_MB));
	rig_close(&f->a, WIRE_CLOSE_FLUSH);
	rig_run(f->loop, &never, 2300);
	assert_int_equal(f->loop->wires, 1);
	mem_free(x);
}

/* The peer goes on sending; closing at once would reset the connection and lose the answer. */
static void a_lingering_close_lets_a_talking_peer_read_our_last_words(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(1u << 20, 7);

	rig_pair(f->loop, &f->a, &f->b, false);
	gather_copy(&f->a.wire->out, slice_from(x, 1u << 20));
	wire_mark_dirty(f->a.wire);
	wire_pause(f->b.wire, PAUSE_NOT_YET, true);
	rig_rest(f->loop, 5);
	rig_send(&f->b, SLICE("too large"));
	rig_close(&f->b, WIRE_CLOSE_LINGER);
	assert_true(rig_run(f->loop, &f->a.ended, 2000));
	assert_string_equal(f->a.head, "too large");
	assert_int_equal(f->a.error, 0);
	rig_close(&f->a, WIRE_CLOSE_NOW);
	rig_rest(f->loop, 10);
	assert_int_equal(f->loop->wires, 0);
	mem_free(x);
}

static void a_loop_that_stops_knows_who_still_leaves(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 8);

	rig_pair(f->loop, &f->a, &f->b, true);
	wire_pause(f->b.wire, PAUSE_NOT_YET, true);
	assert_false(wires_have_words(f->loop));
	gather_copy(&f->a.wire->out, slice_from(x, TEN_MB));
	rig_close(&f->a, WIRE_CLOSE_FLUSH); /* which nobody takes */
	rig_close(&f->b, WIRE_CLOSE_LINGER);
	rig_rest(f->loop, 5);
	assert_int_equal(f->loop->wires, 2);
	assert_true(wires_have_words(f->loop));
	wires_end(f->loop);
	assert_false(wires_have_words(f->loop));
	rig_rest(f->loop, 10);
	assert_int_equal(f->loop->wires, 0);
	mem_free(x);
}

static void close_self(struct rig_end *e, struct slice in)
{
	(void)in;
	rig_close(e, WIRE_CLOSE_NOW);
}

static void closing_from_within_data_is_clean(void **state)
{
	struct fixture *f = *state;

	rig_pair(f->loop, &f->a, &f->b, false);
	f->b.on_data = close_self;
	rig_send(&f->a, SLICE("bye"));
	assert_true(rig_run(f->loop, &f->a.ended, 1000));
	assert_int_equal(f->b.n_data, 1);
}

static void closing_with_a_write_under_way_is_clean(void **state)
{
	struct fixture *f = *state;
	char *x = pattern(TEN_MB, 8);

	rig_pair(f->loop, &f->a, &f->b, true);
	gather_copy(&f->a.wire->out, slice_from(x, TEN_MB));
	wire_mark_dirty(f->a.wire);
	rig_rest(f->loop, 3);
	rig_close(&f->a, WIRE_CLOSE_NOW);
	assert_true(rig_run(f->loop, &f->b.ended, 5000));
	mem_free(x);
}

static void close_other(struct rig_end *e, struct slice in)
{
	(void)in;
	rig_close(e->arg, WIRE_CLOSE_NOW);
}

/* Both wires are readable in one poll; the first one's owner closes the second. */
static void a_wire_closed_by_another_is_not_called(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 2; round++) {
		f->a = f->b = (struct rig_end){.wire = NULL};
		rig_pair(f->loop, &f->a, &f->b, false);
		f->a.on_data = f->b.on_data = close_other;
		f->a.arg = &f->b;
		f->b.arg = &f->a;
		rig_send(&f->a, SLICE("1"));
		rig_send(&f->b, SLICE("2"));
		rig_rest(f->loop, 10);
		assert_int_equal(f->a.n_data + f->b.n_data, 1);
		rig_close(&f->a, WIRE_CLOSE_NOW);
		rig_close(&f->b, WIRE_CLOSE_NOW);
		rig_rest(f->loop, 5);
	}
}

static void echo(struct rig_end *e, struct slice in)
{
	gather_lend(&e->wire->out, in);
	wire_mark_dirty(e->wire);
}

/* More than a slab in one turn: turns are ended early, and what was lent is kept. */
static void lent_reads_survive_a_full_slab(void **state)
{
	struct fixture *f = *state;
	struct rig_end ends[16][2];
	char *x = pattern(1u << 20, 9);

	memset(ends, 0, sizeof(ends));
	for (int i = 0; i < 16; i++) {
		rig_pair(f->loop, &ends[i][0], &ends[i][1], i % 2);
		ends[i][1].on_data = echo;
		ends[i][0].want = 1u << 20;
		gather_copy(&ends[i][0].wire->out, slice_from(x, 1u << 20));
		wire_mark_dirty(ends[i][0].wire);
	}
	for (int i = 0; i < 16; i++) {
		assert_true(rig_run(f->loop, &ends[i][0].got, 30000));
		assert_true(ends[i][0].hash == rig_hash(RIG_HASH, slice_from(x, 1u << 20)));
		rig_close(&ends[i][0], WIRE_CLOSE_NOW);
		rig_close(&ends[i][1], WIRE_CLOSE_NOW);
	}
	mem_free(x);
}

static void want_of_memory_ends_the_wire(void **state)
{
	struct fixture *f = *state;

	rig_pair(f->loop, &f->a, &f->b, false);
	mem_fail_after(0);
	rig_send(&f->a, SLICE("there is no room for these bytes"));
	mem_fail_after(-1);
	assert_true(rig_run(f->loop, &f->a.ended, 1000));
	assert_int_equal(f->a.error, -ENOMEM);
	assert_int_equal(f->b.n_in, 0);
}

static void a_wire_that_cannot_be_made_closes_its_descriptor(void **state)
{
	struct fixture *f = *state;
	struct wire *w;
	int fd[2];

	rig_tcp_pair(fd, false);
	mem_fail_after(0);
	assert_int_equal(wire_new(f->loop, fd[0], &w), -ENOMEM);
	mem_fail_after(-1);
	assert_int_equal(close(fd[0]), -1);
	close(fd[1]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	        T(what_is_sent_arrives),
	        T(lent_segments_leave_in_one_piece),
	        T(ten_megabytes_pass_both_ways),
	        T(tiny_socket_buffers_only_slow_it_down),
	        T(a_full_wire_says_so_and_tells_when_it_has_drained),
	        T(nothing_stays_lent_when_the_turn_ends),
	        T(a_paused_wire_reads_nothing_until_no_reason_is_left),
	        T(pausing_from_within_data_stops_it),
	        T(a_half_close_ends_reading_only),
	        T(a_reset_is_told_with_its_error),
	        T(bytes_before_a_reset_are_read),
	        T(an_eager_wire_hears_of_a_reset_while_paused),
	        T(a_paused_wire_does_not_spin_on_what_waits),
	        T(flushing_close_delivers_what_waits),
	        T(flushing_close_gives_up_on_a_peer_that_takes_nothing),
	        T(a_lingering_close_lets_a_talking_peer_read_our_last_words),
	        T(a_loop_that_stops_knows_who_still_leaves),
	        T(closing_from_within_data_is_clean),
	        T(closing_with_a_write_under_way_is_clean),
	        T(a_wire_closed_by_another_is_not_called),
	        T(lent_reads_survive_a_full_slab),
	        T(want_of_memory_ends_the_wire),
	        T(a_wire_that_cannot_be_made_closes_its_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
