/* SPDX-License-Identifier: Apache-2.0 */
/* openai: what the files of this dialect share, and nobody else includes. */
#pragma once
#include "json/places.h"
#include "weir/dialect.h"

/* Which list of a request a tool stands in (tool_decl.list). A namespace's own tools: LIST_NESTED +
 * its place in tools. */
enum tool_list { LIST_TOOLS, LIST_FUNCTIONS, LIST_MEMBER, LIST_NESTED };

#define OPENAI_WHO "openai" /* in edits */
#define OPENAI_TOOLS_MAX 1024

/* Top-level members that switch on what the provider runs by itself, and the type they are judged
 * as. */
struct hosted_member {
	struct slice key, type;
};
extern const struct hosted_member openai_hosted_members[];
extern const unsigned openai_n_hosted_members;

int openai_read_request(enum action action, struct slice body, struct arena *arena,
        struct token_counter *tokens, struct request_facts *ret, struct complaint *why);
int openai_edit_request(const struct request_facts *facts, struct slice body,
        const struct edit_wishes *wishes, struct edits *edits);
/* A member (and its comma) in front of the others, of which there is at least one. */
int openai_insert_member(struct slice body, struct slice member, struct edits *edits);
/* The tool that an entry of tools, or of a choice, stands for: its name, or its type when the
 * provider runs it. type_only: in a choice "mcp" may come without its server. */
struct slice openai_entry_name(const struct json_value *entry, enum tool_kind *ret_kind);

/* Fills why; always -EPROTO. pointer: of the field at fault. */
int openai_complain(struct complaint *why, enum fault fault, const char *pointer,
        const char *format, ...) __attribute__((cold, format(printf, 4, 5)));
/* s as a JSON string with its quotes, in the arena; at == NULL: no memory. */
struct slice openai_quote(struct arena *arena, struct slice s);
/* {"error":{...}} */
int openai_put_error(const struct refusal *r, struct slice request_id, struct buf *out);
