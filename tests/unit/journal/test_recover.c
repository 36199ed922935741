/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/recover and keeper: what a process that died has left, a disk that is full, one
 * that comes back. */
#include "rig/unit.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/id.h"
#include "journal/follow.h"
#include "journal/verify.h"
#include "unit/journal/journal_fixture.h"

#define SECOND "0000-0000000002.journal"

static int put_call(struct journal *j, uint64_t number)
{
	struct entry_decision d = usual_decision;
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)number);
	d.who.request_id = slice_str(id);
	return journal_put_decision(j, &d);
}

struct found {
	uint64_t decisions, notes, previous; /* previous: number of the last decision */
	bool in_order;
	char note[300];
	unsigned segments, bad;
};

static void count_verdict(void *arg, const struct verdict *v)
{
	struct found *found = arg;

	found->segments++;
	found->bad += v->problem != NULL;
}

static struct found look(const struct fixture *f)
{
	struct found found = {.in_order = true};
	struct unpack u = UNPACK_INIT;
	struct follow follow;
	struct entry e;
	int dir = folder(f), r;

	follow_init(&follow, dir, 0, 0, 0);
	while ((r = follow_next(&follow, &u, &e)) == 1 || r == -EBADMSG) {
		uint64_t number = 0;

		if (r == -EBADMSG)
			follow_skip(&follow);
		else if (e.kind == ENTRY_DECISION) {
			slice_to_u64(e.decision.who.request_id, UINT64_MAX, &number);
			found.in_order &= number == found.previous + 1;
			found.previous = number;
			found.decisions++;
		} else if (e.kind == ENTRY_NOTE) {
			found.notes++;
			snprintf(found.note, sizeof(found.note), "%.*s", SLICE_FMT(e.note.text));
		}
	}
	assert_int_equal(r, 0);
	follow_finish(&follow);
	unpack_finish(&u);
	assert_in_range(journal_verify(dir, count_verdict, &found), 0, 1);
	close(dir);
	return found;
}

/* Three decisions, one a turn, as a process that was killed would leave them; where each ends. */
static char *killed_segment(struct fixture *f, size_t *ret_len, size_t ends[static 4])
{
	start(f);
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			assert_int_equal(put_call(f->journal, i), 0);
		assert_int_equal(journal_end_turn(f->journal), 0);
		ends[i] = journal_place(f->journal).size;
	}
	char *file = journal_rig_read(&f->rig, FIRST, ret_len);
	stop(f);
	journal_rig_finish(&f->rig);
	journal_rig_init(&f->rig);
	return file;
}

static void fresh_folder(struct fixture *f)
{
	journal_rig_finish(&f->rig);
	journal_rig_init(&f->rig);
}

/* The write of the third turn broke off at every byte: behind it zeros, or the end of the file. */
static void a_torn_tail_is_cut_at_any_byte_and_noted(void **state)
{
	struct fixture *f = *state;
	size_t len, ends[4];
	char *file = killed_segment(f, &len, ends);

	for (size_t at = ends[2]; at <= ends[3];
	        at += at < ends[2] + 6 || at > ends[3] - 34 ? 1 : 11) {
		bool zeros = at % 2;
		char *torn = calloc(1, len);

		fresh_folder(f);
		memcpy(torn, file, at);
		journal_rig_write(&f->rig, FIRST, torn, zeros ? len : at);
		free(torn);
		start(f);
		struct found found = look(f);
		/* Of the last hash the last bytes may be zeros by themselves. */
		bool whole =
		        at == ends[3] ||
		        (zeros && !memcmp(file + at, file + len - (ends[3] - at), ends[3] - at));
		size_t said = ends[2]; /* the first byte of its length that is not zero */
		while (!file[said])
			said++;
		bool clean = whole || at <= said;
		assert_int_equal(found.decisions, whole ? 3 : 2);
		assert_int_equal(found.notes, clean ? 0 : 1);
		assert_int_equal(found.bad, 0);
		if (!clean)
			assert_non_null(strstr(found.note, FIRST));
		assert_int_equal(put_call(f->journal, found.decisions + 1), 0);
		assert_int_equal(journal_end_turn(f->journal), 0);
		stop(f);
		assert_true(look(f).in_order);
		assert_int_equal(look(f).bad, 0);
	}
	free(file);
}

static void garbage_behind_the_last_record_is_cut(void **state)
{
	struct fixture *f = *state;
	size_t len, ends[4];
	char *file = killed_segment(f, &len, ends);

	for (unsigned i = 0; i < 30; i++) {
		fresh_folder(f);
		random_bytes(file + ends[3], 128);
		if (i % 2)
			memset(file + ends[3], 0, 4);
		journal_rig_write(&f->rig, FIRST, file, i % 3 ? len : ends[3] + 128);
		start(f);
		struct found found = look(f);
		assert_int_equal(found.decisions, 3);
		assert_int_equal(found.notes, 1);
		assert_int_equal(found.bad, 0);
		stop(f);
	}
	free(file);
}

/* Records that were acknowledged stand behind the bad byte: cutting would take them away. */
static void what_is_damaged_in_the_middle_is_not_cut(void **state)
{
	struct fixture *f = *state;
	size_t len, ends[4], now;
	char *file = killed_segment(f, &len, ends);

	for (size_t at = ends[0]; at < ends[1] - SHA256_LEN; at += 31) {
		fresh_folder(f);
		file[at] ^= 0x10;
		journal_rig_write(&f->rig, FIRST, file, len);
		for (int i = 0; i < 2; i++) {
			start(f);
			struct found found = look(f);
			assert_int_equal(found.bad, 1);
			assert_non_null(strstr(found.note, "damaged"));
			stop(f);
		}
		char *after = journal_rig_read(&f->rig, FIRST, &now);
		assert_int_equal(now, len);
		assert_memory_equal(after, file, len);
		free(after);
		file[at] ^= 0x10;
	}
	free(file);
}

static mode_t access_to(const struct fixture *f, const char *name)
{
	struct stat about = {.st_mode = 0};
	int dir = folder(f);

	if (fstatat(dir, name, &about, 0) < 0)
		about.st_mode = 0;
	close(dir);
	return about.st_mode & 0777;
}

static void what_was_cut_is_closed_when_the_recovery_is_over(void **state)
{
	struct fixture *f = *state;
	size_t len, ends[4];
	char *file = killed_segment(f, &len, ends);

	fresh_folder(f);
	journal_rig_write(&f->rig, FIRST, file, ends[3] - 1);
	for (int i = 0; i < 2; i++) {
		start(f);
		assert_int_equal(access_to(f, FIRST), 0600);
		assert_int_equal(look(f).notes, 1); /* of the first start */
		if (!i)
			stop(f);
	}
	keeper_end_recovery(f->keeper);
	assert_int_equal(access_to(f, FIRST), 0400);
	assert_int_equal(look(f).decisions, 2);
	free(file);
}

/* What the power took may lie before what a start has written that was cut short itself. */
static void what_is_written_behind_an_empty_segment_is_followed(void **state)
{
	struct fixture *f = *state;
	size_t len, ends[4];
	char *file = killed_segment(f, &len, ends);

	fresh_folder(f);
	journal_rig_write(&f->rig, FIRST, file, ends[3]);
	journal_rig_write(&f->rig, SECOND, file, 0);
	start(f);
	assert_int_equal(journal_place(f->journal).number, 3);
	assert_int_equal(put_call(f->journal, 4), 0);
	assert_int_equal(journal_end_turn(f->journal), 0);
	assert_int_equal(access_to(f, SECOND), 0600);
	struct found found = look(f);
	assert_int_equal(found.decisions, 4);
	assert_true(found.in_order);
	assert_int_equal(found.bad, 0);
	free(file);
}

static void what_never_held_a_record_is_removed(void **state)
{
	struct fixture *f = *state;
	size_t len, ends[4];
	char *file = killed_segment(f, &len, ends), *zeros = calloc(1, len);

	journal_rig_write(&f->rig, FIRST, zeros, len);
	start(f);
	assert_int_equal(look(f).notes, 0);
	assert_int_equal(journal_place(f->journal).number, 2);
	/* It stays until whoever reads the journal has moved past it; so it does when this start
	 * ends before. */
	for (unsigned i = 3; i < 5; i++) {
		stop(f);
		start(f);
		assert_int_equal(journal_place(f->journal).number, i);
		assert_int_equal(access_to(f, FIRST), 0600);
		assert_int_equal(look(f).bad, 0);
	}
	keeper_end_recovery(f->keeper);
	assert_int_equal(access_to(f, FIRST), 0);
	assert_int_equal(look(f).bad, 0);
	stop(f);
	fresh_folder(f);
	memcpy(zeros, file, ends[0] - 1);
	journal_rig_write(&f->rig, FIRST, zeros, len);
	start(f);
	assert_int_equal(look(f).notes, 1);
	stop(f);
	free(file);
	free(zeros);
}

static void other_files_are_left_alone(void **state)
{
	struct fixture *f = *state;
	size_t len;

	journal_rig_write(
	        &f->rig, "0000-0000000007.journal", "not ours at all, and long enough", 32);
	journal_rig_write(&f->rig, "notes.txt", "x", 1);
	start(f);
	assert_int_equal(journal_place(f->journal).number, 8);
	assert_non_null(strstr(look(f).note, "not a segment"));
	stop(f);
	free(journal_rig_read(&f->rig, "notes.txt", &len));
	assert_int_equal(len, 1);
}

static off_t segment_size(const struct fixture *f, const char *name)
{
	struct stat about = {0};
	int dir = folder(f);

	if (fstatat(dir, name, &about, 0) < 0)
		about.st_size = 0;
	close(dir);
	return about.st_size;
}

/* In a child, since the limit and the signal are the process's. */
static int full_disk(struct fixture *f)
{
	struct rlimit limit = {KEEPER_SEGMENT_MIN / 2, KEEPER_SEGMENT_MIN * 2};
	uint64_t acknowledged = 0;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	if (open_keeper(f, 1))
		return 1;
	/* The second segment is being made. */
	for (int i = 0;
	        i < 10000 && segment_size(f, "0000-0000000002.journal") < (off_t)KEEPER_SEGMENT_MIN;
	        i++)
		usleep(1000);
	if (!journal_is_ready(f->journal))
		return 2;
	setrlimit(RLIMIT_FSIZE, &limit); /* writes into the second half of the segment fail */
	for (int i = 0;; i++) {
		if (put_call(f->journal, acknowledged + 1))
			return 3;
		r = journal_end_turn(f->journal);
		if (r)
			break;
		acknowledged++;
		if (i > 5000)
			return 4;
	}
	if (r != -EFBIG)
		return 5;
	/* Of the turn that broke off nothing is left, also if the process died now. */
	if (look(f).bad || look(f).decisions != acknowledged)
		return 13;
	/* The segment that was ready takes the next turns, and is the last. */
	bool was_ready = journal_is_ready(f->journal);
	while (journal_is_ready(f->journal)) {
		if (put_call(f->journal, acknowledged + 1))
			return 6;
		if (journal_end_turn(f->journal) == 0)
			acknowledged++;
	}
	for (int i = 0; i < 10000 && !keeper_is_full(f->keeper); i++)
		usleep(1000);
	if (!was_ready || !keeper_is_full(f->keeper) || journal_is_ready(f->journal))
		return 7;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
	/* It is tried again each second. */
	for (int i = 0; i < 20000 && !journal_is_ready(f->journal); i++)
		usleep(1000);
	if (!journal_is_ready(f->journal) || keeper_is_full(f->keeper))
		return 8;
	if (put_call(f->journal, ++acknowledged) || journal_end_turn(f->journal))
		return 9;
	keeper_close(f->keeper);
	struct found found = look(f);
	return found.bad ? 10 : found.decisions != acknowledged ? 11 : !found.in_order ? 12 : 0;
}

static void a_full_disk_refuses_and_is_told_when_there_is_room_again(void **state)
{
	int status = -1;
	pid_t child = fork();

	if (!child)
		_exit(full_disk(*state));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int full_at_start(struct fixture *f)
{
	struct rlimit limit = {1000, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (open_keeper(f, 1))
		return 1;
	if (journal_is_ready(f->journal) || !keeper_is_full(f->keeper))
		return 2;
	if (put_call(f->journal, 1) || journal_end_turn(f->journal) != -ENOSPC)
		return 3;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 20000 && !journal_is_ready(f->journal); i++)
		usleep(1000);
	if (put_call(f->journal, 1) || journal_end_turn(f->journal))
		return 4;
	keeper_close(f->keeper);
	return look(f).decisions == 1 ? 0 : 5;
}

static void a_disk_that_is_full_at_the_start_is_no_failure(void **state)
{
	int status = -1;
	pid_t child = fork();

	if (!child)
		_exit(full_at_start(*state));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Writes turns of one to four decisions until it is killed; says after each turn how far it is. */
static void write_until_killed(struct fixture *f, _Atomic uint64_t *acknowledged)
{
	uint64_t number = *acknowledged;

	if (open_keeper(f, 1))
		_exit(1);
	for (;;) {
		while (!journal_is_ready(f->journal))
			;
		uint64_t turn = 1 + number % 4;
		for (uint64_t i = 0; i < turn; i++)
			if (put_call(f->journal, ++number))
				_exit(2);
		if (journal_end_turn(f->journal))
			_exit(3);
		*acknowledged = number;
	}
}

static void no_kill_takes_what_was_acknowledged(void **state)
{
	struct fixture *f = *state;
	_Atomic uint64_t *acknowledged =
	        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned kills = 0;
	int status;

	for (; kills < 200; kills++) {
		uint16_t wait;
		pid_t child = fork();

		if (!child)
			write_until_killed(f, acknowledged);
		random_bytes(&wait, sizeof(wait));
		usleep(500 + wait % 8000);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		if (kills % 10 == 9) {
			start(f);
			struct found found = look(f);
			assert_int_equal(found.bad, 0);
			assert_true(found.in_order);
			assert_true(found.decisions >= *acknowledged);
			assert_true(found.decisions <= *acknowledged + 4);
			stop(f);
			journal_rig_finish(&f->rig);
			journal_rig_init(&f->rig);
			*acknowledged = 0;
		} else {
			/* What was written and not acknowledged is there as well, or cut: the next
			 * child goes on behind it. */
			start(f);
			struct found found = look(f);
			assert_true(found.in_order && !found.bad);
			assert_true(found.decisions >= *acknowledged);
			*acknowledged = found.decisions;
			stop(f);
		}
	}
	munmap(acknowledged, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	        T(a_torn_tail_is_cut_at_any_byte_and_noted),
	        T(garbage_behind_the_last_record_is_cut),
	        T(what_is_damaged_in_the_middle_is_not_cut),
	        T(what_never_held_a_record_is_removed),
	        T(what_was_cut_is_closed_when_the_recovery_is_over),
	        T(what_is_written_behind_an_empty_segment_is_followed),
	        T(other_files_are_left_alone),
	        T(a_full_disk_refuses_and_is_told_when_there_is_room_again),
	        T(a_disk_that_is_full_at_the_start_is_no_failure),
	        T(no_kill_takes_what_was_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
