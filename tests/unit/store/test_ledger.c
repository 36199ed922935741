/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: rows add up however they are cut, windows are the calendar's, and what cannot be asked
 * together is said. */
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "rig/book_rig.h"
#include "rig/unit.h"
#include "store/book_core.h"
#include "store/ledger.h"
#include "store/ledger_groups.h"

#define DAY_S UINT64_C(86400)

static struct book_rig rig;

static struct ledger_query everything(enum window_kind per)
{
	return (struct ledger_query){.per = per, .until = UINT64_MAX};
}

struct sum {
	int64_t cost;
	uint64_t calls, lines, first, last;
	int64_t costs[8];
};

static int add(void *arg, const struct ledger_line *l)
{
	struct sum *s = arg;

	if (!s->lines)
		s->first = l->from;
	s->last = l->from;
	if (s->lines < 8)
		s->costs[s->lines] = l->cost;
	s->cost += l->cost;
	s->calls += l->calls;
	s->lines++;
	return 0;
}

static struct sum read_all(const struct ledger_query *q)
{
	struct sum s = {.cost = 0};

	assert_int_equal(ledger_read(rig.book, q, add, &s), 0);
	return s;
}

/* Forty calls, one each hour from the rig's hour on, of four agents and three users. */
static int set_up(void **unused)
{
	static const char *const users[] = {"ann", "bob", NULL};

	(void)unused;
	book_rig_make(&rig, 2);
	book_rig_start_surely(&rig);
	for (unsigned i = 0; i < 40; i++) {
		struct book_rig_call c = {.number = i,
		        .user = users[i % 3],
		        .workflow = i % 2 ? "w" : NULL,
		        .tool = i % 4 ? "search" : "delete",
		        .tool_denied = i % 4 == 0,
		        .reserved = 1000,
		        .cost = 100 + i,
		        .tokens = 10,
		        .estimated = i < 3,
		        .wall_s = BOOK_RIG_HOUR + i * HOUR_S};
		book_rig_whole(book_rig_journal(&rig, i % 2), &c);
		book_rig_turn(book_rig_journal(&rig, i % 2));
	}
	book_rig_fold(&rig);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	book_rig_remove(&rig);
	return 0;
}

#define ALL (40 * 100 + 39 * 40 / 2)

static void however_it_is_cut_it_adds_up(void **unused)
{
	(void)unused;
	for (unsigned by = 0; by < BY_N; by++) {
		for (unsigned per = WINDOW_TOTAL; per <= WINDOW_MONTH; per++) {
			struct ledger_query q = everything(per);
			struct ledger_line total;
			q.by[q.n_by++] = by;
			struct sum s = read_all(&q);
			assert_int_equal(s.calls, 40);
			assert_int_equal(ledger_total(rig.book, &q, &total), 0);
			assert_int_equal(total.calls, 40);
			if (by == BY_TOOL)
				continue;
			assert_int_equal(s.cost, ALL);
			assert_int_equal(total.cost, ALL);
			assert_int_equal(total.estimated, 303);
			assert_int_equal(total.tokens_total, 400);
		}
	}
}

static void windows_are_the_calendars(void **unused)
{
	struct ledger_query q = everything(WINDOW_HOUR);
	struct sum s = read_all(&q);

	(void)unused;
	assert_int_equal(s.lines, 40);
	assert_int_equal(s.first, BOOK_RIG_HOUR - BOOK_RIG_HOUR % HOUR_S);
	q.per = WINDOW_DAY;
	s = read_all(&q);
	assert_int_equal(s.lines, 3);
	assert_int_equal(s.last - s.first, 2 * DAY_S);
	assert_int_equal(s.first % DAY_S, 0);
	q.per = WINDOW_MONTH;
	s = read_all(&q);
	assert_int_equal(s.lines, 1);
	assert_int_equal(s.first, window_of(WINDOW_MONTH, BOOK_RIG_HOUR).start);
	q.per = WINDOW_TOTAL;
	assert_int_equal(read_all(&q).first, 0);
}

static void only_the_hours_that_are_asked_for_count(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);

	(void)unused;
	q.since = BOOK_RIG_HOUR + 10 * HOUR_S; /* within the hour of the eleventh */
	q.until = BOOK_RIG_HOUR + 20 * HOUR_S;
	assert_int_equal(read_all(&q).calls, 11);
	q.until = q.since - q.since % HOUR_S;
	assert_int_equal(read_all(&q).lines, 0);
	struct ledger_line total;
	assert_int_equal(ledger_total(rig.book, &q, &total), 0);
	assert_int_equal(total.calls, 0);
}

static void the_dearest_come_first_when_only_some_are_wanted(void **unused)
{
	struct ledger_query q = everything(WINDOW_HOUR);

	(void)unused;
	q.top = 3;
	struct sum s = read_all(&q);
	assert_int_equal(s.lines, 3);
	assert_int_equal(s.costs[0], 139);
	assert_int_equal(s.costs[2], 137);
}

static int check_users(void *arg, const struct ledger_line *l)
{
	char text[1024];
	struct slice user = {NULL, 0};
	unsigned *seen = arg;

	if (ledger_user(rig.book, l->names[0], text, &user))
		*seen |= slice_is(user, "ann") ? 1 : slice_is(user, "bob") ? 2 : 8;
	else
		*seen |= l->names[0].len ? 16 : 4;
	return 0;
}

static void users_are_opened_with_the_key_only(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);
	unsigned seen = 0;

	(void)unused;
	q.by[q.n_by++] = BY_USER;
	assert_int_equal(ledger_read(rig.book, &q, check_users, &seen), 0);
	assert_int_equal(seen, 7);
	book_rig_stop(&rig);
	rig.n_keys = 0;
	book_rig_start_surely(&rig);
	seen = 0;
	assert_int_equal(ledger_read(rig.book, &q, check_users, &seen), 0);
	assert_int_equal(seen, 20);
}

static void whose_the_calls_of_a_dead_process_were_stays_known_without_the_key(void **unused)
{
	const struct book_rig_call open = {.number = 101, .user = "ann"};

	(void)unused;
	book_rig_decide(book_rig_journal(&rig, 1), &open);
	book_rig_turn(book_rig_journal(&rig, 1));
	book_rig_stop(&rig);
	rig.keys[0] = SLICE("a key that opens nothing of before");
	book_rig_start_surely(&rig);
	assert_int_equal(book_catch_up(rig.book, book_rig_journal(&rig, 0)), 0);
	assert_int_equal(book_rig_number(&rig, "SELECT sum(calls) FROM ledger"), 41);
	assert_int_equal(
	        book_rig_number(&rig, "SELECT sum(calls) FROM ledger WHERE length(user) = 0"), 13);
	assert_int_equal(book_rig_number(&rig, "SELECT count(DISTINCT user) FROM ledger"), 3);
}

static void tools_are_counted_with_what_was_denied(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);
	struct ledger_line total;

	(void)unused;
	q.by[q.n_by++] = BY_TOOL;
	q.by[q.n_by++] = BY_AGENT;
	assert_true(ledger_can(&q));
	assert_int_equal(read_all(&q).calls, 40);
	assert_int_equal(ledger_total(rig.book, &q, &total), 0);
	assert_int_equal(total.refused, 10);
	q.by[q.n_by++] = BY_MODEL;
	assert_false(ledger_can(&q));
	q.n_by = 0;
	q.by[q.n_by++] = BY_AGENT;
	q.by[q.n_by++] = BY_AGENT;
	assert_false(ledger_can(&q));
}

static int stop_at_once(void *arg, const struct ledger_line *l)
{
	(void)l;
	return ++*(int *)arg;
}

static void who_has_seen_enough_ends_it(void **unused)
{
	struct ledger_query q = everything(WINDOW_HOUR);
	int seen = 0;

	(void)unused;
	assert_int_equal(ledger_read(rig.book, &q, stop_at_once, &seen), 1);
	assert_int_equal(seen, 1);
}

static struct book *open_reader(uint64_t until, const atomic_bool *stop)
{
	struct book_options o = {.path = rig.folder, .keys = rig.keys, .n_keys = rig.n_keys};
	struct book *reader = NULL;
	char note[BOOK_NOTE];

	assert_int_equal(book_open_reader(&reader, &o, until, stop, note), 0);
	return reader;
}

static uint64_t in_seconds(unsigned n)
{
	return clock_mono(&clock_system) + n * NS_PER_S;
}

static void a_reader_sees_what_was_written_before_it_asked(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);
	struct ledger_line total;

	(void)unused;
	assert_int_equal(book_start(rig.book, NULL), 0);
	for (unsigned i = 0; i < 50; i++) {
		struct book_rig_call c = {.number = 100 + i, .reserved = 5, .cost = 5};
		struct book *reader;

		book_rig_whole(book_rig_journal(&rig, i % 2), &c);
		book_rig_turn(book_rig_journal(&rig, i % 2));
		assert_true(book_wait(rig.book, in_seconds(60)));
		reader = open_reader(in_seconds(60), NULL);
		assert_int_equal(ledger_total(reader, &q, &total), 0);
		assert_int_equal(total.calls, 41 + i);
		book_close(reader);
	}
}

static void assert_ends(struct book *reader)
{
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(reader->db,
	                         "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
	                         "SELECT count(*) FROM c",
	                         -1, &s, NULL),
	        SQLITE_OK);
	assert_int_not_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(book_error(reader), -EINTR);
	sqlite3_finalize(s);
	book_close(reader);
}

static void a_reader_ends_in_time_or_when_it_is_told(void **unused)
{
	atomic_bool stop = true;

	(void)unused;
	assert_ends(open_reader(clock_mono(&clock_system) + 20 * NS_PER_MS, NULL));
	assert_ends(open_reader(in_seconds(600), &stop));
}

static void say_dear(unsigned number, const char *workflow)
{
	const struct book_rig_call c = {
	        .number = number, .workflow = workflow, .cost = INT64_MAX - 10, .tokens = 10};

	book_rig_decide(book_rig_journal(&rig, 0), &c);
	book_rig_outcome(book_rig_journal(&rig, 0), &c);
	book_rig_turn(book_rig_journal(&rig, 0));
	book_rig_fold(&rig);
}

static void sums_that_are_too_large_are_the_largest_and_that_is_said(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);
	struct ledger_line total;

	(void)unused;
	say_dear(101, "a");
	say_dear(105, "b"); /* rows of their own */
	assert_false(rig.book->is_full);
	assert_int_equal(ledger_total(rig.book, &q, &total), 0);
	assert_int_equal(total.cost, INT64_MAX);
	assert_int_equal(total.calls, 42);
	say_dear(109, "b");
	assert_true(rig.book->is_full);
	assert_int_equal(ledger_total(rig.book, &q, &total), 0);
	assert_int_equal(total.cost, INT64_MAX);
}

/* Straight into the table: who is asked for is what matters. */
static void put_rows(unsigned n)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
	        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < %u) "
	        "INSERT INTO ledger SELECT 1789999200, 'a:9', '', x'', 'w' || x, '', '', '', '', "
	        "1, "
	        "0, 0, 0, 0, 0, 0, x, 0 FROM c",
	        n);
	assert_int_equal(sqlite3_exec(rig.book->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void of_too_many_names_nobody_is_told(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);

	(void)unused;
	put_rows(LEDGER_GROUPS_MAX + 1);
	q.by[q.n_by++] = BY_AGENT;
	assert_int_equal(read_all(&q).calls, 40 + LEDGER_GROUPS_MAX + 1); /* five lines */
	q.by[q.n_by++] = BY_WORKFLOW;
	assert_int_equal(ledger_read(rig.book, &q, add, &(struct sum){.cost = 0}), -ENOBUFS);
	assert_non_null(strstr(book_note(rig.book), "(--since, --until)"));
	q.top = 5;
	assert_int_equal(ledger_read(rig.book, &q, add, &(struct sum){.cost = 0}), -ENOBUFS);
	q.since = 1789999200 + HOUR_S; /* but for those of that hour */
	assert_int_equal(read_all(&q).lines, 4);
}

static void a_question_that_takes_long_says_what_to_do(void **unused)
{
	struct ledger_query q = everything(WINDOW_TOTAL);
	struct book *reader;

	(void)unused;
	put_rows(20000);
	q.by[q.n_by++] = BY_WORKFLOW;
	reader = open_reader(clock_mono(&clock_system), NULL);
	assert_int_equal(ledger_read(reader, &q, add, &(struct sum){.cost = 0}), -EINTR);
	assert_non_null(strstr(book_note(reader), "(--since, --until)"));
	book_close(reader);
}

static void without_memory_it_says_so_and_leaks_nothing(void **unused)
{
	struct ledger_query q = everything(WINDOW_HOUR);
	int r;

	(void)unused;
	q.by[q.n_by++] = BY_USER;
	for (long n = 0;; n++) {
		struct sum s = {.cost = 0};

		mem_fail_after(n);
		r = ledger_read(rig.book, &q, add, &s);
		mem_fail_after(-1);
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_int_equal(read_all(&q).calls, 40);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(however_it_is_cut_it_adds_up),
	        TEST(windows_are_the_calendars),
	        TEST(only_the_hours_that_are_asked_for_count),
	        TEST(the_dearest_come_first_when_only_some_are_wanted),
	        TEST(users_are_opened_with_the_key_only),
	        TEST(whose_the_calls_of_a_dead_process_were_stays_known_without_the_key),
	        TEST(tools_are_counted_with_what_was_denied),
	        TEST(sums_that_are_too_large_are_the_largest_and_that_is_said),
	        TEST(of_too_many_names_nobody_is_told),
	        TEST(a_question_that_takes_long_says_what_to_do),
	        TEST(without_memory_it_says_so_and_leaks_nothing),
	        TEST(who_has_seen_enough_ends_it),
	        TEST(a_reader_sees_what_was_written_before_it_asked),
	        TEST(a_reader_ends_in_time_or_when_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
