/* SPDX-License-Identifier: Apache-2.0 */
/* h1_trace: what an HTTP/1 codec reports about bytes, written down, so that two ways of feeding it
 * can be compared. */
#pragma once
#include <assert.h>
#include "unit/http/peer.h"

struct trace {
	struct peer peer;
	struct buf text;
};

static void trace_head(void *owner, uint32_t stream, struct head *h, bool last)
{
	struct trace *t = owner;

	assert(!t->peer.resets);
	assert(!buf_printf(&t->text, "\nH%u %.*s %.*s %u %u %u %llu %d %d %d", stream,
	        SLICE_FMT(h->method_text), SLICE_FMT(h->target), h->minor, h->status, h->framing,
	        (unsigned long long)h->length, h->keep_alive, h->expects_continue, last));
	for (unsigned i = 0; i < h->n_headers; i++)
		assert(!buf_printf(&t->text, "\n%u %.*s=%.*s", h->headers[i].id,
		        SLICE_FMT(h->headers[i].name), SLICE_FMT(h->headers[i].value)));
	assert(!buf_put_str(&t->text, "\nD"));
	peer_on_head(&t->peer, stream, h, last);
}

static void trace_data(void *owner, uint32_t stream, struct slice data)
{
	struct trace *t = owner;

	(void)stream;
	assert(!t->peer.resets && data.len);
	assert(!buf_put_slice(&t->text, data));
}

static void trace_end(void *owner, uint32_t stream)
{
	struct trace *t = owner;

	assert(!t->peer.resets && !buf_put_str(&t->text, "\nE"));
	peer_on_end(&t->peer, stream);
}

/* A head that breaks a limit and a rule may be refused for either: which is seen first depends on
 * the cut. */
static enum fault fault_of_head(enum fault why)
{
	return why == FAULT_HEADER_TOO_LARGE || why == FAULT_TARGET_TOO_LONG ? FAULT_REQUEST_INVALID
	                                                                     : why;
}

static void trace_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	struct trace *t = owner;

	assert(why && why < FAULT_N && note && !t->peer.resets);
	assert(!buf_printf(&t->text, "\nR%u", fault_of_head(why)));
	peer_on_reset(&t->peer, stream, why, note);
}

static void trace_interim(void *owner, uint32_t stream, unsigned status)
{
	struct trace *t = owner;

	(void)stream;
	assert(!buf_printf(&t->text, "\nI%u", status));
}

static const struct codec_events trace_events = {
        .head = trace_head,
        .data = trace_data,
        .end = trace_end,
        .reset = trace_reset,
        .interim = trace_interim,
};

/* Small, so that short inputs reach them. */
static const struct h1_limits trace_limits = {
        .request_line = 64,
        .header_block = 256,
        .value = 100,
        .name = 16,
        .fields = 8,
        .leading_crlf = 2,
        .interims = 2,
        .chunk_extension = 8,
        .chunk_extensions = 20,
        .chunk_slack = 40,
        .chunk_ratio = 10,
        .trailers = 40,
};

static void trace_init(struct trace *t, bool client)
{
	peer_init(&t->peer, client, &trace_limits);
	buf_init(&t->text, 16u << 20);
	t->peer.codec.base.events = &trace_events;
	t->peer.codec.base.owner = t;
}

static void trace_finish(struct trace *t)
{
	assert(!t->peer.error);
	buf_finish(&t->text);
	peer_finish(&t->peer);
}

/* Each piece stands in memory of exactly its size. */
static void trace_feed(struct trace *t, struct slice in, size_t piece)
{
	while (in.len) {
		size_t n = piece && piece < in.len ? piece : in.len;
		char *copy = mem_alloc(n);

		assert(copy);
		memcpy(copy, in.at, n);
		peer_feed(&t->peer, slice_from(copy, n));
		mem_free(copy);
		in = slice_skip(in, n);
	}
}
