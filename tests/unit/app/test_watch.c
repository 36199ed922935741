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
		"more.yml", "key", "..data", "..data_tmp", "notes.txt", ".hidden.yaml"};
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

	for (unsigned i = 0; i < WATCH_PATHS_MAX; i++) {
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
		T(whoever_waits_takes_all_but_what_is_hidden),
		T(there_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
