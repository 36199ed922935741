/* SPDX-License-Identifier: Apache-2.0 */
/* buf: growth and the puts. cap never passes max, so room that is there is also allowed. */
#include "base/buf.h"
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/decimal.h"
#include "base/mem.h"

#define BUF_MIN 256u

void buf_finish(struct buf *b)
{
	if (b->mem)
		mem_free(b->mem);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b->mem)
		explicit_bzero(b->mem, b->cap);
	buf_finish(b);
}

static int buf_grow(struct buf *b, size_t need)
{
	size_t len = buf_len(b);
	size_t cap = b->cap < b->max / 2 ? b->cap * 2 : b->max;
	char *mem;

	if (cap < BUF_MIN)
		cap = BUF_MIN < b->max ? BUF_MIN : b->max;
	if (cap < need)
		cap = need;
	if (!b->start) {
		mem = mem_realloc(b->mem, cap);
		if (!mem)
			return -ENOMEM;
	} else {
		mem = mem_alloc(cap);
		if (!mem)
			return -ENOMEM;
		memcpy(mem, b->mem + b->start, len);
		mem_free(b->mem);
	}
	*b = (struct buf){.mem = mem, .end = len, .cap = cap, .max = b->max};
	return 0;
}

/* Moving the bytes to the front pays when at least as many were taken; otherwise memory is doubled
 * while the ceiling allows it, so that a queue that is put to and taken from in small steps does
 * not move all of it at each step. */
int buf_reserve(struct buf *b, size_t more)
{
	size_t len = buf_len(b);

	if (more <= b->cap - b->end)
		return 0;
	if (more > b->max || len > b->max - more)
		return -ENOBUFS;
	if (len + more > b->cap || (b->start < len && b->cap < b->max))
		return buf_grow(b, len + more);
	memmove(b->mem, b->mem + b->start, len);
	b->start = 0;
	b->end = len;
	return 0;
}

int buf_put(struct buf *b, const void *at, size_t len)
{
	if (__builtin_expect(len > b->cap - b->end, 0)) {
		int r = buf_reserve(b, len);

		if (r)
			return r;
	}
	if (len) {
		memcpy(b->mem + b->end, at, len);
		b->end += len;
	}
	return 0;
}

int buf_put_slice(struct buf *b, struct slice s)
{
	return buf_put(b, s.at, s.len);
}

int buf_put_str(struct buf *b, const char *str)
{
	return buf_put(b, str, strlen(str));
}

int buf_put_part(struct buf *b, struct slice s)
{
	uint64_t len = s.len;
	int r = s.len < SIZE_MAX - sizeof(len) ? buf_reserve(b, sizeof(len) + s.len) : -ENOBUFS;

	if (r)
		return r;
	buf_put(b, &len, sizeof(len));
	return buf_put_slice(b, s);
}

int buf_put_char(struct buf *b, char c)
{
	if (b->end == b->cap) {
		int r = buf_reserve(b, 1);

		if (r)
			return r;
	}
	b->mem[b->end++] = c;
	return 0;
}

int buf_put_u64(struct buf *b, uint64_t n)
{
	char text[DECIMAL_MAX];

	return buf_put(b, text, decimal_put(n, text));
}

/* vsnprintf wants room for a NUL that the ceiling need not have, so the text is made elsewhere
 * first. */
int buf_printf(struct buf *b, const char *format, ...)
{
	char few[512], *text = few;
	va_list args;
	int len, r = -ENOMEM;

	va_start(args, format);
	len = vsnprintf(few, sizeof(few), format, args);
	va_end(args);
	if (len < 0)
		return -ENOMEM;
	if ((size_t)len >= sizeof(few)) {
		text = mem_alloc((size_t)len + 1);
		if (!text)
			return -ENOMEM;
		va_start(args, format);
		len = vsnprintf(text, (size_t)len + 1, format, args);
		va_end(args);
	}
	if (len >= 0)
		r = buf_put(b, text, (size_t)len);
	if (text != few)
		mem_free(text);
	return r;
}

void buf_take(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->start += len;
	if (b->start == b->end)
		buf_clear(b);
}

void buf_clear(struct buf *b)
{
	b->start = b->end = 0;
}

void buf_truncate(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->end = b->start + len;
}
