/* SPDX-License-Identifier: Apache-2.0 */
/* peer: an HTTP/1 codec whose user answers every request at once (server) or asks once (client) and
 * remembers what was reported. For the tests of this folder and the fuzzers; included once a
 * program. */
#pragma once
#include <stdio.h>
#include "base/mem.h"
#include "http/h1.h"

struct peer {
	struct h1_codec codec;
	struct gather out;
	const struct h1_limits *limits;
	/* of what was reported */
	unsigned heads, messages, resets, interims, after_reset;
	enum fault fault;
	char note[160];
	struct buf body; /* of the first message */
	struct buf all;  /* of every message */
	char seen[2048]; /* the first message's head, one field a line */
	uint16_t status;
	bool whole;  /* the message is complete */
	bool closed; /* next() has said no, or a reset came */
	int error;
};

static inline void peer_see(struct peer *p, const struct head *h)
{
	size_t n = (size_t)snprintf(p->seen, sizeof(p->seen), "%.*s %.*s 1.%u %u %u %llu%s%s\n",
	        SLICE_FMT(h->method_text), SLICE_FMT(h->target), h->minor, h->status, h->framing,
	        (unsigned long long)h->length, h->keep_alive ? " keep" : "",
	        h->expects_continue ? " expects" : "");

	for (unsigned i = 0; i < h->n_headers && n < sizeof(p->seen); i++)
		n += (size_t)snprintf(p->seen + n, sizeof(p->seen) - n, "%.*s=%.*s\n",
		        SLICE_FMT(h->headers[i].name), SLICE_FMT(h->headers[i].value));
}

static inline void peer_whole(struct peer *p)
{
	p->whole = true;
	p->messages++;
}

static inline void peer_on_head(void *owner, uint32_t stream, struct head *h, bool last)
{
	struct peer *p = owner;

	(void)stream;
	p->after_reset += p->resets;
	p->status = h->status;
	if (!p->heads++)
		peer_see(p, h);
	if (last)
		peer_whole(p);
}

static inline void peer_on_data(void *owner, uint32_t stream, struct slice data)
{
	struct peer *p = owner;

	(void)stream;
	p->after_reset += p->resets;
	if (p->heads == 1)
		p->error |= buf_put_slice(&p->body, data);
	p->error |= buf_put_slice(&p->all, data);
}

static inline void peer_on_end(void *owner, uint32_t stream)
{
	struct peer *p = owner;

	(void)stream;
	p->after_reset += p->resets;
	peer_whole(p);
}

static inline void peer_on_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	struct peer *p = owner;

	(void)stream;
	p->after_reset += p->resets++;
	p->fault = why;
	snprintf(p->note, sizeof(p->note), "%s", note);
}

static inline void peer_on_interim(void *owner, uint32_t stream, unsigned status)
{
	struct peer *p = owner;

	(void)stream;
	(void)status;
	p->interims++;
}

static const struct codec_events peer_events = {
        .head = peer_on_head,
        .data = peer_on_data,
        .end = peer_on_end,
        .reset = peer_on_reset,
        .interim = peer_on_interim,
};

static inline void peer_init(struct peer *p, bool client, const struct h1_limits *limits)
{
	memset(p, 0, sizeof(*p));
	gather_init(&p->out, 16u << 20);
	buf_init(&p->body, 16u << 20);
	buf_init(&p->all, 16u << 20);
	if (client)
		h1_client_init(&p->codec, &peer_events, p, &p->out, limits);
	else
		h1_server_init(&p->codec, &peer_events, p, &p->out, limits);
}

static inline void peer_finish(struct peer *p)
{
	p->codec.base.ops->finish(&p->codec.base);
	gather_finish(&p->out);
	buf_finish(&p->body);
	buf_finish(&p->all);
}

/* Everything that was put out, in one run. */
static inline struct slice peer_out(struct peer *p)
{
	gather_keep(&p->out);
	return buf_slice(&p->out.own);
}

static inline int peer_answer(struct peer *p, unsigned status)
{
	struct codec *c = &p->codec.base;
	struct head h;
	int r;

	head_init(&h);
	h.status = (uint16_t)status;
	h.framing = FRAMING_LENGTH;
	h.length = 0;
	r = c->ops->put_head(c, p->codec.reader.stream, &h, true);
	head_finish(&h);
	return r;
}

/* The server's turn behind each feed: answers what is whole or was refused. */
static inline void peer_serve(struct peer *p)
{
	struct codec *c = &p->codec.base;

	if (p->closed)
		return;
	if (p->resets) {
		p->error |= peer_answer(p, fault_infos[p->fault].status);
		p->closed = !c->ops->next(c);
	} else if (p->whole) {
		p->whole = false;
		p->error |= peer_answer(p, 200);
		p->closed = !c->ops->next(c);
	}
}

static inline void peer_feed(struct peer *p, struct slice in)
{
	struct codec *c = &p->codec.base;

	while (in.len && !p->error) {
		size_t n = c->ops->feed(c, in);

		in = slice_skip(in, n);
		if (p->codec.client)
			return;
		peer_serve(p);
		if (!n && !p->whole && !p->resets && !in.len)
			return;
	}
}

static inline int peer_ask(struct peer *p, enum method method, const char *text)
{
	struct codec *c = &p->codec.base;
	struct head h;
	int r;

	head_init(&h);
	h.method = method;
	h.method_text = slice_str(text);
	h.target = SLICE("/v1/models");
	r = head_add_id(&h, HEADER_HOST, SLICE("weir.test"));
	if (!r)
		r = c->ops->put_head(c, 1, &h, true);
	head_finish(&h);
	return r;
}
