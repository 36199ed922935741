/* SPDX-License-Identifier: Apache-2.0 */
/* h1: HTTP/1.0 and 1.1 as a codec, for the side that is asked (server) and the side that asks
 * (client).
 *
 * What a user has to know beyond weir/codec.h:
 * - After head(last) there is no end. Hop-by-hop fields are gone from a head that is reported, and
 * so is Expect.
 * - Server: feed takes nothing between the end of a request and next(); where the connection will
 * close, it takes and drops everything instead, so that the answer can be read by the peer before
 * the close. After reset an answer may still be put; it says Connection: close.
 * - put_head: head->keep_alive false writes Connection: close. It speaks of this connection, so it
 * must be set anew in a head that is passed on from the other side. An answer that begins before
 * its request is whole also closes.
 * - Client: put_head begins an exchange under the stream number it is given. -EPIPE: the connection
 * is not at a message's beginning, or bytes came that nobody asked for.
 * - Further errors of the puts: -EINVAL (a head that cannot be written), -EPROTO (content and head
 * disagree), -EPIPE (no message is open). After an error next() says false.
 * - feed_end is called when everything before it was taken; next() says false afterwards. */
#pragma once
#include "http/h1_read.h"
#include "http/h1_write.h"

struct h1_codec {
	struct codec base;
	struct h1_reader reader;
	struct h1_writer writer;
	bool client;
	bool closing; /* not to be used again, for whatever reason */
	bool feeding; /* inside feed: next and finish are not for callbacks */
};

/* limits may be NULL: the defaults. They are borrowed, as are events and out. */
int h1_server_init(struct h1_codec *c, const struct codec_events *events, void *owner,
        struct gather *out, const struct h1_limits *limits);
int h1_client_init(struct h1_codec *c, const struct codec_events *events, void *owner,
        struct gather *out, const struct h1_limits *limits);
/* Between two messages: gives back the memory that would only speed up the next one. */
void h1_trim(struct h1_codec *c);
/* Client: has a byte of an answer come since put_head? (A connection that ends before was perhaps
 * idle too long.) */
bool h1_answer_has_begun(const struct h1_codec *c);
