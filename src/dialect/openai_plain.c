/* SPDX-License-Identifier: Apache-2.0 */
/* openai_plain: whether a request says what it says in one way only: no key that is another
 * spelling of one we judge, no other models beside the one that is judged, no tools where no list
 * of tools is read. */
#include "dialect/openai_keys.h"
#include "dialect/openai_request.h"
#include <errno.h>
#include <stdio.h>

#define POINTER_MAX 160

static const char *const root_names[] = {"model", "messages", "stream", "stream_options", "tools",
        "tool_choice", "max_tokens", "max_completion_tokens", "n", "user", "safety_identifier",
        "response_format", "functions", "function_call", "parallel_tool_calls", "prompt", "input",
        "best_of", "models", "fallbacks", "fallback_models", "chat_template_kwargs",
        /* openai_hosted_members */
        "web_search_options", "mcp_servers", "data_sources", "search_parameters", "plugins",
        "enable_search", "search_settings", "compound_custom", "tool_resources", "extra_body",
        "web_search", NULL};
static const char *const options_names[] = {"include_usage", NULL};
static const char *const format_names[] = {"type", NULL};
static const char *const message_names[] = {
        "role", "content", "audio", "tools", "functions", "tool_calls", "function_call", NULL};
static const char *const part_names[] = {"type", "text", NULL};
static const char *const entry_names[] = {"type", "name", "function", "custom", "tools",
        "server_url", "connector_id", "tunnel_id", NULL};
static const char *const inner_names[] = {"name", NULL};
static const char *const choice_names[] = {
        "type", "name", "function", "custom", "mode", "tools", "allowed_tools", NULL};

/* Where an object stands: its pointer is written only when there is something to complain about. */
struct where {
	const struct where *in; /* NULL: it is the root's member */
	const char *key;        /* NULL: it is an element */
	unsigned index;
};

static size_t put_pointer(const struct where *w, char *pointer, size_t size)
{
	const struct where *way[8];
	unsigned n = 0;
	size_t len = 0;

	for (; w && n < sizeof(way) / sizeof(way[0]); w = w->in)
		way[n++] = w;
	pointer[0] = '\0';
	while (n-- && len < size) {
		if (way[n]->key)
			len += (size_t)snprintf(pointer + len, size - len, "/%s", way[n]->key);
		else
			len += (size_t)snprintf(pointer + len, size - len, "/%u", way[n]->index);
	}
	return len;
}

/* w: NULL: the root. */
static int check(struct openai_reader *r, const struct json_value *object, const char *const *names,
        const struct where *w)
{
	char pointer[POINTER_MAX];
	struct slice key;
	const char *name = openai_odd_key(object, names, &key);
	size_t len;

	if (!name)
		return 0;
	len = put_pointer(w, pointer, sizeof(pointer));
	snprintf(pointer + len, sizeof(pointer) - len, "/%.*s", SLICE_FMT(key));
	return openai_complain(r->why, FAULT_REQUEST_INVALID, pointer,
	        "%s must be written \"%s\": some readers take one for the other", pointer, name);
}

/* A list that could hold tools, and is not where we look for them. */
static bool holds_tools(const struct json_value *v)
{
	return json_count(v) || (json_type(v) == JSON_STRING && json_text(v).len);
}

static int check_parts(
        struct openai_reader *r, const struct json_value *parts, const struct where *in)
{
	struct where w = {.in = in};
	int error = 0;

	if (json_type(parts) != JSON_ARRAY)
		return 0;
	for (struct json_iter it = json_iter(parts); !error && json_next(&it); w.index++)
		error = check(r, it.value, part_names, &w);
	return error;
}

static int refuse_tools(struct openai_reader *r, const struct json_value *v, const char *key,
        const struct where *in)
{
	char pointer[POINTER_MAX];

	if (!holds_tools(v))
		return 0;
	put_pointer(&(struct where){in, key, 0}, pointer, sizeof(pointer));
	return openai_wrong(r, pointer, "left out: tools are declared in /tools");
}

static int check_message(struct openai_reader *r, const struct json_value *v, const struct where *w)
{
	int error = check(r, v, message_names, w);

	if (!error)
		error = refuse_tools(r, json_get(v, "tools"), "tools", w);
	if (!error)
		error = refuse_tools(r, json_get(v, "functions"), "functions", w);
	return error ? error
	             : check_parts(r, json_get(v, "content"), &(struct where){w, "content", 0});
}

static int check_messages(struct openai_reader *r, const struct json_value *messages)
{
	struct where root = {.key = "messages"}, w = {.in = &root};
	int error = 0;

	if (json_type(messages) != JSON_ARRAY)
		return 0;
	for (struct json_iter it = json_iter(messages); !error && json_next(&it); w.index++)
		error = check_message(r, it.value, &w);
	return error;
}

static int check_entry(struct openai_reader *r, const struct json_value *v, const struct where *w)
{
	int error = check(r, v, entry_names, w);

	if (!error)
		error = check(
		        r, json_get(v, "function"), inner_names, &(struct where){w, "function", 0});
	if (!error)
		error = check(
		        r, json_get(v, "custom"), inner_names, &(struct where){w, "custom", 0});
	return error;
}

static int check_entries(
        struct openai_reader *r, const struct json_value *list, const struct where *in)
{
	struct where w = {.in = in};
	int error = 0;

	if (json_type(list) != JSON_ARRAY)
		return 0;
	for (struct json_iter it = json_iter(list); !error && json_next(&it); w.index++)
		error = check_entry(r, it.value, &w);
	return error;
}

static int check_tools(struct openai_reader *r, const struct json_value *tools)
{
	struct where root = {.key = "tools"}, w = {.in = &root};
	int error = check_entries(r, tools, &root);

	if (json_type(tools) != JSON_ARRAY)
		return error;
	for (struct json_iter it = json_iter(tools); !error && json_next(&it); w.index++)
		error = check_entries(
		        r, json_get(it.value, "tools"), &(struct where){&w, "tools", 0});
	return error;
}

static int check_choice(struct openai_reader *r, const struct json_value *v)
{
	const struct json_value *allowed = json_get(v, "allowed_tools");
	struct where root = {.key = "tool_choice"}, inner = {&root, "allowed_tools", 0};
	int error = check(r, v, choice_names, &root);

	if (!error)
		error = check_entry(r, v, &root);
	if (!error)
		error = check(r, allowed, choice_names, &inner);
	if (!error)
		error = check_entries(r, json_get(v, "tools"), &(struct where){&root, "tools", 0});
	return error ? error
	             : check_entries(
	                       r, json_get(allowed, "tools"), &(struct where){&inner, "tools", 0});
}

/* What the template of a model may take for its list of tools, under whatever name it has. */
static int check_template(struct openai_reader *r, const struct json_value *v)
{
	char room[KEY_FOLDED_MAX], pointer[POINTER_MAX];

	if (json_type(v) != JSON_OBJECT)
		return 0;
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		struct slice key = json_text(it.key), folded = openai_key_fold(key, room);

		folded = folded.at ? folded : key;
		if (!holds_tools(it.value) ||
		        (!slice_ends(folded, SLICE("tools")) && !slice_is(folded, "functions")))
			continue;
		snprintf(pointer, sizeof(pointer), "/chat_template_kwargs/%.*s",
		        (int)(folded.len < 48 ? folded.len : 48), folded.at);
		return openai_wrong(r, pointer, "left out: tools are declared in /tools");
	}
	return 0;
}

/* Another model than the one that is judged would answer. */
static int check_models(struct openai_reader *r, struct slice key, const struct json_value *v)
{
	static const char *const members[] = {"models", "fallbacks", "fallback_models"};
	char pointer[32];

	for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (json_type(v) == JSON_NULL || !slice_is(key, members[i]))
			continue;
		snprintf(pointer, sizeof(pointer), "/%s", members[i]);
		return openai_wrong(r, pointer, "left out: one request is for one model");
	}
	return 0;
}

static int check_member(struct openai_reader *r, struct slice key, const struct json_value *v)
{
	if (slice_is(key, "messages"))
		return check_messages(r, v);
	if (slice_is(key, "tools"))
		return check_tools(r, v);
	if (slice_is(key, "functions"))
		return check_entries(r, v, &(struct where){.key = "functions"});
	if (slice_is(key, "tool_choice"))
		return check_choice(r, v);
	if (slice_is(key, "function_call"))
		return check(r, v, inner_names, &(struct where){.key = "function_call"});
	if (slice_is(key, "stream_options"))
		return check(r, v, options_names, &(struct where){.key = "stream_options"});
	if (slice_is(key, "response_format"))
		return check(r, v, format_names, &(struct where){.key = "response_format"});
	if (slice_is(key, "chat_template_kwargs"))
		return check_template(r, v);
	return check_models(r, key, v);
}

int openai_check_plain(struct openai_reader *r)
{
	int error = check(r, r->doc.root, root_names, NULL);

	for (struct json_iter it = json_iter(r->doc.root); !error && json_next(&it);)
		error = check_member(r, json_text(it.key), it.value);
	return error;
}
