/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of weir audit: exit statuses, what is shown and to whom, and what is said when there is
 * nothing to show. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rig/unit.h"
#include "app/commands.h"
#include "crypto/digest.h"
#include "journal/keeper.h"
#include "journal/segment.h"
#include "rig/fake_clock.h"
#include "rig/journal_rig.h"

static char out[1 << 17], err[1 << 16];
static struct journal_rig rig;
static uint8_t key[SHA256_LEN] = {1, 2, 3};

/* Two workers, three calls: of support at two times, and of another agent. */
static void write_journal(void)
{
	struct fake_clock clock;
	struct keeper_options o = {.path = rig.path,
	        .workers = 2,
	        .segment = 1,
	        .key = slice_from(key, sizeof(key)),
	        .clock = &clock.clock};
	struct entry_decision other = usual_decision;
	struct entry_outcome late = full_outcome;
	char note[KEEPER_NOTE];
	struct keeper *k;

	fake_clock_init(&clock);
	clock.wall = full_decision.who.wall_ns - 1;
	assert_int_equal(keeper_open(&k, &o, note), 0);
	struct journal *first = keeper_journal(k, 0), *second = keeper_journal(k, 1);
	other.who.agent = SLICE("trial");
	other.who.request_id = SLICE("01JD0000000000000000000002");
	other.who.wall_ns += 500000000;
	late.who.agent = SLICE("support");
	assert_int_equal(journal_put_decision(first, &full_decision), 0);
	assert_int_equal(journal_put_decision(second, &other), 0);
	assert_int_equal(journal_put_outcome(first, &late), 0);
	assert_int_equal(journal_put_settlement(second, &full_settlement), 0);
	assert_int_equal(journal_end_turn(first), 0);
	assert_int_equal(journal_end_turn(second), 0);
	keeper_close(k);
}

static void write_key(void)
{
	char path[128], hex[2 * SHA256_LEN + 1];
	FILE *file;

	snprintf(path, sizeof(path), "%s/deployment.key", rig.parent);
	hex_encode(key, sizeof(key), hex);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", hex);
	fclose(file);
}

static int set_up(void **state)
{
	(void)state;
	journal_rig_init(&rig);
	write_journal();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	journal_rig_finish(&rig);
	return 0;
}

static void read_back(int fd, char *room, size_t size)
{
	ssize_t n = pread(fd, room, size - 1, 0);

	room[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* Both outputs go to files while the command runs. */
static int run(const char *const *argv)
{
	int fd_out = open("/tmp", O_TMPFILE | O_RDWR, 0600),
	    fd_err = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	int old_out = dup(1), old_err = dup(2), argc = 0, status;

	fflush(stdout);
	dup2(fd_out, 1);
	dup2(fd_err, 2);
	while (argv[argc])
		argc++;
	status = command_audit(argc, (char **)(uintptr_t)argv);
	fflush(stdout);
	dup2(old_out, 1);
	dup2(old_err, 2);
	close(old_out);
	close(old_err);
	read_back(fd_out, out, sizeof(out));
	read_back(fd_err, err, sizeof(err));
	return status;
}
#define AUDIT(...) run((const char *const[]){"audit", __VA_ARGS__, NULL})

static void verify_says_of_each_segment_that_it_holds(void **state)
{
	(void)state;
	assert_int_equal(AUDIT("verify", "--path", rig.path), 0);
	assert_non_null(strstr(out, "0000-0000000001.journal: 3 records"));
	assert_non_null(strstr(out, "0001-0000000001.journal: 3 records"));
	assert_non_null(strstr(out, "all holds: 6 records"));
}

static void verify_says_where_it_does_not(void **state)
{
	size_t len;
	char *file = journal_rig_read(&rig, "0000-0000000001.journal", &len), want[80];
	size_t second = SEGMENT_HEAD + FRAME_EXTRA + frame_length(file + SEGMENT_HEAD);

	(void)state;
	file[second + 40] ^= 1;
	journal_rig_write(&rig, "0000-0000000001.journal", file, len);
	free(file);
	assert_int_equal(AUDIT("verify", "--path", rig.path), 1);
	snprintf(want, sizeof(want), "0000-0000000001.journal: BAD at byte %zu, after 1 records",
	        second);
	assert_non_null(strstr(out, want));
	assert_non_null(strstr(out, "not all holds"));
	/* show says it too, and goes on with what holds. */
	assert_int_equal(AUDIT("show", "--path", rig.path), 1);
	assert_non_null(strstr(err, "0000-0000000001.journal, byte"));
	assert_non_null(strstr(out, "agent=trial"));
}

static void show_puts_all_workers_in_the_order_of_time(void **state)
{
	const char *decision, *other, *settlement, *outcome;

	(void)state;
	assert_int_equal(AUDIT("show", "--path", rig.path), 0);
	decision = strstr(out, "decision    request_id=01JD0000000000000000000001");
	other = strstr(out, "agent=trial");
	settlement = strstr(out, " settlement ");
	outcome = strstr(out, " outcome ");
	assert_true(decision && decision < other && other < settlement && settlement < outcome);
}

static void users_are_shown_to_who_may_read_the_key_only(void **state)
{
	(void)state;
	assert_int_equal(AUDIT("show", "--path", rig.path), 0);
	assert_null(strstr(out, "maria"));
	assert_non_null(strstr(out, "user_id_sealed="));
	write_key();
	assert_int_equal(AUDIT("show", "--path", rig.path), 0);
	assert_non_null(strstr(out, "user_id=\"maria@example.com\""));
	assert_null(strstr(out, "user_id_sealed"));
}

static unsigned lines(void)
{
	unsigned n = 0;

	for (const char *at = out; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

static void show_can_be_narrowed(void **state)
{
	(void)state;
	assert_int_equal(AUDIT("show", "--path", rig.path, "--agent", "trial"), 0);
	assert_int_equal(lines(), 1);
	assert_int_equal(
	        AUDIT("show", "--path", rig.path, "--request", "01JD0000000000000000000001"), 0);
	assert_int_equal(lines(), 3);
	assert_int_equal(AUDIT("show", "--path", rig.path, "--since", "2025-11-22T08:26:42Z",
	                         "--agent", "support"),
	        0);
	assert_int_equal(lines(), 1);
	assert_int_equal(
	        AUDIT("show", "--path", rig.path, "--since", "1h", "--agent", "support"), 0);
	assert_int_equal(lines(), 0);
	assert_int_equal(AUDIT("tail", "--path", rig.path, "-n", "2"), 0);
	assert_int_equal(lines(), 2);
}

static void json_is_a_line_a_record(void **state)
{
	(void)state;
	assert_int_equal(
	        AUDIT("show", "--path", rig.path, "--format", "json", "--agent", "support"), 0);
	assert_int_equal(lines(), 2);
	assert_int_equal(
	        strncmp(out, "{\"kind\":\"decision\",\"timestamp\":\"2025-11-22T08:26:40.123Z\",",
	                58),
	        0);
	assert_non_null(strstr(out, "\"cost_usd\":0.00045,"));
	assert_non_null(strstr(out, "\"latency_ms\":812.345,"));
	assert_non_null(strstr(
	        out, "\"tools\":[{\"name\":\"lookup\",\"allowed\":true,\"cost_usd\":0.001},"));
}

static void what_is_no_journal_is_said(void **state)
{
	char head[SEGMENT_HEAD];

	(void)state;
	assert_int_equal(AUDIT("verify", "--path", "/nonexistent"), 1);
	assert_non_null(strstr(err, "there is no such folder"));
	assert_int_equal(AUDIT("show", "--path", rig.parent), 1);
	assert_non_null(strstr(err, "no segment of a journal"));
	segment_head((uint8_t *)head);
	head[15] = 9;
	journal_rig_write(&rig, "0002-0000000001.journal", head, sizeof(head));
	assert_int_equal(AUDIT("verify", "--path", rig.path), 1);
	assert_non_null(strstr(out, "0002-0000000001.journal: BAD at byte 0, after 0 records: it "
	                            "is of a later format"));
	assert_int_equal(AUDIT("show", "--path", rig.path), 1);
	assert_non_null(strstr(err, "it is of a later format"));
}

static void a_wrong_call_is_told_how_it_goes(void **state)
{
	(void)state;
	assert_int_equal(AUDIT("prove"), 2);
	assert_int_equal(AUDIT("show", "--format", "yaml"), 2);
	assert_int_equal(AUDIT("show", "--since", "yesterday"), 2);
	assert_int_equal(AUDIT("tail", "-n", "0"), 2);
	assert_int_equal(AUDIT("show", "-c", "p.yaml", "--path", "x"), 2);
	assert_int_equal(AUDIT("--help"), 0);
	assert_non_null(strstr(out, "weir audit verify"));
}

/* As Weir finds it: the state directory's folder. */
static void without_a_path_the_usual_place_is_looked_at(void **state)
{
	(void)state;
	setenv("STATE_DIRECTORY", rig.parent, 1);
	write_key();
	assert_int_equal(AUDIT("show"), 0);
	assert_non_null(strstr(out, "maria@example.com"));
	unsetenv("STATE_DIRECTORY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	        T(verify_says_of_each_segment_that_it_holds),
	        T(verify_says_where_it_does_not),
	        T(show_puts_all_workers_in_the_order_of_time),
	        T(users_are_shown_to_who_may_read_the_key_only),
	        T(show_can_be_narrowed),
	        T(json_is_a_line_a_record),
	        T(what_is_no_journal_is_said),
	        T(a_wrong_call_is_told_how_it_goes),
	        T(without_a_path_the_usual_place_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
