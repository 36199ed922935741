/* SPDX-License-Identifier: Apache-2.0 */
/* codec: bytes in, events out; messages in, bytes out. It never touches a socket, and whoever uses one does not know
 * which HTTP version it speaks. HTTP/1 has one stream at a time, numbered from 1; trailers and answers that begin before
 * the request has ended are part of the contract although HTTP/1 here uses neither. */
#pragma once
#include "base/gather.h"
#include "weir/fault.h"
#include "weir/head.h"

struct codec_events {
	/* A whole head. Borrowed until next is called or the codec's end. last: nothing follows. */
	void (*head)(void *owner, uint32_t stream, struct head *head, bool last);
	/* Content, in order, unframed; of what one feed took, all at once: what is made of it costs more for each portion
	 * than for each byte. Borrowed: gone when feed returns. */
	void (*data)(void *owner, uint32_t stream, struct slice data);
	/* Trailers, before end; HTTP/1 reads and drops them, so this is never called for it. */
	void (*trailers)(void *owner, uint32_t stream, struct head *trailers);
	/* The message is whole. */
	void (*end)(void *owner, uint32_t stream);
	/* The stream (HTTP/1: the connection) cannot go on. why says what to answer on the server side; note is one
	 * sentence for the log. No event of the stream follows. */
	void (*reset)(void *owner, uint32_t stream, enum fault why, const char *note);
	/* Client side: an interim answer (1xx but 101) was read and dropped. */
	void (*interim)(void *owner, uint32_t stream, unsigned status);
};

struct codec;
struct codec_ops {
	const char *name; /* "http/1.1" */
	/* Takes bytes from the wire; returns how many it took. Fewer than given: it is paused, or between two messages
	 * (HTTP/1 server: the exchange has not ended; client: what follows the answer is surplus). Feed again later.
	 * What it took it may have written to: content is moved together over the framing between. The rest is as it was. */
	size_t (*feed)(struct codec *c, struct slice in);
	/* The peer has closed its side. An answer that ends with the connection ends here. */
	void (*feed_end)(struct codec *c);
	/* All puts: 0, or -ENOMEM, -ENOBUFS. data slices are lent to out until the end of the turn. */
	int (*put_head)(struct codec *c, uint32_t stream, const struct head *head, bool last);
	int (*put_data)(struct codec *c, uint32_t stream, const struct slice *data, unsigned n, bool last);
	int (*put_trailers)(struct codec *c, uint32_t stream, const struct head *trailers);
	int (*put_interim)(struct codec *c, uint32_t stream, unsigned status);
	void (*put_reset)(struct codec *c, uint32_t stream, enum fault why);
	/* The exchange of this stream has ended in both directions: the next message may be read. false: the connection
	 * cannot be used again and is to be closed once out is empty. */
	bool (*next)(struct codec *c);
	void (*finish)(struct codec *c);
};

struct codec {
	const struct codec_ops *ops;
	const struct codec_events *events; /* borrowed */
	void *owner;                       /* borrowed: handed to every event */
	struct gather *out;                /* borrowed: the wire's */
};
