/* SPDX-License-Identifier: Apache-2.0 */
/* toolcall: fragments become calls. Names come whole from all known providers; the official clients
 * disagree about a second piece (one joins, one replaces), so pieces are joined, judged joined, and
 * released as one. */
#include "dialect/toolcall.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "base/plain.h"

#define NAME_MAX_BYTES 1024u
#define ID_MAX_BYTES 1024u

static inline byte_lanes lanes_not_of_tools(byte_lanes v)
{
	/* A byte below a range becomes a large number; '-' and '.' are neighbours. */
	return ~((byte_lanes)((v | 0x20) - 'a' < 26) | (byte_lanes)(v - '0' < 10) |
	         (byte_lanes)(v - '-' < 2) | (byte_lanes)(v == '_'));
}

bool tool_name_is_valid(struct slice name)
{
	return name.len > 0 && name.len <= 128 && bytes_pass(name, lanes_not_of_tools);
}

void toolcalls_init(struct toolcalls *t)
{
	*t = (struct toolcalls){0};
}

static void call_finish(struct assembling *c)
{
	buf_finish(&c->id);
	buf_finish(&c->name);
	buf_finish(&c->arguments);
}

void toolcalls_finish(struct toolcalls *t)
{
	for (unsigned i = 0; i < t->n; i++)
		call_finish(&t->list[i]);
	mem_free(t->list);
	toolcalls_init(t);
}

static int call_compare(const struct assembling *c, uint32_t choice, uint32_t index, bool legacy)
{
	if (c->choice != choice)
		return c->choice < choice ? -1 : 1;
	if (c->legacy != legacy)
		return legacy ? -1 : 1;
	if (c->index != index)
		return c->index < index ? -1 : 1;
	return 0;
}

struct assembling *toolcalls_find(struct toolcalls *t, uint32_t choice, uint32_t index, bool legacy)
{
	/* The one that grows is nearly always the last. */
	for (unsigned i = t->n; i > 0; i--)
		if (!call_compare(&t->list[i - 1], choice, index, legacy))
			return &t->list[i - 1];
	return NULL;
}

struct assembling *toolcalls_find_id(struct toolcalls *t, uint32_t choice, struct slice id)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->list[i].choice == choice && !t->list[i].legacy &&
		        slice_equals(buf_slice(&t->list[i].id), id))
			return &t->list[i];
	return NULL;
}

int toolcalls_add(
        struct toolcalls *t, uint32_t choice, uint32_t index, bool legacy, struct assembling **ret)
{
	unsigned at = 0;

	if (t->made == TOOLCALLS_MAX)
		return -EPROTO;
	if (t->n == t->cap) {
		unsigned cap = t->cap ? t->cap * 2 : 4;
		struct assembling *list = mem_realloc(t->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		t->list = list;
		t->cap = cap;
	}
	while (at < t->n && call_compare(&t->list[at], choice, index, legacy) < 0)
		at++;
	memmove(&t->list[at + 1], &t->list[at], (t->n - at) * sizeof(*t->list));
	t->list[at] = (struct assembling){.choice = choice,
	        .index = index,
	        .legacy = legacy,
	        .id = BUF_INIT(ID_MAX_BYTES),
	        .name = BUF_INIT(NAME_MAX_BYTES),
	        .arguments = BUF_INIT(TOOLCALL_HELD_MAX)};
	t->n++;
	t->made++;
	*ret = &t->list[at];
	return 0;
}

static int put(struct toolcalls *t, struct buf *b, struct slice piece, const char **ret_wrong)
{
	int r = t->held + piece.len > TOOLCALL_HELD_MAX ? -ENOBUFS : buf_put_slice(b, piece);

	if (r == -ENOBUFS) {
		*ret_wrong = "a tool call is too long";
		return -EPROTO;
	}
	if (!r)
		t->held += piece.len;
	return r;
}

static bool name_is_declared(const struct request_facts *facts, struct slice name)
{
	for (unsigned i = 0; i < facts->n_tools; i++)
		if (slice_equals(facts->tools[i].name, name))
			return true;
	return false;
}

/* A piece continues the name only while nothing says that it is whole. Some providers send an empty
 * one with every fragment after the first. */
static int feed_name(struct toolcalls *t, struct assembling *c, struct slice piece,
        const struct request_facts *facts, const char **ret_wrong)
{
	struct slice so_far = buf_slice(&c->name);
	bool repeats = slice_equals(so_far, piece);

	if (!piece.len)
		return 0;
	if (so_far.len) {
		if (repeats && (buf_len(&c->arguments) || name_is_declared(facts, so_far))) {
			c->name_pieces++;
			return 0;
		}
		if (buf_len(&c->arguments) || name_is_declared(facts, so_far)) {
			*ret_wrong = "a tool call changed its name";
			return -EPROTO;
		}
	}
	c->name_pieces++;
	return put(t, &c->name, piece, ret_wrong);
}

/* Of a call whose type a fragment has told, the others may say no more than what a function's do.
 */
static int feed_kind(struct assembling *call, const struct call_fragment *f, const char **ret_wrong)
{
	if (!f->kind_is_known || (call->builtin && f->untyped && f->kind == TOOL_FUNCTION))
		return 0;
	if (call->kind_is_known && (f->kind != call->kind || f->builtin != call->builtin)) {
		*ret_wrong = "a tool call changed its type";
		return -EPROTO;
	}
	call->kind = f->kind;
	call->builtin = f->builtin;
	call->kind_is_known = true;
	return 0;
}

int toolcalls_feed(struct toolcalls *t, struct assembling *call, const struct call_fragment *f,
        const struct request_facts *facts, const char **ret_wrong)
{
	int r = feed_kind(call, f, ret_wrong);

	if (r)
		return r;
	if (f->id.len && buf_len(&call->id) && !slice_equals(f->id, buf_slice(&call->id))) {
		*ret_wrong = "a tool call changed its id";
		return -EPROTO;
	}
	if (f->id.len && !buf_len(&call->id))
		r = put(t, &call->id, f->id, ret_wrong);
	if (!r && f->name.len)
		r = feed_name(t, call, f->name, facts, ret_wrong);
	if (!r && f->arguments.len)
		r = put(t, &call->arguments, f->arguments, ret_wrong);
	return r;
}

struct assembling *toolcalls_of(struct toolcalls *t, uint32_t choice, unsigned *ret_n)
{
	unsigned first = 0, end;

	while (first < t->n && t->list[first].choice < choice)
		first++;
	for (end = first; end < t->n && t->list[end].choice == choice; end++)
		;
	*ret_n = end - first;
	return end > first ? &t->list[first] : NULL;
}

int toolcall_builtin_name(struct arena *arena, struct slice name, struct slice *ret)
{
	const struct slice type = SLICE(BUILTIN_TYPE ":");
	char *whole = arena_alloc(arena, type.len + name.len);

	if (!whole)
		return -ENOMEM;
	memcpy(whole, type.at, type.len);
	if (name.len)
		memcpy(whole + type.len, name.at, name.len);
	*ret = slice_from(whole, type.len + name.len);
	return 0;
}

int toolcall_copy(const struct assembling *call, struct arena *arena, struct toolcall **ret)
{
	struct toolcall *c = arena_zalloc(arena, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->kind = call->kind;
	c->choice = call->choice;
	c->index = call->index;
	if (call->builtin) {
		if (toolcall_builtin_name(arena, buf_slice(&call->name), &c->name))
			return -ENOMEM;
	} else {
		c->name = arena_dup(arena, buf_slice(&call->name));
	}
	c->id = arena_dup(arena, buf_slice(&call->id));
	c->arguments = arena_dup(arena, buf_slice(&call->arguments));
	if (!c->name.at || !c->id.at || !c->arguments.at)
		return -ENOMEM;
	*ret = c;
	return 0;
}

unsigned toolcalls_rank(struct toolcalls *t, uint32_t choice)
{
	unsigned n, rank = 0, released = 0;
	struct assembling *calls = toolcalls_of(t, choice, &n);

	for (unsigned i = 0; i < n; i++) {
		calls[i].rank = rank;
		released += !calls[i].denied;
		rank += !calls[i].denied && !calls[i].legacy;
	}
	return released;
}

void toolcalls_drop(struct toolcalls *t, uint32_t choice)
{
	unsigned n, first;
	struct assembling *calls = toolcalls_of(t, choice, &n);

	if (!calls)
		return;
	first = (unsigned)(calls - t->list);
	for (unsigned i = 0; i < n; i++) {
		t->held -= buf_len(&calls[i].id) + buf_len(&calls[i].name) +
		           buf_len(&calls[i].arguments);
		call_finish(&calls[i]);
	}
	t->n -= n;
	memmove(calls, calls + n, (t->n - first) * sizeof(*calls));
}
