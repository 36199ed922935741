/* SPDX-License-Identifier: Apache-2.0 */
/* toolcall: calls put together from the fragments of a stream, whatever API cut them, and held
 * until they are whole. What is judged must be what every client reads, so what two clients could
 * put together differently is refused. */
#pragma once
#include "base/buf.h"
#include "weir/dialect.h"

#define TOOLCALLS_MAX 128 /* of one answer */
#define TOOLCALL_HELD_MAX                                                                          \
	(4u << 20) /* bytes of one answer that wait for their calls to be whole                    \
	            */

/* The type of a tool that a provider runs by itself although it is declared and called like a
 * function. For policies it is TOOL_HOSTED by the name TYPE:NAME. */
#define BUILTIN_TYPE "builtin_function"
/* 0 or -ENOMEM. */
int toolcall_builtin_name(struct arena *arena, struct slice name, struct slice *ret);

struct call_fragment {
	enum tool_kind kind;
	bool kind_is_known;
	bool untyped;                     /* its kind is known by its shape alone */
	bool builtin;                     /* TOOL_HOSTED, and name is what stands behind the type */
	struct slice id, name, arguments; /* unescaped; empty: not in this fragment */
};

struct assembling {
	uint32_t choice, index;
	bool legacy;           /* chat's function_call, which has no index */
	bool index_is_made_up; /* the provider gave none */
	bool kind_is_known;
	bool builtin; /* as in the fragment that told the type */
	enum tool_kind kind;
	struct buf id, name, arguments; /* owned */
	unsigned name_pieces;
	/* after judging */
	bool denied;
	uint32_t rank; /* among those that are released */
	bool name_is_written;
};

struct toolcalls {
	struct assembling *list; /* owned; ordered by choice, then index, then legacy last */
	unsigned n, cap, made;   /* made: ever, of this answer */
	size_t held;             /* bytes of all of them */
};

void toolcalls_init(struct toolcalls *t);
void toolcalls_finish(struct toolcalls *t);
struct assembling *toolcalls_find(
        struct toolcalls *t, uint32_t choice, uint32_t index, bool legacy);
struct assembling *toolcalls_find_id(struct toolcalls *t, uint32_t choice, struct slice id);
/* Places in the list move. 0, -ENOMEM, or -EPROTO when there are too many. */
int toolcalls_add(
        struct toolcalls *t, uint32_t choice, uint32_t index, bool legacy, struct assembling **ret);
/* 0, -ENOMEM, or -EPROTO with what is wrong. facts: a name that repeats one of its tools is no new
 * piece. */
int toolcalls_feed(struct toolcalls *t, struct assembling *call, const struct call_fragment *f,
        const struct request_facts *facts, const char **ret_wrong);
/* The first call of a choice and how many there are; NULL: none. */
struct assembling *toolcalls_of(struct toolcalls *t, uint32_t choice, unsigned *ret_n);
/* The call as policies see it, in the arena. 0 or -ENOMEM. */
int toolcall_copy(const struct assembling *call, struct arena *arena, struct toolcall **ret);
/* After verdicts: numbers what is released. Returns how many of the choice are. */
unsigned toolcalls_rank(struct toolcalls *t, uint32_t choice);
void toolcalls_drop(struct toolcalls *t, uint32_t choice);
