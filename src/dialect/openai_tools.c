/* SPDX-License-Identifier: Apache-2.0 */
/* openai_tools: the tools that a request offers, in every shape they come in, and what it says
 * about choosing one. */
#include "dialect/openai_request.h"
#include <errno.h>
#include <stdio.h>

#define URL_MAX 2048

const struct hosted_member openai_hosted_members[] = {
        {SLICE_INIT("web_search_options"), SLICE_INIT("web_search")},
        {SLICE_INIT("mcp_servers"), SLICE_INIT("mcp_servers")},
        {SLICE_INIT("data_sources"), SLICE_INIT("data_sources")},           /* Azure */
        {SLICE_INIT("search_parameters"), SLICE_INIT("search_parameters")}, /* xAI */
        {SLICE_INIT("plugins"), SLICE_INIT("plugins")},                     /* OpenRouter */
        {SLICE_INIT("enable_search"), SLICE_INIT("web_search")},            /* Alibaba */
        {SLICE_INIT("search_settings"), SLICE_INIT("web_search")},          /* Groq */
        {SLICE_INIT("web_search"), SLICE_INIT("web_search")},
        {SLICE_INIT("compound_custom"), SLICE_INIT("compound_custom")}, /* Groq */
        {SLICE_INIT("tool_resources"), SLICE_INIT("tool_resources")},
        {SLICE_INIT("extra_body"), SLICE_INIT("extra_body")},
};
const unsigned openai_n_hosted_members =
        sizeof(openai_hosted_members) / sizeof(openai_hosted_members[0]);

bool openai_name_is_valid(struct slice name)
{
	if (!name.len || name.len > 128)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		            c == '_' || c == '.' || c == '-'))
			return false;
	}
	return true;
}

/* The members of an entry that say which tool it is. */
struct entry {
	const struct json_value *type, *name, *function, *custom, *tools;
};

static struct entry entry_of(const struct json_value *v)
{
	struct entry e = {0};

	for (struct json_iter it = json_iter(v); json_next(&it);) {
		struct slice key = json_text(it.key);

		if (slice_is(key, "type"))
			e.type = it.value;
		else if (slice_is(key, "name"))
			e.name = it.value;
		else if (slice_is(key, "function"))
			e.function = it.value;
		else if (slice_is(key, "custom"))
			e.custom = it.value;
		else if (slice_is(key, "tools"))
			e.tools = it.value;
	}
	return e;
}

static bool fits(const struct json_value *holder, enum json_type is, bool type_is_its)
{
	return json_type(holder) <= JSON_NULL || (type_is_its && json_type(holder) == is);
}

/* Of the members that hold a tool, or tools, an entry has only the one that its type names. */
static bool has_one_reading(const struct entry *e)
{
	return fits(e->function, JSON_OBJECT, json_is_string(e->type, "function")) &&
	       fits(e->custom, JSON_OBJECT, json_is_string(e->type, "custom")) &&
	       fits(e->tools, JSON_ARRAY, json_is_string(e->type, "namespace"));
}

/* Chat nests the name under the type, Responses does not; both at once could be read either way. */
static const struct json_value *name_of(
        const struct json_value *plain, const struct json_value *inner)
{
	const struct json_value *nested = json_get(inner, "name");

	if (nested && plain && !slice_equals(json_text(nested), json_text(plain)))
		return NULL;
	return nested ? nested : plain;
}

struct slice openai_entry_name(const struct json_value *entry, enum tool_kind *ret_kind)
{
	struct entry e = entry_of(entry);
	bool function = json_is_string(e.type, "function");
	bool custom = json_is_string(e.type, "custom");
	const struct json_value *name = e.type;

	*ret_kind = function ? TOOL_FUNCTION : custom ? TOOL_CUSTOM : TOOL_HOSTED;
	if (!has_one_reading(&e))
		return (struct slice){0};
	if (function || custom)
		name = name_of(e.name, function ? e.function : e.custom);
	return json_type(name) == JSON_STRING ? json_text(name) : (struct slice){0};
}

/* The pointer is made for the complaint only. */
static int wrong_tool(struct openai_reader *r, unsigned list, unsigned index, const char *wanted)
{
	char pointer[64];

	if (list == LIST_FUNCTIONS)
		snprintf(pointer, sizeof(pointer), "/functions/%u/name", index);
	else if (list >= LIST_NESTED)
		snprintf(pointer, sizeof(pointer), "/tools/%u/tools/%u", list - LIST_NESTED, index);
	else
		snprintf(pointer, sizeof(pointer), "/tools/%u", index);
	return openai_wrong(r, pointer, wanted);
}

/* "mcp:" and where it is: exactly one of its three addresses. */
static int name_mcp(struct openai_reader *r, const struct json_value *v, unsigned list,
        unsigned index, struct slice *ret)
{
	static const char *const keys[] = {"server_url", "connector_id", "tunnel_id"};
	struct slice where = {0};
	char *name;

	for (unsigned i = 0; i < 3; i++) {
		const struct json_value *address = json_get(v, keys[i]);
		struct slice text = json_text(address);

		if (json_type(address) <= JSON_NULL)
			continue;
		if (json_type(address) != JSON_STRING || where.at || !text.len ||
		        text.len > URL_MAX || !openai_is_printable(text))
			return wrong_tool(r, list, index, "an mcp tool with one address");
		where = text;
	}
	name = arena_alloc(r->arena, 4 + where.len);
	if (!name)
		return -ENOMEM;
	memcpy(name, "mcp:", 4);
	if (where.len)
		memcpy(name + 4, where.at, where.len);
	*ret = slice_from(name, 4 + where.len);
	return 0;
}

static int read_tool(
        struct openai_reader *r, const struct json_value *v, unsigned list, unsigned index)
{
	enum tool_kind kind;
	struct slice name = openai_entry_name(v, &kind);
	int error;

	if (json_type(v) != JSON_OBJECT)
		return wrong_tool(r, list, index, "an object");
	if (!openai_name_is_valid(name))
		return wrong_tool(r, list, index,
		        kind == TOOL_HOSTED ? "a tool with a type"
		                            : "a tool with one name of A-Z a-z 0-9 _ . - and at "
		                              "most 128 characters");
	if (kind == TOOL_HOSTED && slice_is(name, "mcp"))
		error = name_mcp(r, v, list, index, &name);
	else {
		name = arena_dup(r->arena, name);
		error = name.at ? 0 : -ENOMEM;
	}
	if (error)
		return error;
	return openai_add_tool(r, kind, name, list, index) ? 0 : -ENOMEM;
}

static int read_namespace(struct openai_reader *r, const struct json_value *v, unsigned index)
{
	struct entry e = entry_of(v);
	const struct json_value *tools = e.tools;
	unsigned i = 0;

	if (!json_count(tools) || json_count(tools) > OPENAI_TOOLS_MAX || !has_one_reading(&e))
		return wrong_tool(r, LIST_TOOLS, index, "a namespace with 1 to 1024 tools");
	for (struct json_iter it = json_iter(tools); json_next(&it); i++) {
		int error = read_tool(r, it.value, LIST_NESTED + index, i);

		if (error)
			return error;
		if (r->facts->n_tools > OPENAI_TOOLS_MAX)
			return openai_wrong(r, "/tools", "at most 1024 tools");
	}
	return 0;
}

int openai_read_tool_list(struct openai_reader *r)
{
	unsigned i = 0;

	if (!r->tools)
		return 0;
	if (json_type(r->tools) != JSON_ARRAY || json_count(r->tools) > OPENAI_TOOLS_MAX)
		return openai_wrong(r, "/tools", "an array of at most 1024 tools");
	for (struct json_iter it = json_iter(r->tools); json_next(&it); i++) {
		int error;

		if (json_is_string(json_get(it.value, "type"), "namespace"))
			error = read_namespace(r, it.value, i);
		else
			error = read_tool(r, it.value, LIST_TOOLS, i);
		if (error)
			return error;
	}
	r->facts->text_bytes += json_text_bytes(r->tools);
	return 0;
}

int openai_read_function_list(struct openai_reader *r)
{
	unsigned i = 0;

	if (!r->functions)
		return 0;
	if (json_type(r->functions) != JSON_ARRAY || json_count(r->functions) > OPENAI_TOOLS_MAX)
		return openai_wrong(r, "/functions", "an array of at most 1024 functions");
	for (struct json_iter it = json_iter(r->functions); json_next(&it); i++) {
		struct entry e = entry_of(it.value);
		struct slice text;

		if (json_type(e.name) != JSON_STRING || !has_one_reading(&e) ||
		        !openai_name_is_valid(json_text(e.name)))
			return wrong_tool(r, LIST_FUNCTIONS, i,
			        "a name of A-Z a-z 0-9 _ . - and at most 128 characters");
		if (openai_keep(r, e.name, &text) ||
		        !openai_add_tool(r, TOOL_FUNCTION, text, LIST_FUNCTIONS, i))
			return -ENOMEM;
	}
	r->facts->text_bytes += json_text_bytes(r->functions);
	return 0;
}

static int choose(struct openai_reader *r, struct slice name, const char *pointer)
{
	struct slice copy;

	if (!openai_name_is_valid(name))
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

/* {type: allowed_tools, allowed_tools: {mode, tools}}; Responses has mode and tools beside type. */
static int read_allowed_tools(struct openai_reader *r, const struct json_value *v)
{
	const struct json_value *inner = json_get(v, "allowed_tools");
	const struct json_value *tools, *mode;
	int error;

	if (json_type(inner) <= JSON_NULL)
		inner = v;
	else if (json_get(v, "tools") || json_get(v, "mode"))
		return openai_wrong(r, "/tool_choice", "one list of allowed tools");
	if (json_get(v, "function") || json_get(v, "custom"))
		return openai_wrong(r, "/tool_choice", "a list of allowed tools or one tool");
	tools = json_get(inner, "tools");
	mode = json_get(inner, "mode");
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

int openai_read_choice(struct openai_reader *r)
{
	const struct json_value *v = r->tool_choice ? r->tool_choice : r->function_call;
	const char *pointer = r->tool_choice ? "/tool_choice" : "/function_call";
	enum tool_kind kind;
	int error;

	if (!v)
		return 0;
	if (r->tool_choice && r->function_call)
		return openai_wrong(r, "/function_call", "left out where there is a tool_choice");
	if (json_type(v) == JSON_STRING)
		return read_choice_word(r, v, pointer);
	if (json_type(v) != JSON_OBJECT)
		return openai_wrong(r, pointer, "a string or an object");
	if (r->tool_choice && json_is_string(json_get(v, "type"), "allowed_tools"))
		return read_allowed_tools(r, v);
	if (json_get(v, "allowed_tools"))
		return openai_wrong(r, pointer, "a list of allowed tools or one tool");
	error = make_room_for_choice(r, 1);
	if (error)
		return error;
	r->facts->choice_is_required = true;
	return choose(r,
	        r->tool_choice ? openai_entry_name(v, &kind) : json_text(json_get(v, "name")),
	        pointer);
}
