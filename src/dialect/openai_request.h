/* SPDX-License-Identifier: Apache-2.0 */
/* openai_request: what reading a request takes, shared by the two files that do it. */
#pragma once
#include "dialect/openai.h"

struct openai_reader {
	struct json_doc doc;
	struct arena *arena;
	struct request_facts *facts;
	struct complaint *why;
	unsigned cap_tools;
	/* what only meaning something together decides */
	const struct json_value *tools, *functions, *tool_choice, *function_call;
	const struct json_value *max_tokens, *max_completion_tokens, *safety_identifier;
	uint64_t best_of, prompts;
	bool has_input;
};

/* Fills why with "POINTER must be WANTED"; always -EPROTO. */
__attribute__((cold)) int openai_wrong(struct openai_reader *r, const char *pointer, const char *wanted);
/* A string as long as the facts live. 0 or -ENOMEM. */
int openai_keep(struct openai_reader *r, const struct json_value *v, struct slice *ret);
bool openai_is_printable(struct slice s);
/* NULL: no memory. */
struct tool_decl *openai_add_tool(struct openai_reader *r, enum tool_kind kind, struct slice name,
        unsigned list, unsigned index);

/* openai_plain.c: refuses what two readers could read differently, by its pointer. 0, -EPROTO. */
int openai_check_plain(struct openai_reader *r);

/* openai_tools.c: of the members that the reader has found. 0, -ENOMEM, -EPROTO. */
int openai_read_tool_list(struct openai_reader *r);
int openai_read_function_list(struct openai_reader *r);
int openai_read_choice(struct openai_reader *r);
