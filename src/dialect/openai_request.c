/* SPDX-License-Identifier: Apache-2.0 */
/* openai_request: a request of the OpenAI API as facts. One walk over the top members, each read by
 * the line of the table that names it; members nobody names pass. */
#include "dialect/openai_request.h"
#include <errno.h>
#include "base/plain.h"

#define MODEL_MAX 256

typedef int read_member(struct openai_reader *r, const struct json_value *v);

/* Goes into headers and logs. */
bool openai_is_printable(struct slice s)
{
	if (bytes_are_plain(s))
		return true;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 127)
			return false;
	return true;
}

int openai_wrong(struct openai_reader *r, const char *pointer, const char *wanted)
{
	return openai_complain(
	        r->why, FAULT_REQUEST_INVALID, pointer, "%s must be %s", pointer, wanted);
}

int openai_keep(struct openai_reader *r, const struct json_value *v, struct slice *ret)
{
	struct slice s = json_keep(&r->doc, v, r->arena);

	if (!s.at)
		return -ENOMEM;
	*ret = s;
	return 0;
}

struct tool_decl *openai_add_tool(struct openai_reader *r, enum tool_kind kind, struct slice name,
        unsigned list, unsigned index)
{
	struct request_facts *f = r->facts;

	if (f->n_tools == r->cap_tools) {
		unsigned cap = r->cap_tools ? r->cap_tools * 2 : 16;
		struct tool_decl *tools = arena_alloc(r->arena, cap * sizeof(*tools));

		if (!tools)
			return NULL;
		if (f->n_tools)
			memcpy(tools, f->tools, f->n_tools * sizeof(*tools));
		f->tools = tools;
		r->cap_tools = cap;
	}
	f->tools[f->n_tools] = (struct tool_decl){
	        .kind = kind, .name = name, .list = (uint16_t)list, .index = (uint16_t)index};
	return &f->tools[f->n_tools++];
}

static int read_model(struct openai_reader *r, const struct json_value *v)
{
	struct slice model = json_text(v);

	if (json_type(v) != JSON_STRING || !model.len)
		return openai_wrong(r, "/model", "a string that is not empty");
	if (model.len > MODEL_MAX || !openai_is_printable(model))
		return openai_wrong(r, "/model", "a name of at most 256 printable characters");
	r->facts->model_place = json_token(&r->doc, v);
	return openai_keep(r, v, &r->facts->model);
}

static int read_bool(
        struct openai_reader *r, const struct json_value *v, const char *pointer, bool *ret)
{
	if (json_type(v) != JSON_BOOL)
		return openai_wrong(r, pointer, "true or false");
	*ret = json_is_true(v);
	return 0;
}

static int read_stream(struct openai_reader *r, const struct json_value *v)
{
	return read_bool(r, v, "/stream", &r->facts->stream);
}

static int read_stream_options(struct openai_reader *r, const struct json_value *v)
{
	static const struct json_name name = JSON_NAME("include_usage");
	const struct json_value *usage;
	int error;

	r->facts->options_given = true;
	if (json_type(v) == JSON_NULL)
		return 0;
	if (json_type(v) != JSON_OBJECT)
		return openai_wrong(r, "/stream_options", "an object");
	error = openai_find_members(
	        r, v, &name, 1, &usage, &(struct openai_where){.key = "stream_options"});
	if (error)
		return error;
	if (json_type(usage) <= JSON_NULL)
		return 0;
	return read_bool(r, usage, "/stream_options/include_usage", &r->facts->usage_asked);
}

static int read_n(struct openai_reader *r, const struct json_value *v)
{
	return openai_read_count(r, v, "/n", 1, &r->facts->n);
}

static int read_best_of(struct openai_reader *r, const struct json_value *v)
{
	return openai_read_count(r, v, "/best_of", 0, &r->best_of);
}

static int read_tools(struct openai_reader *r, const struct json_value *v)
{
	r->tools = v;
	return 0;
}

static int read_functions(struct openai_reader *r, const struct json_value *v)
{
	r->functions = v;
	return 0;
}

static int read_tool_choice(struct openai_reader *r, const struct json_value *v)
{
	r->tool_choice = v;
	r->facts->text_bytes += json_text_bytes(v);
	return 0;
}

static int read_function_call(struct openai_reader *r, const struct json_value *v)
{
	r->function_call = v;
	return 0;
}

static int read_response_format(struct openai_reader *r, const struct json_value *v)
{
	static const struct json_name name = JSON_NAME("type");
	const struct json_value *type;
	int error;

	if (json_type(v) != JSON_OBJECT)
		return openai_wrong(r, "/response_format", "an object");
	error = openai_find_members(
	        r, v, &name, 1, &type, &(struct openai_where){.key = "response_format"});
	if (error)
		return error;
	r->facts->json_answer =
	        json_is_string(type, "json_object") || json_is_string(type, "json_schema");
	r->facts->text_bytes += json_written_bytes(v);
	return 0;
}

/* Anything but text. */
static int read_modalities(struct openai_reader *r, const struct json_value *v)
{
	r->facts->text_bytes += json_written_bytes(v);
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		r->facts->wants_media |= !json_is_string(it.value, "text");
		r->facts->wants_audio |= json_is_string(it.value, "audio");
	}
	return 0;
}

static int read_audio(struct openai_reader *r, const struct json_value *v)
{
	r->facts->text_bytes += json_written_bytes(v);
	r->facts->wants_media = r->facts->wants_audio = true;
	return 0;
}

static int read_prediction(struct openai_reader *r, const struct json_value *v)
{
	r->facts->text_bytes += json_written_bytes(v);
	r->facts->predicted_bytes = json_written_bytes(v);
	return 0;
}

static int read_service_tier(struct openai_reader *r, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING)
		return openai_wrong(r, "/service_tier", "a string");
	return openai_keep(r, v, &r->facts->service_tier);
}

static int read_user(struct openai_reader *r, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING)
		return openai_wrong(r, "/user", "a string");
	return openai_keep(r, v, &r->facts->user);
}

static int read_safety_identifier(struct openai_reader *r, const struct json_value *v)
{
	if (json_type(v) != JSON_STRING)
		return openai_wrong(r, "/safety_identifier", "a string");
	r->safety_identifier = v;
	return 0;
}

/* Another model than the one that is judged would answer. */
static int read_models(struct openai_reader *r, const struct json_value *v)
{
	(void)v;
	return openai_wrong(r, "/models", "left out: one request is for one model");
}

static int read_fallbacks(struct openai_reader *r, const struct json_value *v)
{
	(void)v;
	return openai_wrong(r, "/fallbacks", "left out: one request is for one model");
}

static int read_fallback_models(struct openai_reader *r, const struct json_value *v)
{
	(void)v;
	return openai_wrong(r, "/fallback_models", "left out: one request is for one model");
}

/* Means something to others, and is theirs. */
static int read_nothing(struct openai_reader *r, const struct json_value *v)
{
	(void)r;
	(void)v;
	return 0;
}

/* Members, in the order that they mostly come in; what reads each, and whether it wants to see a
 * null: to most it is the same as leaving the member out. */
#define MEMBERS(X)                                                                                 \
	X(model, read_model, true)                                                                 \
	X(messages, openai_read_messages, false)                                                   \
	X(tools, read_tools, false)                                                                \
	X(tool_choice, read_tool_choice, false)                                                    \
	X(max_tokens, openai_read_max_tokens, true)                                                \
	X(max_completion_tokens, openai_read_max_completion_tokens, true)                          \
	X(stream, read_stream, false)                                                              \
	X(stream_options, read_stream_options, true)                                               \
	X(n, read_n, false)                                                                        \
	X(user, read_user, false)                                                                  \
	X(safety_identifier, read_safety_identifier, false)                                        \
	X(response_format, read_response_format, false)                                            \
	X(parallel_tool_calls, read_nothing, false)                                                \
	X(functions, read_functions, false)                                                        \
	X(function_call, read_function_call, false)                                                \
	X(prompt, openai_read_prompt, false)                                                       \
	X(input, openai_read_input, false)                                                         \
	X(best_of, read_best_of, false)                                                            \
	X(modalities, read_modalities, false)                                                      \
	X(audio, read_audio, false)                                                                \
	X(service_tier, read_service_tier, false)                                                  \
	X(prediction, read_prediction, false)                                                      \
	X(models, read_models, false)                                                              \
	X(fallbacks, read_fallbacks, false)                                                        \
	X(fallback_models, read_fallback_models, false)                                            \
	X(chat_template_kwargs, openai_check_template, false)

/* Members that switch on what the provider runs by itself, and the type they are judged as. */
#define HOSTED(X)                                                                                  \
	X(web_search_options, "web_search")                                                        \
	X(mcp_servers, "mcp_servers")                                                              \
	X(data_sources, "data_sources")           /* Azure */                                      \
	X(search_parameters, "search_parameters") /* xAI */                                        \
	X(plugins, "plugins")                     /* OpenRouter */                                 \
	X(enable_search, "web_search")            /* Alibaba */                                    \
	X(search_settings, "web_search")          /* Groq */                                       \
	X(web_search, "web_search")                                                                \
	X(compound_custom, "compound_custom") /* Groq */                                           \
	X(tool_resources, "tool_resources")                                                        \
	X(extra_body, "extra_body")

#define NAME_ROW(name, ...) JSON_NAME(#name),
#define READER_ROW(name, read, sees_null) {read, sees_null},
#define HOSTED_ROW(name, type) {SLICE_INIT(#name), SLICE_INIT(type)},

static const struct json_name names[] = {MEMBERS(NAME_ROW) HOSTED(NAME_ROW)};
static const struct {
	read_member *read;
	bool sees_null;
} readers[] = {MEMBERS(READER_ROW)};
const struct hosted_member openai_hosted_members[] = {HOSTED(HOSTED_ROW)};

#define NAMES_N (sizeof(names) / sizeof(names[0]))
#define READERS_N (sizeof(readers) / sizeof(readers[0]))
const unsigned openai_n_hosted_members = NAMES_N - READERS_N;

/* Answers of one request: so many to each of its prompts. */
static void multiply(struct openai_reader *r)
{
	struct request_facts *f = r->facts;

	if (r->best_of > f->n)
		f->n = r->best_of;
	if (r->prompts > 1 && f->action == ACTION_COMPLETION)
		f->n *= r->prompts;
}

/* What a provider runs by itself is switched off by false, too. */
static bool is_on(const struct json_value *v)
{
	return json_type(v) != JSON_NULL && (json_type(v) != JSON_BOOL || json_is_true(v));
}

static int read_hosted(struct openai_reader *r, unsigned i, const struct json_value *v)
{
	if (!is_on(v))
		return 0;
	return openai_add_tool(r, TOOL_HOSTED, openai_hosted_members[i].type, LIST_MEMBER, i)
	               ? 0
	               : -ENOMEM;
}

static int read_root(struct openai_reader *r)
{
	unsigned at = 0;
	int error = 0;

	for (struct json_iter it = json_iter(r->doc.root); !error && json_next(&it);) {
		unsigned i = json_name_find(names, NAMES_N, at, it.key);
		const char *meant;

		if (i == NAMES_N) {
			meant = openai_key_is_odd(it.key, names, NAMES_N);
			if (meant)
				error = openai_refuse_key(r, it.key, meant, NULL);
			/* For all that is known here, the model reads it. */
			r->facts->text_bytes += json_written_bytes(it.value);
			continue;
		}
		at = i + 1;
		if (i >= READERS_N)
			error = read_hosted(r, i - READERS_N, it.value);
		else if (json_type(it.value) != JSON_NULL || readers[i].sees_null)
			error = readers[i].read(r, it.value);
	}
	return error;
}

/* What has to be there for the action to mean anything. */
static int check_whole(struct openai_reader *r)
{
	struct request_facts *f = r->facts;

	if (!f->model.at && f->action != ACTION_MODERATION)
		return openai_wrong(r, "/model", "given");
	/* The API's own default, so that the list of models applies to it. */
	if (!f->model.at)
		f->model = SLICE("omni-moderation-latest");
	if (f->action == ACTION_CHAT && !f->n_messages)
		return openai_wrong(r, "/messages", "given and not empty");
	if ((f->action == ACTION_EMBEDDING || f->action == ACTION_MODERATION) && !r->has_input)
		return openai_wrong(r, "/input", "given");
	return 0;
}

static int read_all(struct openai_reader *r)
{
	int error = read_root(r);

	if (!error)
		error = check_whole(r);
	if (!error)
		error = openai_read_tool_list(r);
	if (!error)
		error = openai_read_function_list(r);
	if (!error)
		error = openai_read_choice(r);
	if (!error)
		error = openai_read_bound(r);
	if (!error)
		multiply(r);
	if (!error && !r->facts->user.at && r->safety_identifier)
		error = openai_keep(r, r->safety_identifier, &r->facts->user);
	return error;
}

int openai_read_request(enum action action, struct slice body, struct arena *arena,
        struct token_counter *tokens, struct request_facts *ret, struct complaint *why)
{
	struct request_facts facts = {.action = action, .n = 1};
	struct openai_reader r = {.arena = arena, .facts = &facts, .why = why};
	struct json_complaint wrong;
	int error = json_read(json_scratch_mine(), body, &json_limits_default, &r.doc, &wrong);

	if (error == -EPROTO)
		return openai_complain(why, FAULT_REQUEST_INVALID, "",
		        "The body cannot be read at byte %zu: %s. Send one JSON object that every "
		        "parser reads alike.",
		        wrong.at, wrong.text);
	if (error)
		return error;
	error = read_all(&r);
	if (!error && tokens)
		openai_count_request(&r.doc, tokens);
	json_done(&r.doc);
	if (!error)
		*ret = facts;
	return error;
}
