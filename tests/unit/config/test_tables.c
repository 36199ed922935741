/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the directive tables themselves: no row can be wrong without a test saying so; and of
 * the schema made from them. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rig/unit.h"
#include "config/inherit.h"
#include "config/keys.h"
#include "config/nearest.h"
#include "config/schema.h"

static unsigned rows;

static void check_fallback(const struct directive *d)
{
	struct conf conf = {.secrets = NULL};
	struct diagnostics diagnostics;
	struct reader r = {.d = &diagnostics, .arena = &conf.arena, .conf = &conf};
	struct node n = {.kind = NODE_SCALAR,
	        .text = slice_str(d->fallback),
	        .plain = d->kind == DIRECTIVE_BOOL};
	char room[256] = "";

	assert_true(d->width <= sizeof(room));
	diagnostics_init(&diagnostics);
	arena_init(&conf.arena, 1 << 16);
	if (!scalar_read(&r, d, &n, room))
		print_error("%s\n", d->name);
	assert_int_equal(diagnostics.errors, 0);
	arena_finish(&conf.arena);
	diagnostics_finish(&diagnostics);
}

static void check_row(const struct directive *d)
{
	rows++;
	assert_true(d->help && *d->help && d->help[strlen(d->help) - 1] != '.');
	assert_true(strlen(d->name) <= NEAREST_LEN_MAX);
	if (d->kind == DIRECTIVE_CHOICE || d->short_kind == DIRECTIVE_CHOICE)
		assert_non_null(d->words);
	if (d->kind == DIRECTIVE_BLOCK)
		assert_non_null(d->block);
	if (d->status == DIRECTIVE_LATER) {
		assert_true(
		        d->inactive && *d->inactive && !d->fallback && !d->stored && !d->required);
	} else {
		assert_true(!d->inactive || *d->inactive);
	}
	if (d->stored && d->shape != SHAPE_ONE)
		assert_true(d->count_offset > d->offset);
	if (d->fallback)
		check_fallback(d);
}

static void check_table(const struct directive *table)
{
	for (const struct directive *d = table; d->name; d++) {
		check_row(d);
		assert_ptr_equal(directive_find(table, slice_str(d->name)), d); /* no name twice */
		if (d->block)
			check_table(d->block);
	}
}

static void every_row_is_whole_and_its_fallback_is_a_good_value(void **state)
{
	(void)state;
	check_table(root_directives);
	assert_true(rows > 200);
}

static void the_nearest_name_is_found_and_no_far_one(void **state)
{
	static const struct {
		const char *wanted, *known, *best;
	} cases[] = {
	        {"agnets", "agents", "agents"},
	        {"identiy", "identity", "identity"},
	        {"model", "models", "models"},
	        {"Tools", "tools", "tools"},
	        {"gpt4o", "gpt-4o", "gpt-4o"},
	        {"xyz", "tools", NULL},
	        {"a", "b", NULL},
	        {"", "tools", NULL},
	        {"tools", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nearest n;

		nearest_init(&n, slice_str(cases[i].wanted));
		nearest_offer(&n, slice_str(cases[i].known));
		if (cases[i].best)
			assert_true(n.best.at && slice_is(n.best, cases[i].best));
		else
			assert_null(n.best.at);
	}
}

static void the_checked_in_schema_is_what_the_tables_say(void **state)
{
	static char file[SCHEMA_MAX];
	struct buf out = BUF_INIT(SCHEMA_MAX);
	FILE *f = fopen("policies/weir.schema.json", "r");
	size_t len;

	(void)state;
	assert_non_null(f);
	len = fread(file, 1, sizeof(file), f);
	fclose(f);
	assert_int_equal(schema_write(&out), 0);
	if (len != buf_len(&out) || memcmp(file, buf_at(&out), len))
		print_error("renew it: weir schema > policies/weir.schema.json\n");
	assert_int_equal(len, buf_len(&out));
	assert_memory_equal(file, buf_at(&out), len);
	buf_finish(&out);
}

static void a_validator_takes_good_policies_and_refuses_bad_ones(void **state)
{
	int status = system("python3 -W ignore tests/unit/config/validate_schema.py");

	(void)state;
	/* 77: this machine has no validator; 127: not even Python. */
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127))
		skip();
	assert_int_equal(status, 0);
}

static void every_shipped_policy_loads(void **state)
{
	glob_t found;

	(void)state;
	setenv("OPENAI_API_KEY", "not-a-key", 1);
	setenv("WEIR_QUICKSTART_UPSTREAM", "https://api.openai.com/v1", 1);
	setenv("WEIR_QUICKSTART_KEY_SHA256",
	        "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 1);
	assert_int_equal(glob("policies/*.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		struct buf said = BUF_INIT(1 << 20);
		struct diagnostics d;
		struct conf *c;

		diagnostics_init(&d);
		c = conf_load(&path, 1, &d);
		if (!c && !diagnostics_print(&d, &said, false))
			print_error("%.*s", SLICE_FMT(buf_slice(&said)));
		assert_non_null(c);
		assert_int_equal(d.warnings, 0);
		conf_free(c);
		buf_finish(&said);
		diagnostics_finish(&d);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_row_is_whole_and_its_fallback_is_a_good_value),
	        cmocka_unit_test(the_nearest_name_is_found_and_no_far_one),
	        cmocka_unit_test(the_checked_in_schema_is_what_the_tables_say),
	        cmocka_unit_test(a_validator_takes_good_policies_and_refuses_bad_ones),
	        cmocka_unit_test(every_shipped_policy_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
