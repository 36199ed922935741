/* SPDX-License-Identifier: Apache-2.0 */
/* book: where the power took the journal's end, the book goes on with what it has counted, and the
 * journal tells of the gap. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "journal/keeper.h"
#include "journal/verify.h"
#include "rig/book_rig.h"
#include "rig/unit.h"

static struct book_rig rig;

static int set_up(void **unused)
{
	(void)unused;
	book_rig_make(&rig, 3);
	book_rig_start_surely(&rig);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	book_rig_remove(&rig);
	return 0;
}

static const struct book_rig_call one = {
        .number = 1, .reserved = 500, .cost = 300, .tokens_reserved = 50, .tokens = 31};

static void segment_path(char path[160], unsigned worker, unsigned number)
{
	snprintf(path, 160, "%s/journal/%04u-%010u.journal", rig.folder, worker, number);
}

static int open_journal(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/journal", rig.folder);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return dir;
}

static void begin_anew(void)
{
	int r;

	book_rig_start_surely(&rig);
	r = book_catch_up(rig.book, book_rig_journal(&rig, 0));
	if (r)
		fail_msg("%d: %s", r, book_note(rig.book));
}

struct told {
	unsigned lost, bad;
	struct verdict last;
};

static void take_verdict(void *arg, const struct verdict *v)
{
	struct told *t = arg;

	t->lost += v->lost_to != 0;
	t->bad += v->problem && !v->lost_to;
	if (v->lost_to)
		t->last = *v;
}

static struct told verify(void)
{
	struct told t = {.lost = 0};
	int r = journal_verify(keeper_folder(rig.keeper), take_verdict, &t);

	assert_int_equal(r, t.lost || t.bad);
	return t;
}

/* Zeros from there on, as of pages that never came to the disk; the rest is as long as it was. */
static void lose(unsigned number, uint64_t from)
{
	char path[160];

	segment_path(path, 1, number);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, (off_t)from), 0);
	assert_int_equal(truncate(path, KEEPER_SEGMENT_MIN), 0);
}

static void what_the_book_counted_stays_where_the_power_took_the_journals_end(void **unused)
{
	struct book_rig_call second = one, third = one;
	struct told t;

	(void)unused;
	second.number = 5;
	third.number = 9;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	uint64_t kept = journal_place(book_rig_journal(&rig, 1)).size;
	book_rig_whole(book_rig_journal(&rig, 1), &second);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	uint64_t end = journal_place(book_rig_journal(&rig, 1)).size;
	book_rig_stop(&rig);
	lose(1, kept + 30);                /* within a record */
	for (unsigned i = 0; i < 2; i++) { /* once, however often it starts */
		begin_anew();
		assert_int_equal(
		        book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 600);
		assert_int_equal(book_rig_number(&rig, "SELECT sum(cost) FROM ledger"), 600);
		t = verify();
		assert_int_equal(t.lost, 1);
		assert_int_equal(t.bad, 0);
		assert_int_equal(t.last.id.worker * 10 + t.last.id.number, 11);
		assert_int_equal(t.last.bad_at, kept);
		assert_int_equal(t.last.lost_to, end);
		if (!i)
			book_rig_stop(&rig);
	}
	book_rig_whole(book_rig_journal(&rig, 1), &third);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 900);
}

static void of_a_whole_segment_too(void **unused)
{
	struct book_rig_call second = one;

	(void)unused;
	second.number = 5;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_stop(&rig);
	book_rig_start_surely(&rig);
	book_rig_whole(book_rig_journal(&rig, 1), &second);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	book_rig_stop(&rig);
	lose(2, 0);
	for (unsigned i = 0; i < 2; i++) {
		begin_anew();
		assert_int_equal(
		        book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 600);
		assert_int_equal(verify().lost, 1);
		book_rig_stop(&rig);
	}
	begin_anew();
	second.number = 9;
	book_rig_whole(book_rig_journal(&rig, 1), &second);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 900);
}

/* Where its first record ends, which says more than the first segment's. */
static uint64_t write_second_segment(void)
{
	struct book_rig_call second = one;
	uint64_t head;

	second.number = 5;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_stop(&rig);
	book_rig_start_surely(&rig);
	head = journal_place(book_rig_journal(&rig, 1)).size;
	book_rig_whole(book_rig_journal(&rig, 1), &second);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	book_rig_stop(&rig);
	return head;
}

static mode_t access_to(unsigned number)
{
	struct stat st;
	char path[160];

	segment_path(path, 1, number);
	return stat(path, &st) < 0 ? 0 : st.st_mode & 0777;
}

static int64_t spent(void)
{
	return book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'");
}

/* Recovery has been, and the journal was begun anew, but the book never moved. */
static void a_start_that_was_cut_short_leaves_it_to_the_next_one(void **unused)
{
	(void)unused;
	write_second_segment();
	lose(2, 0);
	for (unsigned i = 0; i < 3; i++) {
		book_rig_start_surely(&rig);
		book_rig_stop(&rig);
	}
	rig.workers = 1; /* nobody writes where it was any more */
	begin_anew();
	assert_int_equal(spent(), 600);
	assert_int_equal(verify().lost, 1);
	assert_int_equal(verify().bad, 0);
	assert_int_equal(access_to(2), 0);
	book_rig_stop(&rig);
	rig.workers = 3;
	begin_anew();
	assert_int_equal(spent(), 600);
}

static void and_where_only_the_tail_was_lost(void **unused)
{
	uint64_t head;

	(void)unused;
	head = write_second_segment();
	lose(2, head + 40);
	for (unsigned i = 0; i < 3; i++) {
		book_rig_start_surely(&rig);
		assert_int_equal(access_to(2), 0600);
		book_rig_stop(&rig);
	}
	begin_anew();
	assert_int_equal(spent(), 600);
	assert_int_equal(verify().lost, 1);
	assert_int_equal(verify().bad, 0);
	assert_int_equal(access_to(2), 0400);
}

/* It was on the disk: power does not take it from there. */
static void a_file_that_was_closed_loses_nothing_with_the_power(void **unused)
{
	uint64_t head;
	char path[160];

	(void)unused;
	head = write_second_segment();
	segment_path(path, 1, 2);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(truncate(path, i < 2 ? (off_t)head : 0), 0);
		assert_int_equal(chmod(path, 0400), 0);
		book_rig_start_surely(&rig);
		assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), -EBADMSG);
		assert_non_null(strstr(book_note(rig.book), "Put it back"));
		book_rig_stop(&rig);
	}
}

/* Also where nobody starts it: a command looks at what lies there. */
static void a_copy_goes_on_with_it_too(void **unused)
{
	struct book *copy;
	char note[BOOK_NOTE];

	(void)unused;
	write_second_segment();
	lose(2, 0);
	int dir = open_journal();
	struct book_options o = {
	        .path = rig.folder, .journal = dir, .keys = rig.keys, .n_keys = rig.n_keys};
	assert_int_equal(book_open_copy(&copy, &o, note), 0);
	if (book_fold(copy))
		fail_msg("%s", book_note(copy));
	book_close(copy);
	close(dir);
	assert_int_equal(access_to(2), 0600);
	begin_anew();
}

struct noted {
	unsigned n;
	char text[400];
};

static struct noted last_note(void)
{
	struct segment_list l = {NULL};
	struct noted found = {0};
	struct segment_reader s;
	struct unpack u = UNPACK_INIT;
	struct entry e;
	int dir = open_journal();

	assert_int_equal(segment_list_read(dir, &l), 0);
	for (size_t i = 0; i < l.n; i++) {
		assert_int_equal(segment_open(&s, dir, l.ids[i], 0), 0);
		while (segment_next(&s, &u, &e) > 0)
			if (e.kind == ENTRY_NOTE && e.note.lost_to) {
				found.n++;
				snprintf(found.text, sizeof(found.text), "%.*s",
				        SLICE_FMT(e.note.text));
			}
		segment_close(&s);
	}
	unpack_finish(&u);
	segment_list_finish(&l);
	close(dir);
	return found;
}

static void the_note_names_what_else_may_be_lost(void **unused)
{
	uint64_t head;

	(void)unused;
	head = journal_place(book_rig_journal(&rig, 1)).size;
	write_second_segment();
	lose(1, head);
	lose(2, 0);
	begin_anew();
	assert_int_equal(spent(), 600);
	assert_int_equal(last_note().n, 1);
	assert_non_null(strstr(last_note().text, "0001-0000000002.journal ends at byte 0"));
	assert_non_null(strstr(last_note().text, "So may be what stood behind byte "));
	assert_non_null(strstr(last_note().text, " of 0001-0000000001.journal."));
}

/* Want of memory is no damage, and the next start does what this one did not. */
static void want_of_memory_is_told_as_that(void **unused)
{
	unsigned failed = 0;
	bool done = false;

	(void)unused;
	lose(2, write_second_segment() + 40);
	for (unsigned n = 0; !done; n += 1 + n / 4) {
		book_rig_start_surely(&rig);
		mem_fail_after((long)n);
		int r = book_catch_up(rig.book, book_rig_journal(&rig, 0));
		mem_fail_after(-1);
		done = !r;
		failed += r < 0;
		if (r && (r != -ENOMEM || strstr(book_note(rig.book), "Put it back")))
			fail_msg("%d after %u: %s", r, n, book_note(rig.book));
		book_rig_stop(&rig);
	}
	assert_true(failed > 3);
	begin_anew();
	assert_int_equal(spent(), 600);
}

/* Some pages came to the disk and others before them did not: who knows what has not been counted.
 */
static void a_hole_with_records_behind_it_stops_the_start(void **unused)
{
	static const char zeros[3000];
	struct book_rig_call c = one;
	char path[160];
	uint64_t hole = 0;
	int fd;

	(void)unused;
	for (unsigned i = 0; i < 40; i++) {
		c.number = 4 * i;
		book_rig_whole(book_rig_journal(&rig, 1), &c);
		book_rig_turn(book_rig_journal(&rig, 1));
		if (i == 10)
			hole = journal_place(book_rig_journal(&rig, 1)).size;
		if (i == 11)
			book_rig_fold(&rig);
	}
	book_rig_stop(&rig);
	segment_path(path, 1, 1);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), (off_t)hole), sizeof(zeros));
	close(fd);
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), -EBADMSG);
	assert_non_null(strstr(book_note(rig.book), "0001-0000000001.journal"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(what_the_book_counted_stays_where_the_power_took_the_journals_end),
	        TEST(of_a_whole_segment_too),
	        TEST(a_start_that_was_cut_short_leaves_it_to_the_next_one),
	        TEST(and_where_only_the_tail_was_lost),
	        TEST(a_file_that_was_closed_loses_nothing_with_the_power),
	        TEST(a_copy_goes_on_with_it_too),
	        TEST(the_note_names_what_else_may_be_lost),
	        TEST(want_of_memory_is_told_as_that),
	        TEST(a_hole_with_records_behind_it_stops_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
