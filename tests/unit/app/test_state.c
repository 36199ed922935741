/* SPDX-License-Identifier: Apache-2.0 */
/* state: one process owns the folder, its key is made once and kept, and what cannot be used is said in one sentence. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/state.h"
#include "rig/unit.h"

static char folder[64];

static int make_folder(void **unused)
{
	(void)unused;
	snprintf(folder, sizeof(folder), "/tmp/weir-state-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused)
{
	char path[128];

	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		static const char *const names[] = {"/a/b/lock", "/a/b/deployment.key", "/a/b", "/a"};
		snprintf(path, sizeof(path), "%s%s", folder, names[i]);
		remove(path);
	}
	return rmdir(folder);
}

static struct slice inside(char path[96])
{
	snprintf(path, 96, "%s/a/b", folder);
	return slice_str(path);
}

static void the_folder_and_its_key_are_made_private_and_kept(void **unused)
{
	char path[96], file[128], note[256];
	struct state first, second;
	struct stat st;

	(void)unused;
	assert_int_equal(state_open(&first, inside(path), note), 0);
	assert_true(first.key_made);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(file, sizeof(file), "%s/deployment.key", path);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	uint8_t key[SHA256_LEN];
	memcpy(key, first.key, sizeof(key));
	state_close(&first);
	assert_int_equal(state_open(&second, inside(path), note), 0);
	assert_false(second.key_made);
	assert_memory_equal(second.key, key, sizeof(key));
	state_close(&second);
}

static void a_second_owner_is_refused_with_a_sentence(void **unused)
{
	char path[96], note[256] = "";
	struct state first, second;

	(void)unused;
	assert_int_equal(state_open(&first, inside(path), note), 0);
	assert_int_equal(state_open(&second, inside(path), note), -EWOULDBLOCK);
	assert_non_null(strstr(note, "Another Weir owns"));
	assert_non_null(strstr(note, path));
	state_close(&first);
	assert_int_equal(state_open(&second, inside(path), note), 0);
	state_close(&second);
}

static void a_key_file_that_is_no_key_is_refused_and_left_alone(void **unused)
{
	char path[96], file[128], note[256] = "", text[8] = "";
	struct state s;

	(void)unused;
	assert_int_equal(state_open(&s, inside(path), note), 0);
	state_close(&s);
	snprintf(file, sizeof(file), "%s/deployment.key", path);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fputs("short\n", f);
	fclose(f);
	assert_true(state_open(&s, inside(path), note) < 0);
	assert_non_null(strstr(note, "64 hex digits"));
	f = fopen(file, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "short\n");
}

static void a_path_that_is_a_file_is_refused(void **unused)
{
	char note[256] = "";
	struct state s;

	(void)unused;
	assert_true(state_open(&s, SLICE("/dev/null/weir"), note) < 0);
	assert_non_null(strstr(note, "/dev/null/weir"));
	assert_true(state_open(&s, SLICE(""), note) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_folder_and_its_key_are_made_private_and_kept, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_second_owner_is_refused_with_a_sentence, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_key_file_that_is_no_key_is_refused_and_left_alone, make_folder, remove_folder),
		cmocka_unit_test(a_path_that_is_a_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
