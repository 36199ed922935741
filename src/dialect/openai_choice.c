/* SPDX-License-Identifier: Apache-2.0 */
/* openai_choice: what a request says about choosing a tool. */
#include "dialect/openai_request.h"
#include <errno.h>
#include "base/mem.h"

enum choice_member {
	CHOICE_TYPE,
	CHOICE_NAME,
	CHOICE_FUNCTION,
	CHOICE_CUSTOM,
	CHOICE_MODE,
	CHOICE_TOOLS,
	CHOICE_ALLOWED_TOOLS,
	CHOICE_N
};
static const struct json_name choice_names[CHOICE_N] = {
        [CHOICE_TYPE] = JSON_NAME("type"),
        [CHOICE_NAME] = JSON_NAME("name"),
        [CHOICE_FUNCTION] = JSON_NAME("function"),
        [CHOICE_CUSTOM] = JSON_NAME("custom"),
        [CHOICE_MODE] = JSON_NAME("mode"),
        [CHOICE_TOOLS] = JSON_NAME("tools"),
        [CHOICE_ALLOWED_TOOLS] = JSON_NAME("allowed_tools"),
};

static int choose(struct openai_reader *r, struct slice name, const char *pointer)
{
	struct slice copy;

	if (!tool_name_is_valid(name))
		return openai_wrong(r, pointer, "a choice that names a tool");
	copy = arena_dup(r->arena, name);
	if (!copy.at)
		return -ENOMEM;
	r->facts->chosen[r->facts->n_chosen++] = copy;
	return 0;
}

static int make_room_for_choice(struct openai_reader *r, size_t n)
{
	r->facts->choice = CHOICE_NAMED;
	r->facts->chosen = arena_alloc(r->arena, n * sizeof(*r->facts->chosen));
	return r->facts->chosen ? 0 : -ENOMEM;
}

/* Every entry that could be taken for an allowed tool, whether this choice is a list of them or
 * not.
 */
static int check_entries(
        struct openai_reader *r, const struct json_value *list, const struct openai_where *in)
{
	struct openai_where w = {.in = in};
	UNINIT struct openai_entry e;
	int error = 0;

	if (json_type(list) != JSON_ARRAY)
		return 0;
	for (struct json_iter it = json_iter(list); !error && json_next(&it); w.index++)
		error = openai_read_entry(r, it.value, &w, &e);
	return error;
}

/* The choice as its members, as the tool that it may name, and as the list inside it. */
struct choice {
	const struct json_value *m[CHOICE_N], *allowed[CHOICE_N];
	struct openai_entry entry;
};

static int read_object(struct openai_reader *r, const struct json_value *v, struct choice *c)
{
	struct openai_where root = {.key = "tool_choice"}, inner = {&root, "allowed_tools", 0};
	int error = openai_find_members(r, v, choice_names, CHOICE_N, c->m, &root);

	if (!error)
		error = openai_read_entry(r, v, &root, &c->entry);
	if (!error)
		error = openai_find_members(
		        r, c->m[CHOICE_ALLOWED_TOOLS], choice_names, CHOICE_N, c->allowed, &inner);
	if (!error)
		error = check_entries(
		        r, c->m[CHOICE_TOOLS], &(struct openai_where){&root, "tools", 0});
	if (!error)
		error = check_entries(
		        r, c->allowed[CHOICE_TOOLS], &(struct openai_where){&inner, "tools", 0});
	return error;
}

/* {type: allowed_tools, allowed_tools: {mode, tools}}; Responses has mode and tools beside type. */
static int read_allowed_tools(struct openai_reader *r, const struct choice *c)
{
	const struct json_value *const *m = c->m;
	const struct json_value *tools, *mode;
	int error;

	if (json_type(m[CHOICE_ALLOWED_TOOLS]) > JSON_NULL) {
		if (m[CHOICE_TOOLS] || m[CHOICE_MODE])
			return openai_wrong(r, "/tool_choice", "one list of allowed tools");
		m = c->allowed;
	}
	if (c->m[CHOICE_FUNCTION] || c->m[CHOICE_CUSTOM])
		return openai_wrong(r, "/tool_choice", "a list of allowed tools or one tool");
	tools = m[CHOICE_TOOLS];
	mode = m[CHOICE_MODE];
	if (json_type(tools) != JSON_ARRAY || json_count(tools) > OPENAI_TOOLS_MAX)
		return openai_wrong(r, "/tool_choice/allowed_tools/tools", "an array of tools");
	if (!json_is_string(mode, "auto") && !json_is_string(mode, "required"))
		return openai_wrong(r, "/tool_choice/allowed_tools/mode", "auto or required");
	error = make_room_for_choice(r, json_count(tools) + 1u);
	r->facts->choice_is_required = json_is_string(mode, "required");
	for (struct json_iter it = json_iter(tools); !error && json_next(&it);) {
		enum tool_kind kind;

		error = choose(
		        r, openai_entry_name(it.value, &kind), "/tool_choice/allowed_tools/tools");
	}
	return error;
}

static int read_choice_word(
        struct openai_reader *r, const struct json_value *v, const char *pointer)
{
	if (json_is_string(v, "none"))
		r->facts->choice = CHOICE_NONE;
	else if (json_is_string(v, "auto"))
		r->facts->choice = CHOICE_AUTO;
	else if (json_is_string(v, "required"))
		r->facts->choice = CHOICE_REQUIRED;
	else
		return openai_wrong(
		        r, pointer, "none, auto, required or an object that names a tool");
	return 0;
}

static int choose_one(struct openai_reader *r, struct slice name, const char *pointer)
{
	int error = make_room_for_choice(r, 1);

	r->facts->choice_is_required = true;
	return error ? error : choose(r, name, pointer);
}

static int read_tool_choice(struct openai_reader *r, const struct json_value *v)
{
	UNINIT struct choice c;
	enum tool_kind kind;
	int error = read_object(r, v, &c);

	if (error)
		return error;
	if (json_is_string(c.m[CHOICE_TYPE], "allowed_tools"))
		return read_allowed_tools(r, &c);
	if (c.m[CHOICE_ALLOWED_TOOLS])
		return openai_wrong(r, "/tool_choice", "a list of allowed tools or one tool");
	return choose_one(r, json_text(openai_name_of(&c.entry, &kind)), "/tool_choice");
}

static int read_function_call(struct openai_reader *r, const struct json_value *v)
{
	static const struct json_name names[] = {JSON_NAME("name")};
	const struct json_value *name;
	int error = openai_find_members(
	        r, v, names, 1, &name, &(struct openai_where){.key = "function_call"});

	if (error)
		return error;
	if (json_get(v, "allowed_tools"))
		return openai_wrong(r, "/function_call", "a list of allowed tools or one tool");
	return choose_one(r, json_text(name), "/function_call");
}

int openai_read_choice(struct openai_reader *r)
{
	const struct json_value *v = r->tool_choice ? r->tool_choice : r->function_call;
	const char *pointer = r->tool_choice ? "/tool_choice" : "/function_call";

	if (!v)
		return 0;
	if (r->tool_choice && r->function_call)
		return openai_wrong(r, "/function_call", "left out where there is a tool_choice");
	if (json_type(v) == JSON_STRING)
		return read_choice_word(r, v, pointer);
	if (json_type(v) != JSON_OBJECT)
		return openai_wrong(r, pointer, "a string or an object");
	return r->tool_choice ? read_tool_choice(r, v) : read_function_call(r, v);
}
