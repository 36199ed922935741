/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps, killed: a process that claims, records, releases and uses up is ended with
 * SIGKILL at a random moment, over and over on the same state. Each next one knows of every claim
 * what the dead one had been told when its turn ended: nothing that may have run runs again, and
 * what was recorded is there, byte by byte. */
#include "rig/unit.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "rig/book_rig.h"
#include "rig/fake_clock.h"
#include "store/embedded.h"
#include "store/keep.h"

#define ROUNDS 60u
#define WORKERS 2u
#define NAMES 20000u
#define A_TURN 4u

/* What the process had done with a name when it died, and what it was about to do. */
enum done { NOTHING, CLAIMING, CLAIMED, ENDING, ENDED };

static struct book_rig rig;
static struct fake_clock fake;
static struct embedded *embedded;
static struct store *store;
static struct shared {
	unsigned next, starts, used;
	struct {
		uint8_t done, how; /* enum done, enum claim_end */
		uint8_t used;      /* its value was used up: acknowledged */
	} names[NAMES];
} * shared;

static int load(void *arg, const struct kept_row *row)
{
	return embedded_load_kept(arg, row);
}

static void start(void)
{
	book_rig_start_surely(&rig);
	if (book_catch_up(rig.book, book_rig_journal(&rig, 0)))
		fail_msg("%s", book_note(rig.book));
	embedded = embedded_new((struct table_limits){1000, 1u << 20}, &fake.clock);
	store = embedded_store(embedded);
	if (book_each_kept(rig.book, load, embedded))
		fail_msg("%s", book_note(rig.book));
}

struct texts {
	char group[8], name[16], id[16], answer[300];
};

static struct texts texts_of(unsigned n)
{
	struct texts t;

	snprintf(t.group, sizeof(t.group), "a:%u", n % 5);
	snprintf(t.name, sizeof(t.name), "key-%u", n);
	snprintf(t.id, sizeof(t.id), "id-%u", n);
	memset(t.answer, 'a' + (char)(n % 26), sizeof(t.answer));
	return t;
}

static struct value_claim claim_of(const struct texts *t, struct journal *j)
{
	return (struct value_claim){.group = slice_str(t->group),
	        .name = slice_str(t->name),
	        .id = slice_str(t->id),
	        .mark = SLICE("args"),
	        .now_wall_ns = fake.wall,
	        .until = fake.wall + 60 * NS_PER_S,
	        .ends = fake.wall + 24 * 3600 * NS_PER_S,
	        .journal = j};
}

static struct value value_of(const struct texts *t, struct journal *j)
{
	return (struct value){.group = slice_str(t->group),
	        .name = slice_str(t->name),
	        .now_wall_ns = fake.wall,
	        .ends = fake.wall + 3600 * NS_PER_S,
	        .bytes = SLICE("approved"),
	        .journal = j};
}

/* ---- the one that is killed */

static void claim_one(struct journal *j, unsigned n)
{
	struct texts t = texts_of(n);
	struct value_claim c = claim_of(&t, j);
	struct value v = value_of(&t, j);

	shared->names[n].done = CLAIMING;
	if (store->ops->claim(store, &c) != READY || c.state != CLAIM_OWNED ||
	        store->ops->put(store, &v) != READY || v.state != VALUE_STORED)
		_exit(1);
}

static void end_one(struct journal *j, unsigned n, unsigned *seed)
{
	static const enum claim_end ends[] = {
	        CLAIM_RECORDED, CLAIM_RECORDED, CLAIM_UNKNOWN, CLAIM_UNUSED};
	struct texts t = texts_of(n);
	struct value_claim c = claim_of(&t, j);
	struct value v = value_of(&t, j);

	c.state = CLAIM_OWNED;
	shared->names[n].how = (uint8_t)ends[(unsigned)rand_r(seed) % 4];
	shared->names[n].done = ENDING;
	store->ops->finish(store, &c, (enum claim_end)shared->names[n].how,
	        slice_from(t.answer, sizeof(t.answer)));
	v.expected = VALUE_ANY;
	v.ends = 0;
	if (store->ops->put(store, &v) != READY)
		_exit(1);
}

static void end_turn(unsigned worker)
{
	if (journal_end_turn(book_rig_journal(&rig, worker)))
		_exit(1);
}

/* Claims in one turn, ends most of them in the next; now and then another worker does that. */
static void work(unsigned worker, unsigned *seed)
{
	struct journal *j = book_rig_journal(&rig, worker);
	unsigned first = shared->next, n;

	shared->next += A_TURN;
	for (n = first; n < first + A_TURN; n++)
		claim_one(j, n);
	end_turn(worker);
	for (n = first; n < first + A_TURN; n++)
		shared->names[n].done = CLAIMED;
	if ((unsigned)rand_r(seed) % 4 == 0)
		worker = !worker;
	j = book_rig_journal(&rig, worker);
	for (n = first; n < first + A_TURN - 1; n++)
		end_one(j, n, seed);
	end_turn(worker);
	for (n = first; n < first + A_TURN - 1; n++) {
		shared->names[n].done = ENDED;
		shared->names[n].used = 1;
	}
}

static void live(unsigned seed)
{
	start();
	if (book_start(rig.book, embedded))
		_exit(1);
	shared->starts++;
	for (unsigned i = 0;; i++) {
		unsigned worker = i % WORKERS;
		if (shared->next + A_TURN <= NAMES && journal_is_ready(book_rig_journal(&rig, 0)) &&
		        journal_is_ready(book_rig_journal(&rig, 1)))
			work(worker, &seed);
		usleep((unsigned)rand_r(&seed) % 700);
	}
}

/* ---- the one that looks */

static bool may_stand(unsigned n, enum claim_state state)
{
	static const enum claim_state ended[] = {[CLAIM_RECORDED] = CLAIM_FOUND,
	        [CLAIM_UNKNOWN] = CLAIM_LOST,
	        [CLAIM_UNUSED] = CLAIM_OWNED};

	switch ((enum done)shared->names[n].done) {
	case NOTHING:
		return state == CLAIM_OWNED;
	case CLAIMING:
		return state == CLAIM_OWNED || state == CLAIM_LOST;
	case CLAIMED:
		return state == CLAIM_LOST;
	case ENDING:
		return state == CLAIM_LOST || state == ended[shared->names[n].how];
	case ENDED:
		return state == ended[shared->names[n].how];
	}
	return false;
}

static void check_one(unsigned n)
{
	struct texts t = texts_of(n);
	struct value_claim c = claim_of(&t, NULL);
	struct value v = value_of(&t, NULL);

	assert_int_equal(store->ops->claim(store, &c), READY);
	if (!may_stand(n, c.state))
		fail_msg("name %u: done %u, how %u, and it is %u", n, shared->names[n].done,
		        shared->names[n].how, c.state);
	if (c.state == CLAIM_FOUND)
		assert_true(
		        slice_equals(blob_slice(c.found), slice_from(t.answer, sizeof(t.answer))));
	blob_unref(c.found);
	if (c.state == CLAIM_OWNED)
		store->ops->finish(store, &c, CLAIM_UNUSED, SLICE(""));
	assert_int_equal(store->ops->get(store, &v), READY);
	blob_unref(v.found);
	if (shared->names[n].used)
		assert_int_equal(v.state, VALUE_ABSENT);
	if (shared->names[n].done == CLAIMED)
		assert_int_equal(v.state, VALUE_FOUND);
}

static void check(void)
{
	start();
	for (unsigned n = 0; n < shared->next; n++)
		check_one(n);
	embedded_free(embedded);
	book_rig_stop(&rig);
}

static unsigned spread_us = 60000; /* a start is killed within */

static void kill_one(unsigned round)
{
	unsigned seed = round * 7 + 3;
	int status = 0, pid = fork();

	if (!pid) {
		live(round + 1);
		_exit(1);
	}
	usleep((unsigned)rand_r(&seed) % spread_us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it had not failed before */
	/* A third of the starts should come so far as to write, however slow the machine is. */
	if (round % 10 == 9 && shared->starts * 3 < round && spread_us < 1000000)
		spread_us *= 2;
}

static void of_every_claim_the_next_process_knows_what_the_dead_one_was_told(void **unused)
{
	unsigned ended = 0;

	(void)unused;
	shared = mmap(
	        NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	fake_clock_init(&fake);
	fake.wall = BOOK_RIG_WALL;
	book_rig_make(&rig, WORKERS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		kill_one(round);
		if (round % 6 == 5)
			check();
	}
	for (unsigned n = 0; n < shared->next; n++)
		ended += shared->names[n].done == ENDED;
	print_message("%u claims, %u ended, %u starts of %u came so far as to write\n",
	        shared->next, ended, shared->starts, ROUNDS);
	assert_true(ended > 50 && shared->starts > ROUNDS / 10);
	book_rig_remove(&rig);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(of_every_claim_the_next_process_knows_what_the_dead_one_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
