/* SPDX-License-Identifier: Apache-2.0 */
/* reply: hiredis finds the values, these functions put them in an arena. A value belongs to the
 * list that its task's parent holds; a list grows as its values come, so that a claimed length
 * costs nothing. */
#include "store/redis/reply.h"
#include <errno.h>
#include <hiredis/hiredis.h>
#include "base/mem.h"

#define ARENA_MAX (4 * REPLY_BYTES_MAX)

/* The number of a list's values grew wider with hiredis 1.0. */
#if HIREDIS_MAJOR >= 1
typedef size_t list_size;
#else
typedef int list_size;
#endif

static void *refuse(struct reply_reader *r, int error)
{
	r->error = error;
	return NULL;
}

/* One more at the end of list; room for 2, 4, 8, …. What is given up stays in the arena till the
 * reply is over. */
static struct redis_reply *list_append(struct reply_reader *r, struct redis_reply *list)
{
	bool is_full = list->n < 2 ? list->n == 0 : !(list->n & (list->n - 1));

	if (is_full) {
		size_t cap = list->n ? 2 * (size_t)list->n : 2;
		struct redis_reply *more = arena_alloc(&r->arena, cap * sizeof(*more));

		if (!more)
			return refuse(r, -ENOMEM);
		if (list->n)
			memcpy(more, list->list, list->n * sizeof(*more));
		list->list = more;
	}
	return &list->list[list->n++];
}

static struct redis_reply *value_new(const redisReadTask *task, enum reply_type type)
{
	struct reply_reader *r = task->privdata;
	struct redis_reply *v;

	if (++r->values > REPLY_VALUES_MAX)
		return refuse(r, -EMSGSIZE);
	v = task->parent ? list_append(r, task->parent->obj) : &r->root;
	if (v)
		*v = (struct redis_reply){.type = type};
	return v;
}

static void *create_string(const redisReadTask *task, char *at, size_t len)
{
	struct reply_reader *r = task->privdata;
	enum reply_type type = task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
	                       : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
	                                                          : REPLY_TEXT;
	struct redis_reply *v;

	if (type == REPLY_TEXT && task->type != REDIS_REPLY_STRING)
		return refuse(r, -EPROTO);
	r->bytes += len;
	if (r->bytes > REPLY_BYTES_MAX)
		return refuse(r, -EMSGSIZE);
	v = value_new(task, type);
	if (!v)
		return NULL;
	v->text = arena_dup(&r->arena, slice_from(at, len));
	return v->text.at ? v : refuse(r, -ENOMEM);
}

static void *create_array(const redisReadTask *task, list_size n)
{
	struct reply_reader *r = task->privdata;
	unsigned depth = 1;

	for (const redisReadTask *up = task->parent; up; up = up->parent)
		depth++;
	if (task->type != REDIS_REPLY_ARRAY)
		return refuse(r, -EPROTO);
	if (depth > REPLY_DEPTH_MAX || (uint64_t)n > REPLY_VALUES_MAX)
		return refuse(r, -EMSGSIZE);
	return value_new(task, REPLY_LIST);
}

static void *create_integer(const redisReadTask *task, long long n)
{
	struct redis_reply *v = value_new(task, REPLY_INTEGER);

	if (v)
		v->integer = n;
	return v;
}

static void *create_nil(const redisReadTask *task)
{
	return value_new(task, REPLY_NIL);
}

/* The arena is what frees. */
static void free_object(void *object)
{
	(void)object;
}

#if HIREDIS_MAJOR >= 1
/* Of version 3 of the protocol, which nobody asked for. */
static void *create_double(const redisReadTask *task, double n, char *at, size_t len)
{
	(void)n;
	(void)at;
	(void)len;
	return refuse(task->privdata, -EPROTO);
}

static void *create_bool(const redisReadTask *task, int n)
{
	(void)n;
	return refuse(task->privdata, -EPROTO);
}
#endif

static redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_object,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
};

int reply_reader_init(struct reply_reader *r)
{
	*r = (struct reply_reader){.core = redisReaderCreateWithFunctions(&functions)};
	arena_init(&r->arena, ARENA_MAX);
	if (!r->core)
		return -ENOMEM;
	r->core->privdata = r;
	return 0;
}

void reply_reader_finish(struct reply_reader *r)
{
	if (r->core)
		redisReaderFree(r->core);
	r->core = NULL;
	arena_finish(&r->arena);
}

int reply_reader_feed(struct reply_reader *r, struct slice in)
{
	if (r->core->len - r->core->pos + in.len > REPLY_BYTES_MAX)
		return -EMSGSIZE;
	return redisReaderFeed(r->core, in.at, in.len) == REDIS_OK ? 0 : -ENOMEM;
}

static void reader_begin(struct reply_reader *r)
{
	arena_reset(&r->arena);
	r->root = (struct redis_reply){.type = REPLY_NIL};
	r->bytes = 0;
	r->values = 0;
	r->whole = false;
}

int reply_reader_next(struct reply_reader *r, const struct redis_reply **ret)
{
	void *object = NULL;

	if (r->error)
		return r->error;
	if (r->whole)
		reader_begin(r);
	if (redisReaderGetReply(r->core, &object) != REDIS_OK) {
		if (!r->error)
			r->error = r->core->err == REDIS_ERR_OOM ? -ENOMEM : -EPROTO;
		return r->error;
	}
	if (!object)
		return 0;
	r->whole = true;
	*ret = &r->root;
	return 1;
}

/* ---- what is done with one */

static size_t copy_size(const struct redis_reply *r)
{
	size_t size = sizeof(*r) + ((r->text.len + 8) & ~(size_t)7);

	for (unsigned i = 0; i < r->n; i++)
		size += copy_size(&r->list[i]);
	return size;
}

/* Lists stand before texts at each level, so that all stay aligned. */
static char *copy_into(struct redis_reply *to, const struct redis_reply *from, char *room)
{
	*to = *from;
	if (from->text.at) {
		if (from->text.len)
			memcpy(room, from->text.at, from->text.len);
		to->text.at = room;
		room[from->text.len] = 0;
		room += (from->text.len + 8) & ~(size_t)7;
	}
	if (!from->n)
		return room;
	to->list = (struct redis_reply *)(void *)room;
	room += from->n * sizeof(*to);
	for (unsigned i = 0; i < from->n; i++)
		room = copy_into(&to->list[i], &from->list[i], room);
	return room;
}

int reply_copy(const struct redis_reply *r, struct redis_reply **ret)
{
	struct redis_reply *copy = mem_alloc(copy_size(r));

	if (!copy)
		return -ENOMEM;
	copy_into(copy, r, (char *)(copy + 1));
	*ret = copy;
	return 0;
}

const struct redis_reply *reply_at(const struct redis_reply *r, unsigned i)
{
	return r && r->type == REPLY_LIST && i < r->n ? &r->list[i] : NULL;
}

struct slice reply_text(const struct redis_reply *r)
{
	return r && (r->type == REPLY_TEXT || r->type == REPLY_STATUS) ? r->text
	                                                               : (struct slice){0};
}
