/* SPDX-License-Identifier: Apache-2.0 */
/* openai_tools: the tools that a request offers, in every shape they come in. */
#include "dialect/openai_request.h"
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "dialect/toolcall.h"

#define URL_MAX 2048

static const struct json_name entry_names[ENTRY_N] = {
        [ENTRY_TYPE] = JSON_NAME("type"),
        [ENTRY_FUNCTION] = JSON_NAME("function"),
        [ENTRY_NAME] = JSON_NAME("name"),
        [ENTRY_CUSTOM] = JSON_NAME("custom"),
        [ENTRY_TOOLS] = JSON_NAME("tools"),
        [ENTRY_SERVER_URL] = JSON_NAME("server_url"),
        [ENTRY_CONNECTOR_ID] = JSON_NAME("connector_id"),
        [ENTRY_TUNNEL_ID] = JSON_NAME("tunnel_id"),
};
static const struct json_name inner_name = JSON_NAME("name");
static const struct json_name entry_types[TYPE_OTHER] = {
        [TYPE_FUNCTION] = JSON_NAME("function"),
        [TYPE_CUSTOM] = JSON_NAME("custom"),
        [TYPE_NAMESPACE] = JSON_NAME("namespace"),
        [TYPE_BUILTIN] = JSON_NAME(BUILTIN_TYPE),
};

static enum entry_type type_of(const struct json_value *type)
{
	return json_type(type) == JSON_STRING ? json_name_find(entry_types, TYPE_OTHER, 0, type)
	                                      : TYPE_OTHER;
}

int openai_read_entry(struct openai_reader *r, const struct json_value *v,
        const struct openai_where *w, struct openai_entry *ret)
{
	int error = openai_find_members(r, v, entry_names, ENTRY_N, ret->m, w);

	if (!error)
		error = openai_find_members(r, ret->m[ENTRY_FUNCTION], &inner_name, 1,
		        &ret->function_name, &(struct openai_where){w, "function", 0});
	if (!error)
		error = openai_find_members(r, ret->m[ENTRY_CUSTOM], &inner_name, 1,
		        &ret->custom_name, &(struct openai_where){w, "custom", 0});
	ret->type = type_of(ret->m[ENTRY_TYPE]);
	return error;
}

/* Of the members that hold a tool, or tools, an entry has only the one that its type names. */
static bool has_one_reading(const struct openai_entry *e)
{
	static const struct {
		enum entry_member holder;
		enum json_type is;
	} holds[TYPE_BUILTIN] = {
	        [TYPE_FUNCTION] = {ENTRY_FUNCTION, JSON_OBJECT},
	        [TYPE_CUSTOM] = {ENTRY_CUSTOM, JSON_OBJECT},
	        [TYPE_NAMESPACE] = {ENTRY_TOOLS, JSON_ARRAY},
	};

	for (unsigned type = 0; type < TYPE_BUILTIN; type++) {
		enum json_type is = json_type(e->m[holds[type].holder]);

		if (is > JSON_NULL && (type != e->type || is != holds[type].is))
			return false;
	}
	return true;
}

/* Chat nests the name under the type, Responses does not; both at once could be read either way. */
static const struct json_value *name_of(
        const struct json_value *plain, const struct json_value *nested)
{
	if (nested && plain && !slice_equals(json_text(nested), json_text(plain)))
		return NULL;
	return nested ? nested : plain;
}

const struct json_value *openai_name_of(const struct openai_entry *e, enum tool_kind *ret_kind)
{
	const struct json_value *name = e->m[ENTRY_TYPE];

	*ret_kind = e->type == TYPE_FUNCTION ? TOOL_FUNCTION
	            : e->type == TYPE_CUSTOM ? TOOL_CUSTOM
	                                     : TOOL_HOSTED;
	if (!has_one_reading(e))
		return NULL;
	if (*ret_kind != TOOL_HOSTED)
		name = name_of(e->m[ENTRY_NAME],
		        *ret_kind == TOOL_FUNCTION ? e->function_name : e->custom_name);
	return json_type(name) == JSON_STRING ? name : NULL;
}

struct slice openai_entry_name(const struct json_value *entry, enum tool_kind *ret_kind)
{
	const struct json_value *key;
	struct openai_entry e;

	openai_members(entry, entry_names, ENTRY_N, e.m, &key);
	e.function_name = json_get(e.m[ENTRY_FUNCTION], "name");
	e.custom_name = json_get(e.m[ENTRY_CUSTOM], "name");
	e.type = type_of(e.m[ENTRY_TYPE]);
	return json_text(openai_name_of(&e, ret_kind));
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
static int name_mcp(struct openai_reader *r, const struct openai_entry *e, unsigned list,
        unsigned index, struct slice *ret)
{
	struct slice where = {0};
	char *name;

	for (unsigned i = ENTRY_SERVER_URL; i <= ENTRY_TUNNEL_ID; i++) {
		const struct json_value *address = e->m[i];
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

/* Moonshot writes a tool of its own as a function; the name often begins with a "$", which no other
 * function's may. It goes by its type and that name, so that opening one opens no other. */
static int name_builtin(struct openai_reader *r, const struct openai_entry *e, unsigned list,
        unsigned index, struct slice *ret)
{
	const struct json_value *named =
	        e->function_name ? name_of(e->m[ENTRY_NAME], e->function_name) : NULL;
	struct slice name = json_text(named);

	if (json_type(named) != JSON_STRING || json_type(e->m[ENTRY_CUSTOM]) > JSON_NULL ||
	        json_type(e->m[ENTRY_TOOLS]) > JSON_NULL ||
	        !tool_name_is_valid(slice_skip(name, slice_starts(name, SLICE("$")))))
		return wrong_tool(r, list, index, "a builtin function with one name");
	return toolcall_builtin_name(r->arena, name, ret);
}

static bool is_builtin(const struct openai_entry *e)
{
	return e->type == TYPE_BUILTIN && json_type(e->m[ENTRY_FUNCTION]) > JSON_NULL;
}

static int read_tool(struct openai_reader *r, const struct json_value *v,
        const struct openai_entry *e, unsigned list, unsigned index)
{
	enum tool_kind kind;
	const struct json_value *named = openai_name_of(e, &kind);
	struct slice name = json_text(named);
	int error;

	if (json_type(v) != JSON_OBJECT)
		return wrong_tool(r, list, index, "an object");
	if (is_builtin(e)) {
		error = name_builtin(r, e, list, index, &name);
		if (error)
			return error;
		return openai_add_tool(r, TOOL_HOSTED, name, list, index) ? 0 : -ENOMEM;
	}
	if (!tool_name_is_valid(name))
		return wrong_tool(r, list, index,
		        kind == TOOL_HOSTED ? "a tool with a type"
		                            : "a tool with one name of A-Z a-z 0-9 _ . - and at "
		                              "most 128 characters");
	if (kind == TOOL_HOSTED && slice_equals(name, SLICE("mcp")))
		error = name_mcp(r, e, list, index, &name);
	else
		error = openai_keep(r, named, &name);
	if (error)
		return error;
	return openai_add_tool(r, kind, name, list, index) ? 0 : -ENOMEM;
}

static int read_namespace(
        struct openai_reader *r, const struct openai_entry *e, const struct openai_where *w)
{
	const struct json_value *tools = e->m[ENTRY_TOOLS];
	struct openai_where list = {w, "tools", 0}, inner = {.in = &list};
	UNINIT struct openai_entry entry;

	if (!json_count(tools) || json_count(tools) > OPENAI_TOOLS_MAX || !has_one_reading(e))
		return wrong_tool(r, LIST_TOOLS, w->index, "a namespace with 1 to 1024 tools");
	for (struct json_iter it = json_iter(tools); json_next(&it); inner.index++) {
		int error = openai_read_entry(r, it.value, &inner, &entry);

		if (!error)
			error = read_tool(r, it.value, &entry, LIST_NESTED + w->index, inner.index);
		if (error)
			return error;
		if (r->facts->n_tools > OPENAI_TOOLS_MAX)
			return openai_wrong(r, "/tools", "at most 1024 tools");
	}
	return 0;
}

int openai_read_tool_list(struct openai_reader *r)
{
	struct openai_where list = {.key = "tools"}, w = {.in = &list};
	UNINIT struct openai_entry e;

	if (!r->tools)
		return 0;
	if (json_type(r->tools) != JSON_ARRAY || json_count(r->tools) > OPENAI_TOOLS_MAX)
		return openai_wrong(r, "/tools", "an array of at most 1024 tools");
	for (struct json_iter it = json_iter(r->tools); json_next(&it); w.index++) {
		int error = openai_read_entry(r, it.value, &w, &e);

		if (error)
			return error;
		if (e.type == TYPE_NAMESPACE)
			error = read_namespace(r, &e, &w);
		else
			error = read_tool(r, it.value, &e, LIST_TOOLS, w.index);
		if (error)
			return error;
	}
	r->facts->text_bytes += json_shape_in(&r->doc, r->tools).written;
	return 0;
}

/* An entry of the older list, not a tool's: another reader would take its name from inside. */
static bool is_plain_function(const struct openai_entry *e)
{
	return has_one_reading(e) && json_type(e->m[ENTRY_FUNCTION]) <= JSON_NULL &&
	       json_type(e->m[ENTRY_CUSTOM]) <= JSON_NULL;
}

int openai_read_function_list(struct openai_reader *r)
{
	struct openai_where list = {.key = "functions"}, w = {.in = &list};
	UNINIT struct openai_entry e;

	if (!r->functions)
		return 0;
	if (json_type(r->functions) != JSON_ARRAY || json_count(r->functions) > OPENAI_TOOLS_MAX)
		return openai_wrong(r, "/functions", "an array of at most 1024 functions");
	for (struct json_iter it = json_iter(r->functions); json_next(&it); w.index++) {
		const struct json_value *name;
		int error = openai_read_entry(r, it.value, &w, &e);
		struct slice text;

		if (error)
			return error;
		name = e.m[ENTRY_NAME];
		if (json_type(name) != JSON_STRING || !is_plain_function(&e) ||
		        !tool_name_is_valid(json_text(name)))
			return wrong_tool(r, LIST_FUNCTIONS, w.index,
			        "a name of A-Z a-z 0-9 _ . - and at most 128 characters");
		if (openai_keep(r, name, &text) ||
		        !openai_add_tool(r, TOOL_FUNCTION, text, LIST_FUNCTIONS, w.index))
			return -ENOMEM;
	}
	r->facts->text_bytes += json_shape_in(&r->doc, r->functions).written;
	return 0;
}
