/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/journal, keeper, read, verify: what a turn put down is read back; any change of
 * any byte is found. */
#include "rig/unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "journal/follow.h"
#include "journal/verify.h"
#include "rig/starve.h"
#include "unit/journal/journal_fixture.h"

static void put_call(struct journal *j, const char *id)
{
	struct entry_decision d = usual_decision;
	struct entry_outcome o = usual_outcome;

	d.who.request_id = o.who.request_id = slice_str(id);
	assert_int_equal(journal_put_decision(j, &d), 0);
	assert_int_equal(journal_put_outcome(j, &o), 0);
}

struct count {
	unsigned segments, bad, open;
	uint64_t records;
	struct verdict last_bad;
};

static void count_verdict(void *arg, const struct verdict *v)
{
	struct count *c = arg;

	c->segments++;
	c->records += v->records;
	c->open += v->is_open;
	if (v->problem) {
		c->bad++;
		c->last_bad = *v;
	}
}

static struct count verify(struct fixture *f)
{
	struct count c = {0};
	int dir = folder(f), r = journal_verify(dir, count_verdict, &c);

	close(dir);
	assert_int_equal(r, c.bad ? 1 : 0);
	return c;
}

/* The request ids of all decisions in order, and the notes. */
static void read_all(struct fixture *f, uint32_t worker, struct buf *ret)
{
	struct unpack u = UNPACK_INIT;
	struct follow follow;
	struct entry e;
	int dir = folder(f), r;

	follow_init(&follow, dir, worker, 0, 0);
	while ((r = follow_next(&follow, &u, &e)) == 1) {
		if (e.kind == ENTRY_DECISION)
			buf_put_slice(ret, e.decision.who.request_id);
		if (e.kind == ENTRY_NOTE)
			buf_put_slice(ret, e.note.text);
		if (e.kind == ENTRY_DECISION || e.kind == ENTRY_NOTE)
			buf_put_char(ret, ' ');
	}
	assert_int_equal(r, 0);
	follow_finish(&follow);
	unpack_finish(&u);
	close(dir);
}

static void assert_reads(struct fixture *f, const char *want)
{
	struct buf got = BUF_INIT(1u << 20);

	read_all(f, 0, &got);
	buf_put_char(&got, '\0');
	assert_string_equal(buf_at(&got), want);
	buf_finish(&got);
}

static void what_a_turn_put_down_is_read_back(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_true(journal_is_ready(f->journal));
	put_call(f->journal, "a");
	put_call(f->journal, "b");
	assert_reads(f, ""); /* the turn has not ended */
	assert_true(journal_has_put(f->journal));
	assert_int_equal(journal_end_turn(f->journal), 0);
	assert_false(journal_has_put(f->journal));
	assert_reads(f, "a b ");
	assert_int_equal(journal_end_turn(f->journal), 0);
	put_call(f->journal, "c");
	assert_int_equal(journal_end_turn(f->journal), 0);
	assert_reads(f, "a b c ");
	assert_int_equal(verify(f).records, 7);
	assert_in_range(verify(f).open, 1, 2); /* this one, and the one that is made ready */
	stop(f);
	assert_reads(f, "a b c ");
	assert_int_equal(verify(f).records, 7);
	assert_int_equal(verify(f).open, 0);
	assert_int_equal(verify(f).segments, 1);
}

static void starts_follow_each_other_in_one_chain(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 4; i++) {
		char id[] = {(char)('a' + i), 0};

		start(f);
		put_call(f->journal, id);
		assert_int_equal(journal_end_turn(f->journal), 0);
		stop(f);
	}
	assert_reads(f, "a b c d ");
	assert_int_equal(verify(f).segments, 4);
	assert_int_equal(verify(f).bad, 0);
	/* One of them gone, and one cut short by its last record. */
	struct fixture copy = *f;
	size_t len;
	char *third = journal_rig_read(&copy.rig, "0000-0000000003.journal", &len);
	char path[200];
	snprintf(path, sizeof(path), "%s/0000-0000000003.journal", f->rig.path);
	unlink(path);
	assert_int_equal(verify(f).bad, 1);
	assert_int_equal(verify(f).last_bad.id.number, 4);
	journal_rig_write(&f->rig, "0000-0000000003.journal", third, len);
	assert_int_equal(verify(f).bad, 0);
	size_t end = SEGMENT_HEAD, last = 0;
	while (end < len) {
		last = end;
		end += FRAME_EXTRA + frame_length(third + end);
	}
	journal_rig_write(&f->rig, "0000-0000000003.journal", third, last);
	assert_int_equal(verify(f).bad, 1);
	assert_int_equal(verify(f).last_bad.id.number, 4);
	free(third);
}

static void a_full_segment_is_followed_by_the_next(void **state)
{
	struct fixture *f = *state;
	unsigned calls = 0;

	start(f);
	for (; journal_place(f->journal).number < 4; calls += 50) {
		for (int look = 0; look < 2000 && !journal_is_ready(f->journal); look++)
			usleep(1000);
		assert_true(journal_is_ready(f->journal));
		for (unsigned i = 0; i < 50; i++)
			put_call(f->journal, "x");
		assert_int_equal(journal_end_turn(f->journal), 0);
	}
	stop(f);
	struct count c = verify(f);
	assert_int_equal(c.bad, 0);
	assert_int_equal(c.segments, 4);
	assert_int_equal(c.records, 2 * calls + 4);
}

static void a_turn_has_a_largest_size(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0;
	int r = 0;

	start(f);
	while (!r && ++n < 100000)
		r = journal_put_outcome(f->journal, &usual_outcome);
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(n, 100, 1000); /* an eighth of a segment of 1 MiB */
	assert_int_equal(journal_end_turn(f->journal), 0);
	assert_int_equal(verify(f).records, n);
}

static void users_are_sealed_and_open_with_the_key(void **state)
{
	struct fixture *f = *state;
	struct unpack u = UNPACK_INIT;
	struct seal seal, *seals[1] = {&seal};
	struct segment_reader s;
	struct entry e;
	size_t len;

	start(f);
	assert_int_equal(journal_put_decision(f->journal, &full_decision), 0);
	assert_int_equal(journal_end_turn(f->journal), 0);
	stop(f);
	char *file = journal_rig_read(&f->rig, FIRST, &len);
	assert_null(memmem(file, len, "maria", 5));
	free(file);
	assert_int_equal(seal_init(&seal, JOURNAL_KEY, USER_LABEL), 0);
	u.seals = seals;
	u.n_seals = 1;
	int dir = folder(f);
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), 0);
	assert_int_equal(segment_next(&s, &u, &e), 1);
	assert_int_equal(e.kind, ENTRY_SEGMENT);
	assert_slice(e.segment.encryption, "none");
	assert_slice(e.segment.version, WEIR_VERSION);
	assert_int_equal(e.segment.instance.len, 16);
	assert_int_equal(segment_next(&s, &u, &e), 1);
	assert_slice(e.decision.who.user, "maria@example.com");
	assert_int_equal(segment_next(&s, &u, &e), 0);
	segment_close(&s);
	close(dir);
	unpack_finish(&u);
	seal_finish(&seal);
}

/* One closed segment of some records, as bytes. */
static char *some_records(struct fixture *f, size_t *ret_len)
{
	start(f);
	assert_int_equal(journal_put_decision(f->journal, &full_decision), 0);
	assert_int_equal(journal_put_reservation(f->journal, &full_reservation), 0);
	assert_int_equal(journal_put_settlement(f->journal, &full_settlement), 0);
	assert_int_equal(journal_put_outcome(f->journal, &full_outcome), 0);
	put_call(f->journal, "a");
	assert_int_equal(journal_end_turn(f->journal), 0);
	stop(f);
	return journal_rig_read(&f->rig, FIRST, ret_len);
}

static void put_closed(struct fixture *f, const char *name, const char *at, size_t len)
{
	char path[200];

	journal_rig_write(&f->rig, name, at, len);
	snprintf(path, sizeof(path), "%s/%s", f->rig.path, name);
	chmod(path, 0400);
}

static void any_byte_that_is_changed_is_found(void **state)
{
	struct fixture *f = *state;
	size_t len;
	char *file = some_records(f, &len);

	assert_int_equal(verify(f).records, 7);
	for (size_t i = 0; i < len; i++) {
		file[i] ^= (char)(1u << i % 8);
		put_closed(f, FIRST, file, len);
		file[i] ^= (char)(1u << i % 8);
		assert_int_equal(verify(f).bad, 1);
		assert_in_range(verify(f).last_bad.bad_at, 0, i);
	}
	free(file);
}

static void any_byte_that_is_taken_out_or_put_in_is_found(void **state)
{
	struct fixture *f = *state;
	size_t len;
	char *file = some_records(f, &len), *other = malloc(len + 1);

	for (size_t i = 0; i < len; i++) {
		memcpy(other, file, i);
		memcpy(other + i, file + i + 1, len - i - 1);
		put_closed(f, FIRST, other, len - 1);
		assert_int_equal(verify(f).bad, 1);
	}
	for (size_t i = 0; i <= len; i++) {
		memcpy(other, file, i);
		other[i] = (char)(i % 3);
		memcpy(other + i + 1, file + i, len - i);
		put_closed(f, FIRST, other, len + 1);
		assert_int_equal(verify(f).bad, 1);
	}
	free(file);
	free(other);
}

static size_t frames_of(const char *file, size_t len, size_t at[static 16])
{
	size_t n = 0;

	for (at[0] = SEGMENT_HEAD; at[n] < len; n++)
		at[n + 1] = at[n] + FRAME_EXTRA + frame_length(file + at[n]);
	return n;
}

static void records_that_change_places_are_found(void **state)
{
	struct fixture *f = *state;
	size_t len, at[16];
	char *file = some_records(f, &len), *other = malloc(2 * len);
	size_t n = frames_of(file, len, at);

	assert_int_equal(n, 7);
	for (size_t i = 0; i < n; i++) {
		size_t one = at[i + 1] - at[i];

		/* Record i left out, but for the last, and record i twice. */
		memcpy(other, file, at[i]);
		memcpy(other + at[i], file + at[i + 1], len - at[i + 1]);
		put_closed(f, FIRST, other, len - one);
		if (i + 1 < n)
			assert_int_equal(verify(f).bad, 1);
		memcpy(other, file, at[i + 1]);
		memcpy(other + at[i + 1], file + at[i], len - at[i]);
		put_closed(f, FIRST, other, len + one);
		assert_int_equal(verify(f).bad, 1);
		/* Records i and i + 1 the other way round. */
		if (i + 1 == n)
			continue;
		size_t two = at[i + 2] - at[i + 1];
		memcpy(other, file, len);
		memcpy(other + at[i], file + at[i + 1], two);
		memcpy(other + at[i] + two, file + at[i], one);
		put_closed(f, FIRST, other, len);
		assert_int_equal(verify(f).bad, 1);
	}
	free(file);
	free(other);
}

static void under_another_name_a_segment_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t len;
	char *file = some_records(f, &len);

	put_closed(f, "0001-0000000001.journal", file, len);
	assert_int_equal(verify(f).bad, 1);
	assert_int_equal(verify(f).last_bad.id.worker, 1);
	free(file);
}

static void a_later_format_is_told_apart_from_garbage(void **state)
{
	struct fixture *f = *state;
	struct segment_reader s;
	char head[SEGMENT_HEAD];

	segment_head((uint8_t *)head);
	head[15] = SEGMENT_FORMAT + 1;
	journal_rig_write(&f->rig, FIRST, head, sizeof(head));
	int dir = folder(f);
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), -EPROTONOSUPPORT);
	head[15] = 0;
	journal_rig_write(&f->rig, FIRST, head, sizeof(head));
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), -EBADMSG);
	head[15] = 1; /* whose records name their members */
	journal_rig_write(&f->rig, FIRST, head, sizeof(head));
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), 0);
	segment_close(&s);
	head[SEGMENT_HEAD - 1] = 1;
	journal_rig_write(&f->rig, FIRST, head, sizeof(head));
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), -EBADMSG);
	journal_rig_write(&f->rig, FIRST, "SQLite format 3\0 and what follows it", 36);
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), -EBADMSG);
	journal_rig_write(&f->rig, FIRST, "", 0);
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 1}, 0), 0);
	segment_close(&s);
	assert_int_equal(segment_open(&s, dir, (struct segment_id){0, 2}, 0), -ENOENT);
	close(dir);
}

static void reading_goes_on_where_it_left_off(void **state)
{
	struct fixture *f = *state;
	struct unpack u = UNPACK_INIT;
	struct follow follow;
	struct entry e;
	uint32_t number = 0;
	uint64_t offset = 0;
	unsigned n = 0;
	int r = 1;

	for (int i = 0; i < 3; i++) {
		start(f);
		put_call(f->journal, "a");
		put_call(f->journal, "b");
		assert_int_equal(journal_end_turn(f->journal), 0);
		stop(f);
	}
	int dir = folder(f);
	/* A new reader for each record. */
	while (r == 1) {
		follow_init(&follow, dir, 0, number, offset);
		r = follow_next(&follow, &u, &e);
		follow_place(&follow, &number, &offset);
		follow_finish(&follow);
		n += r == 1;
	}
	assert_int_equal(r, 0);
	assert_int_equal(n, 15);
	assert_int_equal(number, 3);
	unpack_finish(&u);
	close(dir);
}

static void a_limit_is_not_passed(void **state)
{
	struct fixture *f = *state;
	struct unpack u = UNPACK_INIT;
	struct follow follow;
	struct entry e;

	start(f);
	put_call(f->journal, "a");
	assert_int_equal(journal_end_turn(f->journal), 0);
	struct journal_place place = journal_place(f->journal);
	put_call(f->journal, "b");
	assert_int_equal(journal_end_turn(f->journal), 0);
	follow_init(&follow, keeper_folder(f->keeper), 0, 0, 0);
	follow_limit(&follow, place);
	for (int i = 0; i < 3; i++)
		assert_int_equal(follow_next(&follow, &u, &e), 1);
	assert_int_equal(follow_next(&follow, &u, &e), 0);
	follow_limit(&follow, journal_place(f->journal));
	assert_int_equal(follow_next(&follow, &u, &e), 1);
	assert_slice(e.decision.who.request_id, "b");
	follow_finish(&follow);
	unpack_finish(&u);
}

static void two_processes_do_not_share_a_folder(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;

	start(f);
	assert_int_equal(open_keeper(&other, 1), -EWOULDBLOCK);
}

static int write_a_little(void *arg)
{
	struct fixture *f = arg;
	struct unpack u = UNPACK_INIT;
	struct follow follow;
	struct entry e;
	int r;

	journal_rig_finish(&f->rig);
	journal_rig_init(&f->rig);
	r = open_keeper(f, 2);
	if (r)
		return r;
	r = journal_put_outcome(f->journal, &full_outcome);
	if (!r)
		r = journal_end_turn(f->journal);
	follow_init(&follow, keeper_folder(f->keeper), 0, 0, 0);
	while (!r && (r = follow_next(&follow, &u, &e)) == 1)
		r = 0;
	follow_finish(&follow);
	unpack_finish(&u);
	stop(f);
	return r;
}

static void want_of_memory_is_survived_anywhere(void **state)
{
	assert_true(starve(write_a_little, *state) > 5);
	assert_int_equal(verify(*state).bad, 0);
}

/* Once it is warm a record costs no allocation. */
static void a_turn_allocates_nothing(void **state)
{
	struct fixture *f = *state;

	start(f);
	for (int i = 0; i < 3; i++) {
		mem_fail_after(i ? 0 : -1);
		for (int n = 0; n < 20; n++)
			put_call(f->journal, "a");
		assert_int_equal(journal_end_turn(f->journal), 0);
	}
	mem_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	        T(what_a_turn_put_down_is_read_back),
	        T(starts_follow_each_other_in_one_chain),
	        T(a_full_segment_is_followed_by_the_next),
	        T(a_turn_has_a_largest_size),
	        T(users_are_sealed_and_open_with_the_key),
	        T(any_byte_that_is_changed_is_found),
	        T(any_byte_that_is_taken_out_or_put_in_is_found),
	        T(records_that_change_places_are_found),
	        T(under_another_name_a_segment_is_refused),
	        T(a_later_format_is_told_apart_from_garbage),
	        T(reading_goes_on_where_it_left_off),
	        T(a_limit_is_not_passed),
	        T(two_processes_do_not_share_a_folder),
	        T(want_of_memory_is_survived_anywhere),
	        T(a_turn_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
