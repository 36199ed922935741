/* SPDX-License-Identifier: Apache-2.0 */
/* reply: what a Redis server says, read by hiredis out of bytes cut anywhere. A view stands until
 * the next one is asked for. Text, elements and depth have ceilings; beyond them, and where the
 * grammar is broken, the connection is of no use any more. */
#pragma once
#include "base/arena.h"

#define REPLY_BYTES_MAX (16u << 20)   /* text of one reply, and bytes that wait to be read */
#define REPLY_VALUES_MAX (256u << 10) /* values in one reply, lists included */
#define REPLY_DEPTH_MAX 7u            /* lists in lists; what the oldest hiredis can do */

enum reply_type {
	REPLY_NIL,
	REPLY_TEXT,
	REPLY_STATUS,
	REPLY_ERROR,
	REPLY_INTEGER,
	REPLY_LIST,
};

struct redis_reply {
	enum reply_type type;
	uint32_t n;               /* values of a list */
	int64_t integer;          /* of an integer */
	struct slice text;        /* of a text, a status, an error */
	struct redis_reply *list; /* of a list */
};

struct redisReader;
struct reply_reader {
	struct redisReader *core; /* owned: hiredis's */
	struct arena arena;       /* texts and lists of the reply that is being read or looked at */
	struct redis_reply root;
	size_t bytes;
	unsigned values;
	int error;  /* why a value was refused */
	bool whole; /* root has been handed out */
};

int reply_reader_init(struct reply_reader *r); /* 0 or -ENOMEM */
void reply_reader_finish(struct reply_reader *r);
/* Copies in. 0, -ENOMEM, -EMSGSIZE (more waits than a reply may have). */
int reply_reader_feed(struct reply_reader *r, struct slice in);
/* 1: *ret is the next reply, borrowed until the next call here; 0: more bytes are needed; -EPROTO,
 * -EMSGSIZE, -ENOMEM: nothing can be read any more. */
int reply_reader_next(struct reply_reader *r, const struct redis_reply **ret);

/* A copy in one piece of memory, to be given to mem_free. 0 or -ENOMEM. */
int reply_copy(const struct redis_reply *r, struct redis_reply **ret);
/* NULL when the list has no such value, or r is no list. */
const struct redis_reply *reply_at(const struct redis_reply *r, unsigned i);
/* The text of a text or status, else empty. */
struct slice reply_text(const struct redis_reply *r);
