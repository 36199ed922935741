/* SPDX-License-Identifier: Apache-2.0 */
/* h1_write: a head is put together where the gather has room for it, looked over, and only then
 * made part of it. */
#include "http/h1_write.h"
#include <errno.h>
#include "http/chars.h"

#define SHORT_DATA 1024u   /* content up to here is copied: cheaper than three segments */
#define FRAMING_LINES 160u /* room for all that the writer adds by itself */
#define SIZE_LINE 18u      /* of a chunk, with CRLF */

#define BIT(id) (UINT64_C(1) << HEADER_##id)

/* The connection's own: never copied from the head that is given. */
#define OWN                                                                                        \
	(BIT(CONNECTION) | BIT(CONTENT_LENGTH) | BIT(EXPECT) | BIT(HTTP2_SETTINGS) |               \
	        BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) | BIT(TE) | BIT(TRAILER) |                 \
	        BIT(TRANSFER_ENCODING) | BIT(UPGRADE))

/* Writes without asking for room: head_room has counted. */
struct pen {
	char *at;
	unsigned lines;
};

static inline void pen_put(struct pen *p, const char *at, size_t len)
{
	memcpy(p->at, at, len);
	p->at += len;
}

#define PEN_PUT(p, literal) pen_put((p), (literal), sizeof(literal) - 1)

static inline void pen_slice(struct pen *p, struct slice s)
{
	bytes_copy(p->at, s.at, s.len);
	p->at += s.len;
}

static void pen_number(struct pen *p, uint64_t n)
{
	char digits[20];
	unsigned i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	pen_put(p, digits + i, sizeof(digits) - i);
}

static inline void pen_line(struct pen *p)
{
	PEN_PUT(p, "\r\n");
	p->lines++;
}

static void pen_fields(struct pen *p, const struct head *h)
{
	for (unsigned i = 0; i < h->n_headers; i++) {
		const struct header *field = &h->headers[i];

		if (UINT64_C(1) << field->id & OWN)
			continue;
		pen_slice(p, field->name);
		PEN_PUT(p, ": ");
		pen_slice(p, field->value);
		pen_line(p);
	}
}

static void pen_length(struct pen *p, uint64_t length)
{
	PEN_PUT(p, "content-length: ");
	pen_number(p, length);
	pen_line(p);
}

static void pen_chunked(struct pen *p)
{
	PEN_PUT(p, "transfer-encoding: chunked");
	pen_line(p);
}

static size_t head_room(const struct head *h)
{
	size_t room = FRAMING_LINES + h->method_text.len + h->target.len;

	for (unsigned i = 0; i < h->n_headers; i++)
		room += h->headers[i].name.len + h->headers[i].value.len + 4;
	return room;
}

/* A value that brought its own line end would be a field that nobody judged. */
static bool pen_is_clean(const struct pen *p, const char *from)
{
	return chars_are_lines(slice_from(from, (size_t)(p->at - from)), p->lines);
}

typedef void head_pen(struct pen *p, const struct head *h, const void *how);

static int head_write(struct gather *out, const struct head *h, head_pen *pen, const void *how)
{
	struct pen p = {.at = gather_room(out, head_room(h))};
	const char *from = p.at;

	if (!from)
		return out->error;
	pen(&p, h, how);
	if (!pen_is_clean(&p, from))
		return -EINVAL;
	gather_wrote(out, (size_t)(p.at - from));
	return out->error;
}

/* Settles how content is framed. A message that ends with its head has no content, whatever the
 * head's framing says. */
static int writer_begin(
        struct h1_writer *w, enum framing framing, uint64_t length, bool mute, bool last)
{
	if (last && !mute && framing == FRAMING_LENGTH && length)
		return -EPROTO;
	w->framing = last && framing != FRAMING_LENGTH ? FRAMING_NONE : framing;
	w->left = framing == FRAMING_LENGTH ? length : 0;
	w->mute = mute;
	w->open = !last;
	w->whole = last;
	return 0;
}

static bool method_has_content(enum method method)
{
	return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH;
}

static void pen_request(struct pen *p, const struct head *h, const void *how)
{
	const struct h1_writer *w = how;

	pen_slice(p, h->method_text);
	PEN_PUT(p, " ");
	pen_slice(p, h->target);
	PEN_PUT(p, " HTTP/1.1");
	pen_line(p);
	pen_fields(p, h);
	if (w->framing == FRAMING_CHUNKED)
		pen_chunked(p);
	else if (w->framing == FRAMING_LENGTH || method_has_content(h->method))
		pen_length(p, w->left);
	if (!h->keep_alive) {
		PEN_PUT(p, "connection: close");
		pen_line(p);
	}
	pen_line(p);
}

int h1_write_request(struct h1_writer *w, struct gather *out, const struct head *h, bool last)
{
	enum framing framing = h->framing == FRAMING_CLOSE ? FRAMING_CHUNKED : h->framing;
	int r;

	if (!h->method_text.len || !chars_are(h->method_text, CHAR_TOKEN) ||
	        slice_is(h->method_text, "CONNECT") || !h->target.len ||
	        !chars_are(h->target, CHAR_TARGET))
		return -EINVAL;
	r = writer_begin(w, framing, h->length, false, last);
	return r ? r : head_write(out, h, pen_request, w);
}

struct answer {
	const struct h1_writer *writer;
	const struct h1_asked *asked;
	bool close;
};

/* What an answer without content says about the content that it does not have. */
static void pen_muted_length(struct pen *p, const struct head *h)
{
	struct slice given = head_value(h, HEADER_CONTENT_LENGTH);

	if (h->status == 204)
		return;
	if (h->framing == FRAMING_LENGTH) {
		pen_length(p, h->length);
	} else if (given.at) {
		PEN_PUT(p, "content-length: ");
		pen_slice(p, given);
		pen_line(p);
	}
}

static void pen_answer(struct pen *p, const struct head *h, const void *how)
{
	const struct answer *a = how;

	PEN_PUT(p, "HTTP/1.1 ");
	pen_number(p, h->status);
	PEN_PUT(p, " ");
	pen_slice(p, slice_str(status_phrase(h->status)));
	pen_line(p);
	pen_fields(p, h);
	if (a->writer->mute)
		pen_muted_length(p, h);
	else if (a->writer->framing == FRAMING_CHUNKED)
		pen_chunked(p);
	else if (a->writer->framing != FRAMING_CLOSE)
		pen_length(p, a->writer->left);
	if (a->close) {
		PEN_PUT(p, "connection: close");
		pen_line(p);
	} else if (!a->asked->minor) {
		PEN_PUT(p, "connection: keep-alive");
		pen_line(p);
	}
	pen_line(p);
}

int h1_write_answer(struct h1_writer *w, struct gather *out, const struct head *h,
        const struct h1_asked *asked, bool last, bool *ret_close)
{
	enum framing framing = h->framing;
	bool mute = asked->method == METHOD_HEAD || h->status == 204 || h->status == 304;
	struct answer a = {.writer = w, .asked = asked, .close = !asked->keep_alive};
	int r;

	if (h->status < 200 || h->status > 599)
		return -EINVAL;
	if (framing == FRAMING_CHUNKED || framing == FRAMING_CLOSE)
		framing = asked->minor ? FRAMING_CHUNKED : FRAMING_CLOSE;
	r = writer_begin(w, framing, h->length, mute, last);
	if (r)
		return r;
	a.close |= w->framing == FRAMING_CLOSE && !mute;
	r = head_write(out, h, pen_answer, &a);
	if (!r)
		*ret_close = a.close;
	return r;
}

int h1_write_interim(struct gather *out, unsigned status)
{
	char line[64];
	struct pen p = {.at = line};

	if (status < 100 || status > 199 || status == 101)
		return -EINVAL;
	PEN_PUT(&p, "HTTP/1.1 ");
	pen_number(&p, status);
	PEN_PUT(&p, " ");
	pen_slice(&p, slice_str(status_phrase(status)));
	PEN_PUT(&p, "\r\n\r\n");
	gather_copy(out, slice_from(line, (size_t)(p.at - line)));
	return out->error;
}

static size_t slices_len(const struct slice *data, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += data[i].len;
	return len;
}

static void pen_chunk_size(struct pen *p, size_t len)
{
	char digits[16];
	unsigned i = sizeof(digits);

	do
		digits[--i] = "0123456789abcdef"[len & 15];
	while (len >>= 4);
	pen_put(p, digits + i, sizeof(digits) - i);
	PEN_PUT(p, "\r\n");
}

/* What stands behind the content of one call. */
static void pen_chunk_end(struct pen *p, size_t len, bool last)
{
	if (len)
		PEN_PUT(p, "\r\n");
	if (last)
		PEN_PUT(p, "0\r\n\r\n");
}

static void write_short(
        struct gather *out, const struct slice *data, unsigned n, size_t len, bool chunk, bool last)
{
	struct pen p = {.at = gather_room(out, SIZE_LINE + len + 8)};
	const char *from = p.at;

	if (!from)
		return;
	if (chunk && len)
		pen_chunk_size(&p, len);
	for (unsigned i = 0; i < n; i++)
		pen_slice(&p, data[i]);
	if (chunk)
		pen_chunk_end(&p, len, last);
	gather_wrote(out, (size_t)(p.at - from));
}

static void write_long(
        struct gather *out, const struct slice *data, unsigned n, size_t len, bool chunk, bool last)
{
	char line[SIZE_LINE + 8];
	struct pen p = {.at = line};

	if (chunk) {
		pen_chunk_size(&p, len);
		gather_copy(out, slice_from(line, (size_t)(p.at - line)));
	}
	for (unsigned i = 0; i < n; i++)
		gather_lend(out, data[i]);
	if (chunk) {
		p.at = line;
		pen_chunk_end(&p, len, last);
		gather_copy(out, slice_from(line, (size_t)(p.at - line)));
	}
}

int h1_write_data(
        struct h1_writer *w, struct gather *out, const struct slice *data, unsigned n, bool last)
{
	size_t len = slices_len(data, n);

	if (!w->open)
		return -EPIPE;
	if (w->mute) {
		len = n = 0;
	} else if (w->framing == FRAMING_LENGTH) {
		if (len > w->left || (last && len < w->left))
			return -EPROTO;
		w->left -= len;
	} else if (w->framing == FRAMING_NONE && len) {
		return -EPROTO;
	}
	w->open = !last;
	w->whole = last;
	if (len <= SHORT_DATA)
		write_short(out, data, n, len, w->framing == FRAMING_CHUNKED && !w->mute, last);
	else
		write_long(out, data, n, len, w->framing == FRAMING_CHUNKED, last);
	return out->error;
}
