/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what the store keeps over a restart: from the worker's turn through the journal and the
 * book into the memory of the next process. */
#include "rig/unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "journal/journal_core.h"
#include "rig/book_rig.h"
#include "rig/fake_clock.h"
#include "store/book_core.h"
#include "store/embedded.h"
#include "store/keep.h"

#define HOUR (3600 * NS_PER_S)
#define TABLE ((struct table_limits){1000, 1u << 20})

static struct book_rig rig;
static struct fake_clock fake;
static struct embedded *embedded;
static struct store *store;

static int load(void *arg, const struct kept_row *row)
{
	return embedded_load_kept(arg, row);
}

static void start(void)
{
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), 0);
	embedded = embedded_new(TABLE, &fake.clock);
	store = embedded_store(embedded);
	int r = book_each_kept(rig.book, load, embedded);
	if (r)
		fail_msg("%d: %s", r, book_note(rig.book));
}

static void stop(void)
{
	embedded_free(embedded);
	embedded = NULL;
	book_rig_stop(&rig);
}

static void again(void)
{
	stop();
	start();
}

static int begin(void **state)
{
	(void)state;
	fake_clock_init(&fake);
	fake.wall = BOOK_RIG_WALL;
	book_rig_make(&rig, 2);
	start();
	return 0;
}

static int end(void **state)
{
	(void)state;
	embedded_free(embedded);
	book_rig_remove(&rig);
	return 0;
}

static struct value_claim claim_of(unsigned worker, const char *name, const char *id)
{
	return (struct value_claim){.group = SLICE("a:one"),
	        .name = slice_str(name),
	        .id = slice_str(id),
	        .mark = SLICE("args"),
	        .now_wall_ns = fake.wall,
	        .until = fake.wall + 60 * NS_PER_S,
	        .ends = fake.wall + 24 * HOUR,
	        .journal = book_rig_journal(&rig, worker)};
}

static struct value_claim claim(unsigned worker, const char *name, const char *id)
{
	struct value_claim c = claim_of(worker, name, id);

	assert_int_equal(store->ops->claim(store, &c), READY);
	assert_int_equal(c.state, CLAIM_OWNED);
	return c;
}

static void turn(void)
{
	for (unsigned i = 0; i < 2; i++)
		book_rig_turn(book_rig_journal(&rig, i));
}

/* What the next one hears; what he would own is not written down. */
static enum claim_state stands(const char *name, struct blob **ret_found)
{
	struct value_claim c = claim_of(0, name, "other");

	c.journal = NULL;
	assert_int_equal(store->ops->claim(store, &c), READY);
	if (ret_found)
		*ret_found = c.found;
	else
		blob_unref(c.found);
	if (c.state == CLAIM_OWNED) {
		store->ops->finish(store, &c, CLAIM_UNUSED, SLICE(""));
		return CLAIM_OWNED;
	}
	return c.state;
}

static void check_found(const char *name, struct slice want)
{
	struct blob *found;

	assert_int_equal(stands(name, &found), CLAIM_FOUND);
	assert_true(slice_equals(blob_slice(found), want));
	blob_unref(found);
}

static void what_was_recorded_is_found_after_a_restart(void **state)
{
	char long_one[60000];
	struct value_claim a = claim(0, "a", "1"), b = claim(1, "b", "2"), c = claim(1, "c", "3");

	(void)state;
	for (size_t i = 0; i < sizeof(long_one); i++)
		long_one[i] = (char)(i * 7 + i / 251);
	turn();
	store->ops->finish(store, &a, CLAIM_RECORDED, SLICE("the answer"));
	store->ops->finish(store, &b, CLAIM_RECORDED, slice_from(long_one, sizeof(long_one)));
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE(""));
	turn();
	for (unsigned i = 0; i < 3; i++) {
		again();
		check_found("a", SLICE("the answer"));
		check_found("b", slice_from(long_one, sizeof(long_one)));
		check_found("c", SLICE(""));
	}
	fake.wall += 24 * HOUR;
	assert_int_equal(stands("a", NULL), CLAIM_OWNED);
}

static void who_died_with_a_claim_has_lost_it_and_nobody_runs_it_again(void **state)
{
	struct value_claim known;

	(void)state;
	claim(0, "owned", "1");
	known = claim(1, "known", "2");
	turn();
	store->ops->finish(store, &known, CLAIM_UNKNOWN, SLICE(""));
	turn();
	assert_int_equal(stands("owned", NULL), CLAIM_BUSY);
	again();
	assert_int_equal(stands("owned", NULL), CLAIM_LOST);
	assert_int_equal(stands("known", NULL), CLAIM_LOST);
}

static void what_did_not_happen_is_free_whoever_says_it_first(void **state)
{
	struct value_claim a, b;

	(void)state;
	a = claim(1, "k", "1");
	store->ops->finish(store, &a, CLAIM_UNUSED, SLICE(""));
	b = claim(0, "k", "2");
	a = claim(0, "free", "3");
	store->ops->finish(store, &a, CLAIM_UNUSED, SLICE(""));
	turn();
	/* The second worker's journal, with the older words, is read first; then it is last. */
	store->ops->finish(store, &b, CLAIM_RECORDED, SLICE("b's"));
	turn();
	again();
	check_found("k", SLICE("b's"));
	assert_int_equal(stands("free", NULL), CLAIM_OWNED);
	a = claim(0, "free", "4");
	store->ops->finish(store, &a, CLAIM_UNUSED, SLICE(""));
	b = claim(1, "free", "5");
	store->ops->finish(store, &b, CLAIM_RECORDED, SLICE("5's"));
	turn();
	again();
	check_found("free", SLICE("5's"));
}

static void what_is_put_is_there_and_what_is_used_up_is_not(void **state)
{
	struct value v = {.group = SLICE("t:crew"),
	        .name = SLICE("approval"),
	        .now_wall_ns = fake.wall,
	        .journal = book_rig_journal(&rig, 1),
	        .ends = fake.wall + HOUR,
	        .bytes = SLICE("proposed")};

	(void)state;
	assert_int_equal(store->ops->put(store, &v), READY);
	v.journal = book_rig_journal(&rig, 0);
	v.expected = v.version;
	v.bytes = SLICE("approved");
	assert_int_equal(store->ops->put(store, &v), READY);
	assert_int_equal(v.state, VALUE_STORED);
	uint64_t version = v.version;
	turn();
	again();
	assert_int_equal(store->ops->get(store, &v), READY);
	assert_int_equal(v.version, version);
	assert_slice(blob_slice(v.found), "approved");
	blob_unref(v.found);
	v.journal = book_rig_journal(&rig, 1);
	v.expected = v.version;
	v.ends = 0;
	assert_int_equal(store->ops->put(store, &v), READY);
	assert_int_equal(v.state, VALUE_STORED);
	turn();
	again();
	assert_int_equal(store->ops->get(store, &v), READY);
	assert_int_equal(v.state, VALUE_ABSENT);
}

/* A turn that holds no more: nothing is claimed, nothing is put, an answer is lost and no more. */
static void what_cannot_be_written_down_has_not_happened(void **state)
{
	static const char big[66000];
	struct value_claim c = claim(0, "answer", "1"), no = claim_of(0, "no", "2");
	struct value v = {.group = SLICE("g"),
	        .name = SLICE("v"),
	        .now_wall_ns = fake.wall,
	        .journal = book_rig_journal(&rig, 0),
	        .ends = fake.wall + HOUR,
	        .bytes = SLICE("old")};

	(void)state;
	assert_int_equal(store->ops->put(store, &v), READY);
	turn();
	uint64_t version = v.version;
	v.bytes = slice_from(big, sizeof(big));
	v.expected = VALUE_ANY;
	assert_int_equal(store->ops->put(store, &v), -ENOBUFS);
	v.ends = 0;
	mem_fail_after(0); /* the turn's buffer is there; its seal's is not needed */
	int r = store->ops->put(store, &v);
	mem_fail_after(-1);
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(store->ops->get(store, &v), READY);
	assert_int_equal(v.version, version);
	assert_slice(blob_slice(v.found), "old");
	blob_unref(v.found);
	store->ops->finish(store, &c, CLAIM_RECORDED, slice_from(big, sizeof(big)));
	assert_int_equal(stands("answer", NULL), CLAIM_FOUND); /* as long as we live */
	while (!journal_put_note(no.journal, &(struct entry_note){.text = slice_from(big, 2000)}))
		;
	assert_int_equal(store->ops->claim(store, &no), -ENOBUFS);
	assert_int_equal(no.state, CLAIM_NOT_ASKED);
	assert_int_equal(stands("no", NULL), CLAIM_OWNED);
	turn();
	again();
	assert_int_equal(stands("answer", NULL), CLAIM_LOST);
	assert_int_equal(stands("no", NULL), CLAIM_OWNED);
}

static bool file_holds(const char *path, const char *what)
{
	char bytes[1 << 16];
	bool holds = false;
	ssize_t n;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		holds |= memmem(bytes, (size_t)n, what, strlen(what)) != NULL;
	close(fd);
	return holds;
}

static void what_is_kept_is_sealed_and_opens_with_its_key_only(void **state)
{
	struct value_claim c = claim(0, "k", "1");
	struct value v = {.group = SLICE("g"),
	        .name = SLICE("v"),
	        .now_wall_ns = fake.wall,
	        .journal = c.journal,
	        .ends = fake.wall + HOUR,
	        .bytes = SLICE("plain as day")};
	char path[128];

	(void)state;
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE("plain as day"));
	assert_int_equal(store->ops->put(store, &v), READY);
	turn();
	again();
	check_found("k", SLICE("plain as day"));
	static const char *const files[] = {
	        "journal/0000-0000000001.journal", BOOK_FILE, BOOK_FILE "-wal"};
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", rig.folder, files[i]);
		assert_true(access(path, R_OK) == 0 || i);
		assert_false(access(path, R_OK) == 0 && file_holds(path, "plain as day"));
	}
	stop();
	rig.keys[1] = rig.keys[0];
	rig.keys[0] = SLICE("the next key of the rig");
	rig.n_keys = 2; /* the first seals, both open */
	start();
	check_found("k", SLICE("plain as day"));
	stop();
	rig.n_keys = 1;
	start();
	assert_int_equal(stands("k", NULL), CLAIM_LOST);
	assert_int_equal(store->ops->get(store, &v), READY);
	assert_int_equal(v.state, VALUE_ABSENT);
}

/* Pieces without the record that ends them are a turn that was torn; a piece of another value does
 * not open. */
static void pieces_alone_say_nothing(void **state)
{
	struct value_claim c = claim(0, "k", "1");
	struct entry_kept e = {.wall_ns = fake.wall,
	        .type = KEPT_CLAIM,
	        .group = c.group,
	        .name = c.name,
	        .version = fake.wall + HOUR,
	        .part = 1,
	        .sealed = SLICE("some of it")};

	(void)state;
	assert_int_equal(journal_put(c.journal, ENTRY_KEPT, &e), 0);
	turn();
	again();
	assert_int_equal(stands("k", NULL), CLAIM_LOST);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM kept_parts"), 1);
	e.part = 0;
	e.state = KEPT_DONE;
	e.parts = 2;
	e.mark = c.mark;
	e.id = c.id;
	e.ends = c.ends;
	e.sealed = SLICE("");
	assert_int_equal(journal_put(book_rig_journal(&rig, 0), ENTRY_KEPT, &e), 0);
	turn();
	again();
	assert_int_equal(stands("k", NULL), CLAIM_LOST);
}

static void what_is_over_leaves_the_book(void **state)
{
	struct value_claim c;

	(void)state;
	fake.wall -= 26 * HOUR;
	c = claim(0, "old", "1");
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE("answer"));
	c = claim(0, "gone", "2");
	store->ops->finish(store, &c, CLAIM_UNUSED, SLICE(""));
	fake.wall += 26 * HOUR;
	c = claim(0, "new", "3");
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE("answer"));
	turn();
	again();
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM kept"), 3);
	assert_int_equal(stands("old", NULL), CLAIM_OWNED);
	assert_int_equal(book_forget_old(rig.book), 0);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM kept"), 1);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM kept_parts"), 1);
	check_found("new", SLICE("answer"));
}

static void a_book_of_schema_1_gets_what_came_since(void **state)
{
	struct value_claim c = claim(0, "k", "1");

	(void)state;
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE("answer"));
	assert_int_equal(sqlite3_exec(rig.book->db,
	                         "DROP TABLE kept; DROP TABLE kept_parts; ALTER TABLE places DROP "
	                         "COLUMN head; PRAGMA user_version = 1",
	                         NULL, NULL, NULL),
	        SQLITE_OK);
	turn();
	again();
	assert_int_equal(book_rig_number(&rig, "PRAGMA user_version"), BOOK_SCHEMA);
	check_found("k", SLICE("answer"));
}

/* The book is made from the journal alone. */
static void a_book_that_was_moved_away_is_made_anew(void **state)
{
	struct value_claim c = claim(0, "k", "1");
	char path[128];

	(void)state;
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE("answer"));
	turn();
	again();
	c = claim(1, "l", "2");
	store->ops->finish(store, &c, CLAIM_UNUSED, SLICE(""));
	turn();
	stop();
	for (const char *const *tail = (const char *const[]){"", "-wal", "-shm", NULL}; *tail;
	        tail++) {
		snprintf(path, sizeof(path), "%s/" BOOK_FILE "%s", rig.folder, *tail);
		unlink(path);
	}
	start();
	check_found("k", SLICE("answer"));
	assert_int_equal(stands("l", NULL), CLAIM_OWNED);
}

static int refuse(void *arg, const struct kept_row *row)
{
	(void)arg, (void)row;
	return -ENOSPC;
}

static void want_of_memory_is_told_and_nothing_is_lost(void **state)
{
	struct value_claim c = claim(0, "k", "1");
	int r;

	(void)state;
	store->ops->finish(store, &c, CLAIM_RECORDED, SLICE("answer"));
	turn();
	again();
	for (long n = 0;; n++) {
		struct embedded *other = embedded_new(TABLE, &fake.clock);
		mem_fail_after(n);
		r = book_each_kept(rig.book, load, other);
		mem_fail_after(-1);
		embedded_free(other);
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(book_each_kept(rig.book, refuse, NULL), -ENOSPC);
	check_found("k", SLICE("answer"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        T(what_was_recorded_is_found_after_a_restart),
	        T(who_died_with_a_claim_has_lost_it_and_nobody_runs_it_again),
	        T(what_did_not_happen_is_free_whoever_says_it_first),
	        T(what_is_put_is_there_and_what_is_used_up_is_not),
	        T(what_cannot_be_written_down_has_not_happened),
	        T(what_is_kept_is_sealed_and_opens_with_its_key_only),
	        T(pieces_alone_say_nothing),
	        T(what_is_over_leaves_the_book),
	        T(a_book_of_schema_1_gets_what_came_since),
	        T(a_book_that_was_moved_away_is_made_anew),
	        T(want_of_memory_is_told_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
