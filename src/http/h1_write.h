/* SPDX-License-Identifier: Apache-2.0 */
/* h1_write: heads and content as HTTP/1.1 bytes in a gather. Fields that belong to one connection
 * are the writer's own: it leaves out those of the head it is given and writes Content-Length,
 * Transfer-Encoding and Connection itself. A head that would break its lines (CR, LF, NUL in a
 * value or target) is refused. */
#pragma once
#include "base/gather.h"
#include "weir/head.h"

struct h1_writer {
	enum framing framing;
	uint64_t left; /* FRAMING_LENGTH: bytes still to come */
	bool mute;     /* content is left out: an answer to HEAD, 204, 304 */
	bool open;     /* a head was written, its message is not complete */
	bool whole;    /* the message is complete */
};

/* How an answer is written depends on what was asked. */
struct h1_asked {
	enum method method;
	uint8_t minor;
	bool keep_alive; /* the connection goes on afterwards */
};

/* 0; -ENOMEM, -ENOBUFS; -EINVAL: the head cannot be written; -EPROTO: content does not fit the
 * head. An answer's framing follows from head->framing: CHUNKED and CLOSE become chunks, or for
 * HTTP/1.0 bytes until the connection's end, in which case ret_close is set. */
int h1_write_request(struct h1_writer *w, struct gather *out, const struct head *h, bool last);
int h1_write_answer(struct h1_writer *w, struct gather *out, const struct head *h,
        const struct h1_asked *asked, bool last, bool *ret_close);
/* Short content is copied, longer content is lent. One call makes one chunk. */
int h1_write_data(
        struct h1_writer *w, struct gather *out, const struct slice *data, unsigned n, bool last);
int h1_write_interim(struct gather *out, unsigned status);
