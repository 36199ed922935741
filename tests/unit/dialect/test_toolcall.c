/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of dialect/toolcall: fragments become calls. */
#include "rig/unit.h"
#include "dialect/toolcall.h"
#include "rig/starve.h"

static struct request_facts facts;

static int feed(struct toolcalls *t, uint32_t index, const char *id, const char *name,
        const char *arguments)
{
	struct call_fragment f = {
	        .id = slice_str(id), .name = slice_str(name), .arguments = slice_str(arguments)};
	struct assembling *call = toolcalls_find(t, 0, index, false);
	const char *wrong = NULL;
	int r = 0;

	if (!call)
		r = toolcalls_add(t, 0, index, false, &call);
	if (!r)
		r = toolcalls_feed(t, call, &f, &facts, &wrong);
	assert_true(r != -EPROTO || wrong);
	return r;
}

static void pieces_are_joined_in_order(void **state)
{
	struct toolcalls t;
	struct assembling *calls;
	struct toolcall *call;
	struct arena arena;
	unsigned n;

	(void)state;
	toolcalls_init(&t);
	arena_init(&arena, 4096);
	assert_int_equal(feed(&t, 1, "b", "two", NULL), 0);
	assert_int_equal(feed(&t, 0, NULL, NULL, "{"), 0);
	assert_int_equal(feed(&t, 1, NULL, NULL, "[1"), 0);
	assert_int_equal(feed(&t, 0, "a", "one", "}"), 0);
	assert_int_equal(feed(&t, 1, "b", NULL, "]"), 0);
	calls = toolcalls_of(&t, 0, &n);
	assert_int_equal(n, 2);
	assert_int_equal(toolcall_copy(&calls[0], &arena, &call), 0);
	assert_slice(call->name, "one");
	assert_slice(call->id, "a");
	assert_slice(call->arguments, "{}");
	assert_slice(buf_slice(&calls[1].arguments), "[1]");
	calls[0].denied = true;
	assert_int_equal(toolcalls_rank(&t, 0), 1);
	assert_int_equal(calls[1].rank, 0);
	toolcalls_drop(&t, 0);
	assert_int_equal(t.n, 0);
	assert_int_equal(t.held, 0);
	toolcalls_finish(&t);
	arena_finish(&arena);
}

static void a_declared_name_may_repeat_but_not_change(void **state)
{
	struct tool_decl tools[] = {{.name = SLICE_INIT("get")}, {.name = SLICE_INIT("rm")}};
	struct toolcalls t;
	struct assembling *calls;
	unsigned n;

	(void)state;
	facts = (struct request_facts){.tools = tools, .n_tools = 2};
	toolcalls_init(&t);
	assert_int_equal(feed(&t, 0, "a", "get", NULL), 0);
	assert_int_equal(feed(&t, 0, "a", "get", "{"), 0);
	calls = toolcalls_of(&t, 0, &n);
	assert_slice(buf_slice(&calls[0].name), "get");
	assert_int_equal(calls[0].name_pieces, 2);
	assert_int_equal(feed(&t, 0, NULL, "rm", NULL), -EPROTO);
	assert_int_equal(feed(&t, 0, "other", NULL, NULL), -EPROTO);
	/* Pieces of what nobody declared are joined; after arguments nothing more comes. */
	assert_int_equal(feed(&t, 1, "b", "x", NULL), 0);
	assert_int_equal(feed(&t, 1, NULL, "y", "{"), 0);
	assert_int_equal(feed(&t, 1, NULL, "z", NULL), -EPROTO);
	calls = toolcalls_of(&t, 0, &n);
	assert_slice(buf_slice(&calls[1].name), "xy");
	toolcalls_finish(&t);
	facts = (struct request_facts){.n = 1};
}

static void an_empty_name_says_nothing(void **state)
{
	struct tool_decl tools[] = {{.name = SLICE_INIT("get")}};
	struct toolcalls t;
	struct assembling *calls;
	unsigned n;

	(void)state;
	facts = (struct request_facts){.tools = tools, .n_tools = 1};
	toolcalls_init(&t);
	assert_int_equal(feed(&t, 0, "a", "", NULL), 0);
	assert_int_equal(feed(&t, 0, NULL, "get", ""), 0);
	assert_int_equal(feed(&t, 0, NULL, "", "{"), 0);
	assert_int_equal(feed(&t, 0, NULL, "", "}"), 0);
	calls = toolcalls_of(&t, 0, &n);
	assert_slice(buf_slice(&calls[0].name), "get");
	assert_int_equal(calls[0].name_pieces, 1);
	toolcalls_finish(&t);
	facts = (struct request_facts){.n = 1};
}

static void what_is_held_has_a_ceiling(void **state)
{
	static char much[1 << 20];
	struct toolcalls t;
	struct assembling *call;
	unsigned i;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	toolcalls_init(&t);
	for (i = 0; i < 4; i++)
		assert_int_equal(feed(&t, i, NULL, NULL, much), 0);
	assert_int_equal(feed(&t, i, NULL, NULL, much), -EPROTO);
	for (i++; t.made < TOOLCALLS_MAX; i++)
		assert_int_equal(toolcalls_add(&t, 1, i, false, &call), 0);
	assert_int_equal(toolcalls_add(&t, 1, i, false, &call), -EPROTO);
	/* Dropping some makes no room for more: it counts over the answer. */
	toolcalls_drop(&t, 1);
	assert_int_equal(toolcalls_add(&t, 1, i, false, &call), -EPROTO);
	toolcalls_finish(&t);
}

static int scenario(void *arg)
{
	struct toolcalls t;
	struct toolcall *call;
	struct assembling *calls;
	struct arena arena;
	unsigned n;
	int r = 0;

	(void)arg;
	toolcalls_init(&t);
	arena_init(&arena, 1 << 16);
	for (uint32_t i = 0; !r && i < 20; i++)
		r = feed(&t, i, "id", "name", "{}");
	calls = toolcalls_of(&t, 0, &n);
	for (unsigned i = 0; !r && i < n; i++)
		r = toolcall_copy(&calls[i], &arena, &call);
	toolcalls_finish(&t);
	arena_finish(&arena);
	return r;
}

/* Each byte at each place of names of every length. */
static void names_are_of_the_letters_that_apis_take(void **state)
{
	char name[130];

	(void)state;
	for (size_t len = 1; len <= sizeof(name); len++) {
		memset(name, 'x', len);
		assert_int_equal(tool_name_is_valid(slice_from(name, len)), len <= 128);
		for (size_t at = 0; at < len && len <= 40; at++) {
			for (unsigned c = 0; c < 256; c++) {
				bool due = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				           (c >= '0' && c <= '9') || c == '_' || c == '.' ||
				           c == '-';

				name[at] = (char)c;
				assert_int_equal(tool_name_is_valid(slice_from(name, len)), due);
			}
			name[at] = 'x';
		}
	}
	assert_false(tool_name_is_valid(SLICE("")));
	assert_false(tool_name_is_valid((struct slice){0}));
}

static void want_of_memory_is_survived(void **state)
{
	(void)state;
	starve(scenario, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pieces_are_joined_in_order),
	        cmocka_unit_test(a_declared_name_may_repeat_but_not_change),
	        cmocka_unit_test(an_empty_name_says_nothing),
	        cmocka_unit_test(what_is_held_has_a_ceiling),
	        cmocka_unit_test(names_are_of_the_letters_that_apis_take),
	        cmocka_unit_test(want_of_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
