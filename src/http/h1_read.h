/* SPDX-License-Identifier: Apache-2.0 */
/* h1_read: one side of a connection as a row of messages, reported through the codec's events. It
 * stops behind each message until it is started again, so bytes that follow are never read by
 * mistake. */
#pragma once
#include "http/h1_chunk.h"
#include "http/h1_collect.h"
#include "weir/codec.h"

enum h1_place {
	H1_WHOLE, /* between two messages: the last one is complete, the next one not yet wanted */
	H1_START, /* waiting for the first byte */
	H1_HEAD,
	H1_LENGTH,
	H1_CHUNKS,
	H1_TO_END, /* content until the connection ends */
	H1_BROKEN, /* reset was reported */
};

struct h1_reader {
	struct codec *codec; /* borrowed: whose events are called */
	struct head head;    /* owned: of the message that is being read, or was last; its user may
	                        edit it */
	const struct h1_limits *limits; /* borrowed */
	union {
		struct h1_collect collect; /* in H1_START and H1_HEAD */
		struct chunks chunks;      /* in H1_CHUNKS */
		uint64_t left;             /* bytes of content in H1_LENGTH */
	};
	uint32_t stream;
	enum h1_place place;
	bool answers;      /* it reads answers, not requests */
	enum method asked; /* then: the request's method */
	/* of the head, as they were received */
	enum method method;
	uint8_t minor;
	bool keep_alive;
	unsigned leading; /* bytes of empty lines before a request line */
	unsigned interims;
};

void h1_reader_init(
        struct h1_reader *r, struct codec *codec, bool answers, const struct h1_limits *limits);
void h1_reader_finish(struct h1_reader *r);
/* From H1_WHOLE to H1_START. asked matters only where answers are read. */
void h1_reader_start(struct h1_reader *r, uint32_t stream, enum method asked);
size_t h1_reader_feed(struct h1_reader *r, struct slice in);
void h1_reader_feed_end(struct h1_reader *r);
/* The message is done with: the blocks it was read into go back to where they came from. */
void h1_reader_rest(struct h1_reader *r);
/* Lets go of memory that is kept between messages. */
void h1_reader_trim(struct h1_reader *r);
