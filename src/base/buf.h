/* SPDX-License-Identifier: Apache-2.0 */
/* buf: a growing byte queue with a ceiling given at birth. Bytes are put at the end and taken from the front;
 * what is in it is always one run in memory. Its memory is owned; slices of it live until the next put. */
#pragma once
#include "base/slice.h"

struct buf {
	char *mem;    /* owned; NULL while nothing was ever put */
	size_t start; /* first byte that was not taken */
	size_t end;   /* one past the last byte */
	size_t cap;   /* bytes of mem */
	size_t max;   /* ceiling for end - start */
};

#define BUF_INIT(ceiling) {.max = (ceiling)}

static inline void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

static inline char *buf_at(const struct buf *b)
{
	return b->mem ? b->mem + b->start : NULL;
}

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->mem ? b->mem + b->start : "", b->end - b->start};
}

void buf_finish(struct buf *b); /* frees the memory; the ceiling stays, so it can be used again */
void buf_wipe(struct buf *b);   /* overwrites, then frees: for secrets */
/* All of these: 0, -ENOMEM, or -ENOBUFS when the ceiling would be passed; the buffer is unchanged then. */
int buf_reserve(struct buf *b, size_t more); /* afterwards buf_room(b) >= more */
int buf_put(struct buf *b, const void *at, size_t len);
int buf_put_slice(struct buf *b, struct slice s);
int buf_put_str(struct buf *b, const char *str);
/* With its length before it (8 bytes, this machine's), so that no two lists of parts look alike. */
int buf_put_part(struct buf *b, struct slice s);
int buf_put_char(struct buf *b, char c);
int buf_put_u64(struct buf *b, uint64_t n); /* decimal */
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_take(struct buf *b, size_t len); /* drops len bytes from the front */
void buf_clear(struct buf *b);            /* drops all; keeps the memory */
void buf_truncate(struct buf *b, size_t len); /* keeps only the first len bytes */

static inline size_t buf_room(const struct buf *b)
{
	return b->cap - b->end;
}

static inline char *buf_tail(const struct buf *b)
{
	return b->mem ? b->mem + b->end : NULL;
}

/* After writing len bytes at buf_tail() within buf_room(). */
static inline void buf_commit(struct buf *b, size_t len)
{
	b->end += len;
}
