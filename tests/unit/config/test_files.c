/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of config/files: several files as one policy, folders as Kubernetes mounts them, secrets in
 * files. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rig/unit.h"
#include "config/conf.h"
#include "config/diagnostics.h"

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[8][512];
	static unsigned turn;

	turn = (turn + 1) % 8;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(in_folder(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/weir-files-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	(void)state;
	while (dir && (entry = readdir(dir)))
		if (unlink(in_folder(entry->d_name)))
			rmdir(in_folder(entry->d_name));
	if (dir)
		closedir(dir);
	return rmdir(folder);
}

/* The policy in the paths; said: everything that was said, or "". */
static struct conf *load(const char *const *paths, unsigned n, char said[4096])
{
	struct buf text = BUF_INIT(1 << 20);
	struct diagnostics d;
	struct conf *c;

	diagnostics_init(&d);
	c = conf_load(paths, n, &d);
	assert_int_equal(diagnostics_print(&d, &text, false), 0);
	snprintf(said, 4096, "%.*s", SLICE_FMT(buf_slice(&text)));
	buf_finish(&text);
	diagnostics_finish(&d);
	return c;
}

static struct conf *load_folder(char said[4096])
{
	return load((const char *const[]){folder}, 1, said);
}

static void check_said(const char *said, const char *part)
{
	if (!strstr(said, part))
		print_error("%s", said);
	assert_non_null(strstr(said, part));
}

static void a_folder_is_one_policy_in_the_order_of_names(void **state)
{
	char said[4096];
	struct conf *c;
	uint8_t hash[SHA256_LEN];

	(void)state;
	put("b.yml", "agents: {a: {models: [m]}}\n");
	put("a.yaml", "version: 1\nupstreams: {openai: {}}\n");
	put("c.yaml",
	        "version: 1\nmodels: {m: {upstream: openai}}\nagents: {a: {suspended: true}}\n");
	put("..2024_01_01", "no policy");
	mkdir(in_folder("..data"), 0700);
	c = load_folder(said);
	assert_non_null(c);
	assert_int_equal(c->n_files, 3);
	assert_true(slice_ends(c->files[0], SLICE("/a.yaml")) &&
	            slice_ends(c->files[1], SLICE("/b.yml")));
	assert_true(c->agents[0].models[0] && c->agents[0].suspended);
	sha256(SLICE("version: 1\nupstreams: {openai: {}}\nagents: {a: {models: [m]}}\n"
	             "version: 1\nmodels: {m: {upstream: openai}}\nagents: {a: {suspended: "
	             "true}}\n"),
	        hash);
	assert_memory_equal(c->hash, hash, sizeof(hash));
	conf_free(c);
}

static void a_key_in_two_files_shows_both(void **state)
{
	char said[4096], want[512];

	(void)state;
	put("a.yaml", "version: 1\nworkers: 1\nlog: {level: info}\n");
	put("b.yaml", "log:\n  level: warn\nworkers: 1\n");
	assert_null(load_folder(said));
	snprintf(want, sizeof(want), "%s/b.yaml:2:3: error: level is given twice", folder);
	check_said(said, want);
	snprintf(want, sizeof(want), "the other place is %s/a.yaml:3:7\n", folder);
	check_said(said, want);
	snprintf(want, sizeof(want), "%s/b.yaml:3:1: error: workers is given twice", folder);
	check_said(said, want);
}

static void two_files_may_not_say_different_versions(void **state)
{
	char said[4096];

	(void)state;
	put("a.yaml", "version: 1\n");
	put("b.yaml", "version: 2\n");
	assert_null(load_folder(said));
	check_said(said, "b.yaml:1:1: error: version is given twice");
}

static void a_stray_file_in_a_folder_is_an_error(void **state)
{
	char said[4096];

	(void)state;
	put("a.yaml", "version: 1\n");
	put("a.yaml.bak", "version: 1\n");
	assert_null(load_folder(said));
	check_said(said, "/a.yaml.bak: error: a policy's directory holds *.yaml and *.yml files "
	                 "only\nhint: ");
}

static void an_empty_folder_and_a_missing_file_are_errors(void **state)
{
	const char *paths[] = {in_folder("none.yaml")};
	char said[4096];

	(void)state;
	assert_null(load_folder(said));
	check_said(said, ": error: no *.yaml or *.yml file is in this directory\n");
	assert_null(load(paths, 1, said));
	check_said(said, "/none.yaml: error: there is no such file or directory\n");
	assert_null(load(paths, 0, said));
}

static void a_syntax_error_stops_one_file_and_others_are_read(void **state)
{
	char said[4096];

	(void)state;
	put("a.yaml", "version: 1\nlog: {\n");
	put("b.yaml", "tools: {a: *x}\n");
	assert_null(load_folder(said));
	check_said(said, "a.yaml:");
	check_said(said, "b.yaml:1:12: error: aliases are not read here\n");
	assert_null(strstr(said, "version is missing"));
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	const char *paths[] = {in_folder("big.yaml")};
	FILE *file = fopen(in_folder("big.yaml"), "w");
	char said[4096];

	(void)state;
	for (unsigned i = 0; i < (1u << 20) / 64 + 1; i++)
		fputs("################################################################\n", file);
	fclose(file);
	assert_null(load(paths, 1, said));
	check_said(said, "big.yaml:1:1: error: the file is larger than 1048576 bytes");
}

static struct conf *load_secret(const char *contents, char said[4096])
{
	char policy[512];

	put("key", contents);
	snprintf(policy, sizeof(policy),
	        "version: 1\nupstreams: {openai: {credential: {api_key: \"${file:%s}\"}}}\n",
	        in_folder("key"));
	put("p.yaml", policy);
	return load((const char *const[]){in_folder("p.yaml")}, 1, said);
}

static void check_secret(const char *contents, const char *want)
{
	char said[4096];
	struct conf *c = load_secret(contents, said);

	assert_non_null(c);
	assert_int_equal(c->upstreams[0].credential_value->len, strlen(want));
	assert_memory_equal(c->upstreams[0].credential_value->value, want, strlen(want));
	assert_int_equal(c->n_value_files, 1);
	assert_true(slice_ends(slice_str(c->value_files[0]), SLICE("/key")));
	conf_free(c);
}

static void one_line_break_is_cut_off_a_secret_file(void **state)
{
	char said[4096];

	(void)state;
	check_secret("abc", "Bearer abc");
	check_secret("abc\n", "Bearer abc");
	check_secret("abc\r\n", "Bearer abc");
	check_secret("${env:HOME}\n", "Bearer ${env:HOME}"); /* what was read is not read again */
	assert_null(load_secret("abc\n\n", said));
	check_said(said, "holds a line break");
	assert_null(load_secret("\n", said));
	check_said(said, "is empty");
	assert_null(load_secret("a\nb\n", said));
	assert_null(strstr(said, "Bearer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                a_folder_is_one_policy_in_the_order_of_names, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(a_key_in_two_files_shows_both, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                two_files_may_not_say_different_versions, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_stray_file_in_a_folder_is_an_error, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                an_empty_folder_and_a_missing_file_are_errors, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_syntax_error_stops_one_file_and_others_are_read, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_file_that_is_too_large_is_refused, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                one_line_break_is_cut_off_a_secret_file, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
