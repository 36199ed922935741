/* SPDX-License-Identifier: Apache-2.0 */
/* book: what the journal says is what the book holds, in whatever order it is read, and after
 * whatever ended the process before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rig/book_rig.h"
#include "rig/starve.h"
#include "rig/unit.h"
#include "store/book_core.h"

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

static const struct book_rig_call one = {.number = 1,
        .user = "ann@example.com",
        .workflow = "w1",
        .tool = "search",
        .reserved = 500,
        .cost = 300,
        .tokens_reserved = 50,
        .tokens = 31};

static void a_call_that_is_over_is_in_its_counters_and_in_the_ledger(void **unused)
{
	(void)unused;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	book_rig_assert_equal(&rig);
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 300);
	assert_int_equal(
	        book_rig_number(&rig, "SELECT tokens FROM counters WHERE grp = 'a:1'"), 31);
	assert_int_equal(
	        book_rig_number(&rig,
	                "SELECT count(*) FROM ledger WHERE agent = 'a:1' AND team = 'crew' AND "
	                "workflow = 'w1' "
	                "AND model = 'gpt-4o' AND upstream = 'openai' AND calls = 1 AND refused = "
	                "0 AND "
	                "tokens_total = 31 AND hour = 1789999200 AND length(user) = 15 + 36"),
	        1);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM tools WHERE tool = 'search' "
	                                       "AND calls = 1 AND denied = 0"),
	        1);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM calls") +
	                         book_rig_number(&rig, "SELECT count(*) FROM held"),
	        0);
}

static void each_record_may_come_in_a_fold_of_its_own(void **unused)
{
	void (*const parts[])(struct journal * j, const struct book_rig_call *c) = {
	        book_rig_decide, book_rig_reserve, book_rig_settle, book_rig_outcome};

	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		parts[i](book_rig_journal(&rig, 2), &one);
		book_rig_turn(book_rig_journal(&rig, 2));
		book_rig_fold(&rig);
		book_rig_assert_equal(&rig);
	}
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 300);
}

static void what_is_said_twice_counts_once(void **unused)
{
	(void)unused;
	for (unsigned fold = 0; fold < 3; fold++) {
		book_rig_whole(book_rig_journal(&rig, 1), &one);
		book_rig_settle(book_rig_journal(&rig, 1), &one);
		book_rig_outcome(book_rig_journal(&rig, 1), &one);
		book_rig_turn(book_rig_journal(&rig, 1));
		if (fold == 0)
			book_rig_fold(&rig);
	}
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 300);
	assert_int_equal(book_rig_number(&rig, "SELECT calls FROM ledger"), 1);
}

static void a_refused_call_is_counted_as_one(void **unused)
{
	const struct book_rig_call refused = {.number = 4, .denied = true},
	                           tool = {.number = 5, .tool = "rm", .tool_denied = true};

	(void)unused;
	book_rig_decide(book_rig_journal(&rig, 0), &refused);
	book_rig_outcome(book_rig_journal(&rig, 0), &refused);
	book_rig_decide(book_rig_journal(&rig, 0), &tool);
	book_rig_outcome(book_rig_journal(&rig, 0), &tool);
	book_rig_turn(book_rig_journal(&rig, 0));
	book_rig_fold(&rig);
	assert_int_equal(
	        book_rig_number(&rig, "SELECT sum(refused) * 10 + sum(calls) FROM ledger"), 12);
	assert_int_equal(book_rig_number(&rig, "SELECT denied FROM tools WHERE tool = 'rm'"), 1);
}

static void an_estimate_is_told_apart(void **unused)
{
	struct book_rig_call guessed = one;

	(void)unused;
	guessed.number = 9;
	guessed.estimated = true;
	book_rig_whole(book_rig_journal(&rig, 0), &one);
	book_rig_whole(book_rig_journal(&rig, 0), &guessed);
	book_rig_turn(book_rig_journal(&rig, 0));
	book_rig_fold(&rig);
	assert_int_equal(
	        book_rig_number(&rig, "SELECT sum(cost) * 1000 + sum(estimated) FROM ledger"),
	        600300);
}

static void equal_users_are_one_row_and_others_are_not(void **unused)
{
	struct book_rig_call c = one;

	(void)unused;
	for (unsigned i = 0; i < 8; i++) {
		c.number = 4 * i;
		c.user = i % 2 ? "ann" : "bob";
		book_rig_whole(book_rig_journal(&rig, i % 3), &c);
		book_rig_turn(book_rig_journal(&rig, i % 3));
		book_rig_fold(&rig);
	}
	assert_int_equal(
	        book_rig_number(&rig, "SELECT count(*) * 100 + min(calls) FROM ledger"), 204);
}

static void sums_do_not_turn_over(void **unused)
{
	struct book_rig_call c = one;

	(void)unused;
	c.cost = INT64_MAX - 10;
	c.tokens = UINT64_MAX;
	for (unsigned i = 0; i < 3; i++) {
		c.number = 4 * i;
		book_rig_whole(book_rig_journal(&rig, 0), &c);
		book_rig_turn(book_rig_journal(&rig, 0));
		book_rig_fold(&rig);
	}
	assert_int_equal(
	        book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), INT64_MAX);
	assert_int_equal(book_rig_number(&rig, "SELECT tokens_total FROM ledger"), INT64_MAX);
	assert_int_equal(book_rig_number(&rig,
	                         "SELECT count(*) FROM counters WHERE typeof(cost) = 'integer'"),
	        2);
}

/* ---- starts ---- */

static void restart(void)
{
	book_rig_stop(&rig);
	book_rig_start_surely(&rig);
}

static void catch_up(void)
{
	int r = book_catch_up(rig.book, book_rig_journal(&rig, 0));

	if (r)
		fail_msg("%d: %s", r, book_note(rig.book));
}

static void what_a_dead_process_held_is_charged_and_its_calls_are_ended(void **unused)
{
	struct book_rig_call refused = {.number = 6, .denied = true}, sent = one;

	(void)unused;
	sent.number = 7;
	book_rig_decide(book_rig_journal(&rig, 1), &one);
	book_rig_reserve(book_rig_journal(&rig, 1), &one);
	book_rig_decide(book_rig_journal(&rig, 1), &refused);
	book_rig_decide(book_rig_journal(&rig, 2), &sent);
	book_rig_reserve(book_rig_journal(&rig, 2), &sent);
	book_rig_settle(book_rig_journal(&rig, 2), &sent);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_turn(book_rig_journal(&rig, 2));
	restart();
	catch_up();
	book_rig_assert_equal(&rig);
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 800);
	assert_int_equal(book_rig_number(&rig, "SELECT tokens FROM counters WHERE grp = 'g'"), 81);
	assert_int_equal(book_rig_number(&rig, "SELECT sum(cost) FROM ledger"), 800);
	assert_int_equal(book_rig_number(&rig, "SELECT sum(refused) FROM ledger"), 1);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM calls"), 0);
	assert_int_equal(
	        book_rig_number(&rig, "SELECT length(user) FROM ledger WHERE cost = 500"), 15 + 36);
	for (unsigned i = 0; i < 2; i++) { /* once, however often it starts */
		restart();
		catch_up();
		book_rig_assert_equal(&rig);
		assert_int_equal(book_rig_number(&rig, "SELECT sum(cost) FROM ledger"), 800);
	}
}

static void a_settlement_that_comes_late_corrects_what_was_charged(void **unused)
{
	(void)unused;
	book_rig_decide(book_rig_journal(&rig, 1), &one);
	book_rig_reserve(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	restart();
	catch_up();
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 500);
	for (unsigned i = 0; i < 2; i++) {
		book_rig_settle(book_rig_journal(&rig, 1), &one);
		book_rig_turn(book_rig_journal(&rig, 1));
		book_rig_fold(&rig);
		assert_int_equal(
		        book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), 300);
		assert_int_equal(
		        book_rig_number(&rig, "SELECT tokens FROM counters WHERE grp = 'a:1'"), 31);
	}
}

static void a_book_that_was_moved_away_is_made_anew_from_the_journal(void **unused)
{
	static const char *const names[] = {"book.db", "book.db-wal", "book.db-shm"};
	struct book_rig_call c = one;
	char path[160];

	(void)unused;
	for (unsigned i = 0; i < 50; i++) {
		c.number = i;
		book_rig_decide(book_rig_journal(&rig, i % 3), &c);
		book_rig_reserve(book_rig_journal(&rig, i % 3), &c);
		if (i % 5)
			book_rig_settle(book_rig_journal(&rig, i % 3), &c);
		if (i % 5 && i % 3)
			book_rig_outcome(book_rig_journal(&rig, i % 3), &c);
		book_rig_turn(book_rig_journal(&rig, i % 3));
	}
	restart();
	catch_up();
	int64_t spent = book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'");
	assert_int_equal(spent, 40 * 300 + 10 * 500);
	book_rig_stop(&rig);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", rig.folder, names[i]);
		unlink(path);
	}
	book_rig_start_surely(&rig);
	catch_up();
	book_rig_assert_equal(&rig);
	assert_int_equal(book_rig_number(&rig, "SELECT cost FROM counters WHERE grp = 'g'"), spent);
}

static void many_segments_are_read_one_after_the_other(void **unused)
{
	struct book_rig_call c = one;

	(void)unused;
	for (unsigned i = 0; i < 9000; i++) {
		c.number = i;
		book_rig_whole(book_rig_journal(&rig, i % 2), &c);
		if (i % 8 < 6)
			continue;
		for (unsigned w = 0; w < 2; w++) {
			while (!journal_is_ready(book_rig_journal(&rig, w)))
				usleep(500);
			book_rig_turn(book_rig_journal(&rig, w));
		}
		if (i % 1000 == 7)
			book_rig_fold(&rig);
	}
	book_rig_fold(&rig);
	assert_true(journal_place(book_rig_journal(&rig, 0)).number > 2);
	book_rig_assert_equal(&rig);
	restart();
	catch_up();
	book_rig_assert_equal(&rig);
}

/* ---- what must not go unnoticed ---- */

static void segment_path(char path[160], unsigned worker, unsigned number)
{
	snprintf(path, 160, "%s/journal/%04u-%010u.journal", rig.folder, worker, number);
}

static void a_segment_that_is_gone_or_shorter_or_another_stops_the_start(void **unused)
{
	char path[160], away[160];

	(void)unused;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	book_rig_stop(&rig);
	segment_path(path, 1, 1);
	snprintf(away, sizeof(away), "%s/away", rig.folder);
	assert_int_equal(rename(path, away), 0);
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), -EBADMSG);
	assert_non_null(strstr(book_note(rig.book), "0001-0000000001.journal"));
	book_rig_stop(&rig);
	/* The keeper began a file of that name anew: it is not what was read. */
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), -EBADMSG);
	book_rig_stop(&rig);
	unlink(path);
	assert_int_equal(rename(away, path), 0);
	segment_path(away, 1, 2);
	unlink(away);
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), 0);
}

static void a_journal_that_was_begun_anew_stops_the_start(void **unused)
{
	char path[160];

	(void)unused;
	for (unsigned i = 0; i < 3; i++) {
		book_rig_stop(&rig);
		book_rig_start_surely(&rig);
	}
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	book_rig_stop(&rig);
	for (unsigned number = 1; number < 5; number++) {
		segment_path(path, 1, number);
		assert_int_equal(unlink(path), 0);
	}
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), -EBADMSG);
	assert_non_null(strstr(book_note(rig.book), "0001-0000000004.journal"));
}

static void a_segment_missing_in_between_stops_the_start(void **unused)
{
	char path[160];

	(void)unused;
	book_rig_fold(&rig);
	for (unsigned i = 0; i < 3; i++) {
		book_rig_stop(&rig); /* each start begins a segment */
		book_rig_start_surely(&rig);
	}
	book_rig_stop(&rig);
	segment_path(path, 1, 3);
	assert_int_equal(unlink(path), 0);
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), -EBADMSG);
	assert_non_null(strstr(book_note(rig.book), "missing (number 3)"));
}

/* ---- a file that somebody changes ---- */

static void change(const char *path, uint64_t at, char by)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
	c ^= by;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

static void assert_not_folded(const char *why)
{
	assert_int_equal(book_fold(rig.book), -EBADMSG);
	assert_non_null(strstr(book_note(rig.book), "0001-0000000001.journal is damaged at byte"));
	assert_non_null(strstr(book_note(rig.book), why));
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM ledger"), 0);
}

/* What this process wrote is not hashed anew, but its frames end where they were written to, and
 * the last one is the writer's. */
static void a_segment_that_is_changed_while_it_is_written_is_not_folded(void **unused)
{
	struct journal *j = book_rig_journal(&rig, 1);
	struct book_rig_call second = one;
	char path[160], copy[8];
	uint64_t before, end;
	int fd;

	(void)unused;
	second.number = 5;
	segment_path(path, 1, 1);
	book_rig_fold(&rig);
	before = journal_place(j).size;
	book_rig_whole(j, &one);
	book_rig_turn(j);
	book_rig_whole(j, &second);
	book_rig_turn(j);
	end = journal_place(j).size;

	change(path, end - 1, 1); /* the last hash */
	assert_not_folded("does not fit its hash");
	change(path, end - 1, 1);
	change(path, end - SHA256_LEN - 1, 1); /* the last record */
	assert_not_folded("record");
	change(path, end - SHA256_LEN - 1, 1);
	for (unsigned byte = 0; byte < FRAME_HEAD; byte++) { /* a length */
		change(path, before + byte, 2);
		assert_not_folded("");
		change(path, before + byte, 2);
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, copy, sizeof(copy), (off_t)(end - sizeof(copy))), sizeof(copy));
	assert_int_equal(ftruncate(fd, (off_t)(end - sizeof(copy))), 0);
	assert_not_folded("ends within a record");
	assert_int_equal(ftruncate(fd, (off_t)before), 0);
	close(fd);
	assert_not_folded("ends before what was written into it");
}

static void what_another_process_wrote_is_checked_whole(void **unused)
{
	char path[160];
	uint64_t before;

	(void)unused;
	segment_path(path, 1, 1);
	before = journal_place(book_rig_journal(&rig, 1)).size;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_stop(&rig);
	chmod(path, 0600);
	change(path, before + 100, 1);
	chmod(path, 0400);
	book_rig_start_surely(&rig);
	assert_not_folded("does not fit its hash");
	chmod(path, 0600);
	change(path, before + 100, 1);
	chmod(path, 0400);
	book_rig_fold(&rig);
	book_rig_assert_equal(&rig);
}

static void a_later_schema_and_what_is_no_database_are_refused_in_a_sentence(void **unused)
{
	char path[160];

	(void)unused;
	assert_int_equal(
	        sqlite3_exec(rig.book->db, "PRAGMA user_version = 7", NULL, NULL, NULL), SQLITE_OK);
	book_rig_stop(&rig);
	assert_int_equal(book_rig_start(&rig), -EPROTONOSUPPORT);
	assert_non_null(strstr(rig.note, "later Weir (schema 7, this one knows 3)"));
	book_rig_stop(&rig);
	snprintf(path, sizeof(path), "%s/book.db", rig.folder);
	unlink(path);
	FILE *f = fopen(path, "w");
	fprintf(f, "%04096d", 7);
	fclose(f);
	assert_int_equal(book_rig_start(&rig), -EBADMSG);
	assert_non_null(strstr(rig.note, "no database"));
	book_rig_stop(&rig);
	unlink(path);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_int_not_equal(book_rig_start(&rig), 0);
}

static void nobody_else_may_read_it(void **unused)
{
	static const char *const names[] = {"book.db", "book.db-wal", "book.db-shm"};
	char path[160];
	struct stat st;

	(void)unused;
	book_rig_fold(&rig);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", rig.folder, names[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

/* ---- counters ---- */

static int count_cost(void *arg, struct slice group, struct slice name, uint64_t window,
        uint64_t ends, nanousd cost, uint64_t tokens)
{
	int64_t *sum = arg;

	assert_true(group.len && name.len && tokens == 31);
	assert_true(slice_is(group, "g") ? window && ends == BOOK_RIG_HOUR + 100000
	                                 : !window && ends == UINT64_MAX);
	*sum += cost;
	return 0;
}

static void counters_are_given_while_their_window_lasts_and_deleted_later(void **unused)
{
	int64_t sum = 0;

	(void)unused;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_fold(&rig);
	assert_int_equal(book_each_counter(rig.book, count_cost, &sum), 0);
	assert_int_equal(sum, 600);
	assert_int_equal(
	        sqlite3_exec(rig.book->db, "UPDATE counters SET ends = 1790000000 WHERE grp = 'g'",
	                NULL, NULL, NULL),
	        0);
	sum = 0;
	/* What has spent nothing takes no room in memory, however many ids somebody has made up. */
	assert_int_equal(
	        sqlite3_exec(rig.book->db,
	                "INSERT INTO counters VALUES('a:1', 'made up', 0, 1790000001, 0, 0)", NULL,
	                NULL, NULL),
	        0);
	assert_int_equal(book_each_counter(rig.book, count_cost, &sum), 0);
	assert_int_equal(sum, 300);
	assert_int_equal(sqlite3_exec(rig.book->db, "DELETE FROM counters WHERE name = 'made up'",
	                         NULL, NULL, NULL),
	        0);
	assert_int_equal(book_forget_old(rig.book), 0);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM counters"), 2);
	assert_int_equal(sqlite3_exec(rig.book->db,
	                         "UPDATE counters SET ends = ends - 86400 WHERE grp = 'g'", NULL,
	                         NULL, NULL),
	        0);
	assert_int_equal(book_forget_old(rig.book), 0);
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM counters"), 1);
}

/* ---- the thread ---- */

static void the_thread_folds_what_is_written_and_says_how_far_behind_it_is(void **unused)
{
	(void)unused;
	catch_up();
	assert_int_equal(book_start(rig.book, NULL), 0);
	book_rig_whole(book_rig_journal(&rig, 2), &one);
	book_rig_turn(book_rig_journal(&rig, 2));
	uint64_t before = book_folded(rig.book);
	for (unsigned i = 0; i < 2000 && book_folded(rig.book) == before; i++)
		usleep(1000);
	for (unsigned i = 0; i < 2000 && book_lag_ns(rig.book); i++)
		usleep(1000);
	assert_int_equal(book_lag_ns(rig.book), 0);
	struct book_rig_call last = one;
	last.number = 2;
	book_rig_whole(book_rig_journal(&rig, 1), &last);
	book_rig_turn(book_rig_journal(&rig, 1));
	restart(); /* folds the last */
	book_rig_assert_equal(&rig);
}

/* ---- failures ---- */

static int say_stop(void *left)
{
	return --*(int *)left < 0;
}

static void cut_short_at_any_step_it_goes_on_where_it_was(void **unused)
{
	struct book_rig_call c = one, held = one;
	unsigned cut = 0;

	(void)unused;
	for (unsigned i = 0; i < 40; i++) {
		c.number = 2 * i;
		held.number = 2 * i + 1;
		book_rig_whole(book_rig_journal(&rig, i % 3), &c);
		book_rig_decide(book_rig_journal(&rig, i % 3), &held);
		book_rig_reserve(book_rig_journal(&rig, i % 3), &held);
		book_rig_turn(book_rig_journal(&rig, i % 3));
	}
	for (int after = 0;; after += 1 + after / 16) {
		int left = after, r;
		sqlite3_progress_handler(rig.book->db, 1, say_stop, &left);
		r = book_fold(rig.book);
		sqlite3_progress_handler(rig.book->db, 0, NULL, NULL);
		if (!r)
			break;
		cut++;
	}
	assert_true(cut > 50);
	book_rig_assert_equal(&rig);
}

static void a_full_disk_holds_up_only_the_book_until_there_is_room(void **unused)
{
	char sql[64];
	struct book_rig_call c = one;

	(void)unused;
	catch_up();
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
	        (long long)book_rig_number(&rig, "PRAGMA page_count"));
	assert_int_equal(sqlite3_exec(rig.book->db, sql, NULL, NULL, NULL), SQLITE_OK);
	for (unsigned i = 0; i < 200; i++) {
		char workflow[16];
		snprintf(workflow, sizeof(workflow), "w%u", i);
		c.number = i;
		c.workflow = workflow;
		book_rig_whole(book_rig_journal(&rig, i % 3), &c);
		book_rig_turn(book_rig_journal(&rig, i % 3));
	}
	assert_int_equal(book_fold(rig.book), -ENOSPC);
	assert_non_null(strstr(book_note(rig.book), "is full; free some room there"));
	assert_int_equal(book_rig_number(&rig, "SELECT count(*) FROM ledger"), 0);
	assert_int_equal(book_fold(rig.book), -ENOSPC);
	assert_int_equal(
	        sqlite3_exec(rig.book->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL),
	        SQLITE_OK);
	book_rig_fold(&rig);
	book_rig_assert_equal(&rig);
}

static int read_it_all(void *arg)
{
	struct book_options o = {.path = rig.folder,
	        .journal = keeper_folder(rig.keeper),
	        .keys = rig.keys,
	        .n_keys = rig.n_keys};
	struct book *copy;
	char note[BOOK_NOTE];
	int r;

	(void)arg;
	r = book_open_copy(&copy, &o, note);
	if (r)
		return r;
	r = book_fold(copy);
	book_close(copy);
	return r;
}

static void it_does_without_memory_and_leaks_nothing(void **unused)
{
	(void)unused;
	book_rig_whole(book_rig_journal(&rig, 1), &one);
	book_rig_decide(book_rig_journal(&rig, 2), &one);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_turn(book_rig_journal(&rig, 2));
	assert_true(starve(read_it_all, NULL) > 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(a_call_that_is_over_is_in_its_counters_and_in_the_ledger),
	        TEST(each_record_may_come_in_a_fold_of_its_own),
	        TEST(what_is_said_twice_counts_once),
	        TEST(a_refused_call_is_counted_as_one),
	        TEST(an_estimate_is_told_apart),
	        TEST(equal_users_are_one_row_and_others_are_not),
	        TEST(sums_do_not_turn_over),
	        TEST(what_a_dead_process_held_is_charged_and_its_calls_are_ended),
	        TEST(a_settlement_that_comes_late_corrects_what_was_charged),
	        TEST(a_book_that_was_moved_away_is_made_anew_from_the_journal),
	        TEST(many_segments_are_read_one_after_the_other),
	        TEST(a_segment_that_is_gone_or_shorter_or_another_stops_the_start),
	        TEST(a_journal_that_was_begun_anew_stops_the_start),
	        TEST(a_segment_missing_in_between_stops_the_start),
	        TEST(a_segment_that_is_changed_while_it_is_written_is_not_folded),
	        TEST(what_another_process_wrote_is_checked_whole),
	        TEST(a_later_schema_and_what_is_no_database_are_refused_in_a_sentence),
	        TEST(nobody_else_may_read_it),
	        TEST(counters_are_given_while_their_window_lasts_and_deleted_later),
	        TEST(the_thread_folds_what_is_written_and_says_how_far_behind_it_is),
	        TEST(cut_short_at_any_step_it_goes_on_where_it_was),
	        TEST(a_full_disk_holds_up_only_the_book_until_there_is_room),
	        TEST(it_does_without_memory_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
