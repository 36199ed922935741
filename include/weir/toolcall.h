/* SPDX-License-Identifier: Apache-2.0 */
/* toolcall: a tool as a request offers it, and a call of one as an answer makes it, whatever API they stand in. */
#pragma once
#include "base/money.h"
#include "weir/edit.h"
#include "weir/fault.h"

enum tool_kind {
	TOOL_FUNCTION, /* the agent (or Weir) runs it; arguments are JSON */
	TOOL_CUSTOM,   /* the same with free text as input */
	TOOL_HOSTED,   /* the provider runs it by itself: web_search, mcp, code_interpreter, and every type we do not know */
};

/* [A-Za-z0-9_.-]{1,128}: what the APIs take for a tool's name. What a model calls in an answer may be anything. */
bool tool_name_is_valid(struct slice name);

struct tool_decl {
	enum tool_kind kind;
	struct slice name;  /* unescaped; TOOL_HOSTED: its type, where it says which with that: "mcp:https://...",
	                     * "builtin_function:$web_search"; so too when it is called */
	bool removed;       /* set by a policy: the dialect takes it out of the request */
	uint16_t list;      /* dialect's own: which list of the request it stands in (tools, functions, ...) */
	uint16_t index;     /* its place in that list */
};

enum tool_choice {
	CHOICE_NONE_GIVEN, /* the request says nothing: the API's default */
	CHOICE_NONE,       /* no tool is to be called */
	CHOICE_AUTO,
	CHOICE_REQUIRED,   /* some tool is to be called */
	CHOICE_NAMED,      /* exactly those named */
};

/* A whole call in an answer. Slices live as long as its lap. */
struct toolcall {
	enum tool_kind kind;
	struct slice name;      /* unescaped */
	struct slice id;
	struct slice arguments; /* unescaped: JSON text as the model wrote it, perhaps not valid */
	uint32_t choice, index; /* where it stands */
	bool denied;            /* set through call_deny_tool: its place is taken by text that says so */
	enum fault fault;
	struct slice sentence;  /* why, for the model */
	nanousd cost;           /* of letting it through: of a tool that the agent runs itself */
};
