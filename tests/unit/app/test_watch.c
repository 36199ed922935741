/* SPDX-License-Identifier: Apache-2.0 */
/* watch: what was read counts when it changes, whoever puts it there; what lies beside it does not. */
#include "rig/unit.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/watch.h"

static char folder[64];
static struct watch w;

static const char *in(const char *name)
{
	static char path[512];

	assert_true((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) < sizeof(path));
	return path;
}

static void put(const char *name)
{
	FILE *f = fopen(in(name), "w");

	assert_non_null(f);
	assert_true(fputs("x", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool tells_of(const char *name)
{
	put(name);
	return watch_read(&w);
}

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/weir-watch-XXXXXX");
	return !mkdtemp(folder) || watch_open(&w);
}

static int end(void **state)
{
	static const char *const names[] = {"policy.yaml", "policy.yaml.new", ".policy.yaml.swp", "policy.yaml~", "4913", "state.sqlite-wal",
		"more.yml", "key", "..data", "..data_tmp", "notes.txt", ".hidden.yaml", "current", "current.tmp",
		"v7/policy.yaml", "v7", "v8/policy.yaml", "v8", "loop"};
	(void)state;

	watch_close(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		remove(in(names[i]));
	return rmdir(folder);
}

static void a_file_counts_and_what_lies_beside_it_does_not(void **state)
{
	char from[512];
	(void)state;

	put("policy.yaml");
	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	assert_false(watch_read(&w));
	assert_false(tells_of(".policy.yaml.swp"));
	assert_false(tells_of("policy.yaml~"));
	assert_false(tells_of("4913"));
	assert_false(tells_of("state.sqlite-wal"));
	assert_false(tells_of("more.yml"));
	assert_true(tells_of("policy.yaml"));
	put("policy.yaml.new"); /* an editor's way: another file under its name */
	assert_false(watch_read(&w));
	snprintf(from, sizeof(from), "%s", in("policy.yaml.new"));
	assert_int_equal(rename(from, in("policy.yaml")), 0);
	assert_true(watch_read(&w));
	assert_int_equal(remove(in("policy.yaml")), 0);
	assert_true(watch_read(&w));
}

static void of_a_folder_every_policy_file_counts(void **state)
{
	(void)state;

	assert_int_equal(watch_add(&w, folder), 0);
	assert_true(tells_of("more.yml"));
	assert_true(tells_of("policy.yaml"));
	assert_false(tells_of("notes.txt"));
	assert_false(tells_of(".hidden.yaml"));
	assert_int_equal(remove(in("more.yml")), 0);
	assert_true(watch_read(&w));
}

static void a_configmaps_swap_counts(void **state)
{
	char from[512];
	(void)state;

	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	assert_int_equal(symlink("..2026", in("..data_tmp")), 0);
	assert_false(watch_read(&w));
	snprintf(from, sizeof(from), "%s", in("..data_tmp"));
	assert_int_equal(rename(from, in("..data")), 0);
	assert_true(watch_read(&w));
}

static void what_is_cleared_counts_no_more_and_may_come_again(void **state)
{
	(void)state;

	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	assert_int_equal(watch_add(&w, in("key")), 0);
	assert_true(tells_of("key"));
	watch_clear(&w);
	assert_false(tells_of("key"));
	put("policy.yaml"); /* between a load and its watch: nothing of it is lost */
	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	assert_true(watch_read(&w));
}

static void points(const char *name, const char *target)
{
	assert_int_equal(symlink(target, in(name)), 0);
}

static void moves(const char *from, const char *to)
{
	char path[512];

	snprintf(path, sizeof(path), "%s", in(from));
	assert_int_equal(rename(path, in(to)), 0);
}

static void two_releases(void)
{
	assert_int_equal(mkdir(in("v7"), 0700), 0);
	assert_int_equal(mkdir(in("v8"), 0700), 0);
	put("v7/policy.yaml");
	put("v8/policy.yaml");
	points("current", "v7");
}

static void a_link_on_the_way_counts(void **state)
{
	(void)state;

	two_releases();
	points("policy.yaml", "current/policy.yaml");
	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	watch_settle(&w);
	assert_false(tells_of("notes.txt"));
	assert_false(tells_of("v8/policy.yaml"));
	assert_true(tells_of("v7/policy.yaml"));
	points("current.tmp", "v8");
	assert_false(watch_read(&w));
	moves("current.tmp", "current");
	assert_true(watch_read(&w));
}

static void a_folder_that_was_left_is_watched_no_more(void **state)
{
	(void)state;

	two_releases();
	assert_int_equal(watch_add(&w, in("current/policy.yaml")), 0);
	watch_settle(&w);
	points("current.tmp", "v8");
	moves("current.tmp", "current");
	assert_true(watch_read(&w));
	watch_clear(&w);
	assert_int_equal(watch_add(&w, in("current/policy.yaml")), 0);
	assert_int_equal(w.n_folders, 3);
	watch_settle(&w);
	assert_int_equal(w.n_folders, 2);
	assert_false(tells_of("v7/policy.yaml"));
	assert_int_equal(remove(in("v7/policy.yaml")), 0);
	assert_int_equal(remove(in("v7")), 0);
	assert_false(watch_read(&w));
	assert_true(tells_of("v8/policy.yaml"));
}

static void what_a_link_points_to_counts(void **state)
{
	char target[512];
	(void)state;

	put("more.yml");
	snprintf(target, sizeof(target), "%s", in("more.yml"));
	points("policy.yaml", target);
	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	assert_false(tells_of("notes.txt"));
	assert_true(tells_of("more.yml"));
	put("policy.yaml.new");
	assert_false(watch_read(&w));
	moves("policy.yaml.new", "more.yml");
	assert_true(watch_read(&w));
	points("current.tmp", "notes.txt");
	moves("current.tmp", "policy.yaml"); /* the link itself */
	assert_true(watch_read(&w));
}

static void of_a_folder_what_its_links_point_to_counts(void **state)
{
	(void)state;

	two_releases();
	points("v7/more.yml", "../current/../key");
	assert_int_equal(watch_add(&w, in("v7")), 0);
	assert_int_equal(remove(in("v7/more.yml")), 0);
	assert_true(watch_read(&w));
	assert_false(tells_of("notes.txt"));
	assert_true(tells_of("key"));
	points("current.tmp", "v8");
	moves("current.tmp", "current");
	assert_true(watch_read(&w));
}

static void links_without_an_end_are_an_error(void **state)
{
	(void)state;

	points("loop", "loop");
	assert_int_equal(watch_add(&w, in("loop")), -ELOOP);
	assert_int_equal(watch_add(&w, in("key")), 0);
	assert_true(tells_of("key"));
}

static void whoever_waits_takes_all_but_what_is_hidden(void **state)
{
	(void)state;

	assert_int_equal(watch_add(&w, in("policy.yaml")), 0);
	w.takes_all = true;
	assert_true(tells_of("key"));
	assert_false(tells_of(".policy.yaml.swp"));
}

static void there_is_a_limit(void **state)
{
	char name[32];
	(void)state;

	for (unsigned i = 0; i < WATCH_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "key%u", i);
		assert_int_equal(watch_add(&w, in(name)), 0);
	}
	assert_int_equal(watch_add(&w, in("key")), -ENOSPC);
	watch_clear(&w);
	assert_int_equal(watch_add(&w, "/nowhere/at/all"), -ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(a_file_counts_and_what_lies_beside_it_does_not),
		T(of_a_folder_every_policy_file_counts),
		T(a_configmaps_swap_counts),
		T(what_is_cleared_counts_no_more_and_may_come_again),
		T(a_link_on_the_way_counts),
		T(a_folder_that_was_left_is_watched_no_more),
		T(what_a_link_points_to_counts),
		T(of_a_folder_what_its_links_point_to_counts),
		T(links_without_an_end_are_an_error),
		T(whoever_waits_takes_all_but_what_is_hidden),
		T(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
