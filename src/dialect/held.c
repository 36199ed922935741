/* SPDX-License-Identifier: Apache-2.0 */
/* held: a record is a header and the bytes between what it shares with the event before it at both
 * ends. */
#include "dialect/held.h"
#include <errno.h>

#define EVENT_MAX (1u << 30)

struct record {
	uint32_t owner, prefix, suffix, middle; /* middle: bytes that follow */
	uint32_t taken;                         /* 0 or 1; no padding */
};

void held_init(struct held *h, size_t max)
{
	*h = (struct held){.records = BUF_INIT(max), .last = BUF_INIT(EVENT_MAX)};
}

void held_finish(struct held *h)
{
	buf_finish(&h->records);
	buf_finish(&h->last);
}

static struct record record_between(struct slice last, struct slice event)
{
	size_t most = last.len < event.len ? last.len : event.len;
	size_t prefix = 0, suffix = 0;

	while (prefix < most && last.at[prefix] == event.at[prefix])
		prefix++;
	while (suffix < most - prefix &&
	        last.at[last.len - 1 - suffix] == event.at[event.len - 1 - suffix])
		suffix++;
	return (struct record){.prefix = (uint32_t)prefix,
	        .suffix = (uint32_t)suffix,
	        .middle = (uint32_t)(event.len - prefix - suffix)};
}

/* last becomes the event: its two ends stay, what lies between is replaced. */
static int unfold(struct buf *last, const struct record *r, const char *middle)
{
	size_t len = buf_len(last), more = r->middle;
	char *at;
	int error = buf_reserve(last, more + r->suffix);

	if (error)
		return error;
	at = buf_at(last);
	memmove(at + r->prefix + r->middle, at + len - r->suffix, r->suffix);
	if (r->middle)
		memcpy(at + r->prefix, middle, r->middle);
	last->end = last->start + r->prefix + r->middle + r->suffix;
	return 0;
}

int held_put(struct held *h, uint32_t owner, struct slice event)
{
	struct record record = record_between(buf_slice(&h->last), event);
	size_t before = buf_len(&h->records);
	int r;

	if (h->unfolded + event.len > HELD_UNFOLDED_MAX)
		return -ENOBUFS;
	record.owner = owner;
	r = buf_put(&h->records, &record, sizeof(record));
	if (!r && record.middle)
		r = buf_put(&h->records, event.at + record.prefix, record.middle);
	if (!r)
		r = unfold(&h->last, &record, event.at + record.prefix);
	if (r) {
		buf_truncate(&h->records, before);
		return r;
	}
	h->unfolded += event.len;
	h->n++;
	return 0;
}

/* The next record; its header is copied since nothing aligns it. */
static size_t record_at(const struct held *h, size_t at, struct record *ret)
{
	memcpy(ret, buf_at(&h->records) + at, sizeof(*ret));
	return at + sizeof(*ret);
}

static unsigned count_of(const struct held *h, uint32_t owner, size_t *ret_len)
{
	struct record r;
	unsigned n = 0;

	*ret_len = 0;
	for (size_t at = 0; at < buf_len(&h->records); at += r.middle) {
		at = record_at(h, at, &r);
		if (r.taken || r.owner != owner)
			continue;
		*ret_len += (size_t)r.prefix + r.middle + r.suffix;
		n++;
	}
	return n;
}

static void forget(struct held *h, uint32_t owner, unsigned n, size_t len)
{
	struct record r;

	h->n -= n;
	h->unfolded -= len;
	for (size_t at = 0, body; at < buf_len(&h->records); at = body + r.middle) {
		body = record_at(h, at, &r);
		if (r.owner == owner) {
			r.taken = 1;
			memcpy(buf_at(&h->records) + at, &r, sizeof(r));
		}
	}
	if (!h->n) {
		buf_clear(&h->records);
		buf_clear(&h->last);
	}
}

int held_take(
        struct held *h, uint32_t owner, struct arena *arena, struct slice **ret, unsigned *ret_n)
{
	size_t len;
	unsigned n = count_of(h, owner, &len), i = 0;
	struct buf event = BUF_INIT(EVENT_MAX);
	struct slice *events = arena_alloc(arena, n * sizeof(*events));
	char *to = events ? arena_alloc(arena, len) : NULL;
	struct record r;
	int error = to ? 0 : -ENOMEM;

	for (size_t at = 0; !error && i < n; at += r.middle) {
		at = record_at(h, at, &r);
		error = unfold(&event, &r, buf_at(&h->records) + at);
		if (error || r.taken || r.owner != owner)
			continue;
		events[i] = slice_from(to, buf_len(&event));
		if (events[i].len)
			memcpy(to, buf_at(&event), events[i].len);
		to += events[i++].len;
	}
	buf_finish(&event);
	if (error)
		return -ENOMEM;
	forget(h, owner, n, len);
	*ret = events;
	*ret_n = n;
	return 0;
}
