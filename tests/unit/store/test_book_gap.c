/* SPDX-License-Identifier: Apache-2.0 */
/* book: where the power took the journal's end, the book goes on with what it has counted, and the
 * journal tells of the gap. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
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
	lose(2, 0); /* recovery takes it away, and the keeper begins it anew */
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
	        TEST(a_hole_with_records_behind_it_stops_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
