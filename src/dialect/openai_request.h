/* SPDX-License-Identifier: Apache-2.0 */
/* openai_request: what reading a request takes, shared by the files that do it. */
#pragma once
#include "dialect/openai.h"
#include "dialect/openai_keys.h"

struct openai_reader {
	struct json_doc doc;
	struct arena *arena;
	struct request_facts *facts;
	struct complaint *why;
	unsigned cap_tools;
	/* what only meaning something together decides */
	const struct json_value *tools, *functions, *tool_choice, *function_call;
	const struct json_value *max_tokens, *max_completion_tokens, *safety_identifier;
	uint64_t best_of;
	uint32_t prompts;
	bool has_input;
};

/* Fills why with "POINTER must be WANTED"; always -EPROTO. */
__attribute__((cold)) int openai_wrong(
        struct openai_reader *r, const char *pointer, const char *wanted);
/* A string as long as the facts live. 0 or -ENOMEM. */
int openai_keep(struct openai_reader *r, const struct json_value *v, struct slice *ret);
/* A whole number in plain digits, up to 2^31 - 1; least is 0 or 1. 0, -EPROTO. */
int openai_read_count(struct openai_reader *r, const struct json_value *v, const char *pointer,
        uint64_t least, uint64_t *ret);
bool openai_is_printable(struct slice s);
/* NULL: no memory. */
struct tool_decl *openai_add_tool(struct openai_reader *r, enum tool_kind kind, struct slice name,
        unsigned list, unsigned index);

/* Where an object stands: its pointer is written only when there is something to complain about. */
struct openai_where {
	const struct openai_where *in; /* NULL: it is the root's member */
	const char *key;               /* NULL: it is an element */
	unsigned index;
};

/* openai_plain.c: what two readers could read differently is refused, by its pointer. */
/* Of a key, in an object at w; NULL: the root. Always -EPROTO. */
__attribute__((cold)) int openai_refuse_key(struct openai_reader *r, const struct json_value *key,
        const char *meant, const struct openai_where *w);
/* openai_members of an object at w. 0, -EPROTO. */
static inline int openai_find_members(struct openai_reader *r, const struct json_value *object,
        const struct json_name *names, unsigned n, const struct json_value **ret,
        const struct openai_where *w)
{
	const struct json_value *key;
	const char *meant = openai_members(object, names, n, ret, &key);

	return meant ? openai_refuse_key(r, key, meant, w) : 0;
}
/* Of a member of this name at w: whether it could hold tools, and the refusal where none are read.
 */
static inline bool openai_holds_tools(const struct json_value *v)
{
	return json_count(v) || (json_type(v) == JSON_STRING && json_text(v).len);
}
__attribute__((cold)) int openai_refuse_tools(
        struct openai_reader *r, const char *key, const struct openai_where *w);
int openai_check_template(struct openai_reader *r, const struct json_value *v);

/* openai_messages.c: what a model is to read. 0, -EPROTO. */
int openai_read_messages(struct openai_reader *r, const struct json_value *v);
int openai_read_prompt(struct openai_reader *r, const struct json_value *v);
int openai_read_input(struct openai_reader *r, const struct json_value *v);

/* openai_bound.c: the most that an answer may have: its members, then what they mean together. */
int openai_read_max_tokens(struct openai_reader *r, const struct json_value *v);
int openai_read_max_completion_tokens(struct openai_reader *r, const struct json_value *v);
int openai_read_bound(struct openai_reader *r);

/* openai_tokens.c: all that a model is to read. */
void openai_count_request(const struct json_doc *doc, struct token_counter *t);
/* Of an input or a prompt, or of one item of it. */
void openai_count_list(struct token_counter *t, const struct json_value *v);

/* openai_tools.c: of the members that the reader has found. 0, -ENOMEM, -EPROTO. */
int openai_read_tool_list(struct openai_reader *r);
int openai_read_function_list(struct openai_reader *r);
/* openai_choice.c: the same of what says how to choose one */
int openai_read_choice(struct openai_reader *r);

/* A tool, or a choice of one, as it is written down. */
enum entry_member {
	ENTRY_TYPE,
	ENTRY_FUNCTION,
	ENTRY_NAME,
	ENTRY_CUSTOM,
	ENTRY_TOOLS,
	ENTRY_SERVER_URL,
	ENTRY_CONNECTOR_ID,
	ENTRY_TUNNEL_ID,
	ENTRY_N
};
enum entry_type { TYPE_FUNCTION, TYPE_CUSTOM, TYPE_NAMESPACE, TYPE_BUILTIN, TYPE_OTHER };
struct openai_entry {
	enum entry_type type;
	const struct json_value *m[ENTRY_N];
	const struct json_value *function_name, *custom_name; /* the names in them */
};
int openai_read_entry(struct openai_reader *r, const struct json_value *v,
        const struct openai_where *w, struct openai_entry *ret);
/* The name of the tool that it stands for; NULL: none, or it can be read two ways. */
const struct json_value *openai_name_of(const struct openai_entry *e, enum tool_kind *ret_kind);
