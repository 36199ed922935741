/* SPDX-License-Identifier: Apache-2.0 */
/* routes: which path is which action of which dialect. What is not in the table does not exist. */
#include "weir/dialect.h"

#define BIT(method) (1u << METHOD_##method)

struct route_entry {
	struct slice path;
	bool has_id; /* one more segment follows, which is the id */
	unsigned methods;
	const char *allow;
	enum action action;
	const struct dialect_ops *dialect; /* NULL: OpenAI's */
};

static const struct route_entry entries[] = {
        {SLICE_INIT("/v1/chat/completions"), false, BIT(POST), "POST", ACTION_CHAT},
        {SLICE_INIT("/v1/completions"), false, BIT(POST), "POST", ACTION_COMPLETION},
        {SLICE_INIT("/v1/embeddings"), false, BIT(POST), "POST", ACTION_EMBEDDING},
        {SLICE_INIT("/v1/moderations"), false, BIT(POST), "POST", ACTION_MODERATION},
        {SLICE_INIT("/v1/models"), false, BIT(GET), "GET", ACTION_MODELS},
        {SLICE_INIT("/v1/models/"), true, BIT(GET), "GET", ACTION_MODEL},
        {SLICE_INIT("/tools/"), true, BIT(POST), "POST", ACTION_TOOL, &dialect_tool},
        {SLICE_INIT("/weir/v1/me"), false, BIT(GET), "GET", ACTION_ME},
        {SLICE_INIT("/weir/v1/budget"), false, BIT(GET), "GET", ACTION_BUDGET},
        {SLICE_INIT("/weir/v1/calls/"), true, BIT(GET), "GET", ACTION_CALL_STATUS},
};

/* Models may have slashes in their names (a publisher's prefix), so an id is all that follows. */
static bool entry_matches(const struct route_entry *e, struct slice path, struct slice *ret_id)
{
	if (!e->has_id)
		return slice_equals(path, e->path);
	if (!slice_starts(path, e->path) || path.len == e->path.len)
		return false;
	*ret_id = slice_skip(path, e->path.len);
	return e->action == ACTION_MODEL || !memchr(ret_id->at, '/', ret_id->len);
}

struct route dialect_route(enum method method, struct slice path)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct route_entry *e = &entries[i];
		struct route route = {.dialect = e->dialect ? e->dialect : &dialect_openai,
		        .known = true,
		        .allow = e->allow};

		if (!entry_matches(e, path, &route.id))
			continue;
		if (e->methods & (1u << method))
			route.action = e->action;
		return route;
	}
	return (struct route){.dialect = slice_starts(path, SLICE("/tools/")) ? &dialect_tool
	                                                                       : &dialect_openai};
}
