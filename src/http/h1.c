/* SPDX-License-Identifier: Apache-2.0 */
/* h1: a reader and a writer under one codec, and the one question that needs both: may the
 * connection be used again? */
#include "http/h1.h"
#include <assert.h>
#include <errno.h>

static inline struct h1_codec *h1_of(struct codec *c)
{
	return (struct h1_codec *)c;
}

/* Behind a message that is the connection's last one everything is dropped, unread by any parser.
 */
static size_t server_feed(struct codec *codec, struct slice in)
{
	struct h1_codec *c = h1_of(codec);
	size_t n;

	c->feeding = true;
	n = h1_reader_feed(&c->reader, in);
	c->feeding = false;
	if (c->reader.place == H1_BROKEN)
		c->closing = true;
	if (c->closing && (c->reader.place == H1_WHOLE || c->reader.place == H1_BROKEN))
		return in.len;
	return c->reader.place == H1_WHOLE && !c->reader.keep_alive ? in.len : n;
}

/* Bytes behind an answer are nobody's: they spoil the connection and are left where they are. */
static size_t client_feed(struct codec *codec, struct slice in)
{
	struct h1_codec *c = h1_of(codec);
	size_t n;

	c->feeding = true;
	n = h1_reader_feed(&c->reader, in);
	c->feeding = false;
	if (n < in.len || c->reader.place == H1_BROKEN)
		c->closing = true;
	return c->reader.place == H1_BROKEN ? in.len : n;
}

static void h1_feed_end(struct codec *codec)
{
	struct h1_codec *c = h1_of(codec);

	c->feeding = true;
	h1_reader_feed_end(&c->reader);
	c->feeding = false;
	c->closing = true;
}

/* A message that could not be written whole leaves the peer waiting in the middle of it. */
static int h1_wrote(struct h1_codec *c, int r)
{
	if (r)
		c->closing = true;
	return r;
}

static int server_put_head(struct codec *codec, uint32_t stream, const struct head *head, bool last)
{
	struct h1_codec *c = h1_of(codec);
	struct h1_asked asked = {
	        .method = c->reader.method,
	        .minor = c->reader.minor,
	        .keep_alive = head->keep_alive && c->reader.keep_alive && !c->closing &&
	                      c->reader.place == H1_WHOLE,
	};
	bool close = false;
	int r;

	(void)stream; /* there is only the one */
	if (c->writer.open || c->writer.whole)
		return h1_wrote(c, -EPIPE);
	r = h1_write_answer(&c->writer, codec->out, head, &asked, last, &close);
	c->closing |= close;
	return h1_wrote(c, r);
}

static int client_put_head(struct codec *codec, uint32_t stream, const struct head *head, bool last)
{
	struct h1_codec *c = h1_of(codec);

	if (c->closing || c->reader.place != H1_WHOLE || c->writer.open)
		return -EPIPE;
	c->writer = (struct h1_writer){0};
	h1_reader_start(&c->reader, stream, head->method);
	if (!head->keep_alive)
		c->closing = true;
	return h1_wrote(c, h1_write_request(&c->writer, codec->out, head, last));
}

static int h1_put_data(
        struct codec *codec, uint32_t stream, const struct slice *data, unsigned n, bool last)
{
	struct h1_codec *c = h1_of(codec);

	(void)stream; /* there is only the one */
	return h1_wrote(c, h1_write_data(&c->writer, codec->out, data, n, last));
}

/* Trailers are not sent: few readers of HTTP/1 expect them. The message ends. */
static int h1_put_trailers(struct codec *codec, uint32_t stream, const struct head *trailers)
{
	(void)trailers;
	return h1_put_data(codec, stream, NULL, 0, true);
}

static int h1_put_interim(struct codec *codec, uint32_t stream, unsigned status)
{
	struct h1_codec *c = h1_of(codec);

	assert(!c->client);
	(void)stream;
	if (!c->reader.minor || c->writer.open || c->writer.whole)
		return 0;
	return h1_wrote(c, h1_write_interim(codec->out, status));
}

static void h1_put_reset(struct codec *codec, uint32_t stream, enum fault why)
{
	struct h1_codec *c = h1_of(codec);

	(void)stream;
	(void)why;
	c->closing = true;
	c->writer.open = false;
	c->writer.whole = true;
	if (c->reader.place != H1_WHOLE)
		c->reader.place = H1_BROKEN;
}

static bool h1_is_between(const struct h1_codec *c)
{
	return !c->closing && c->writer.whole && c->reader.place == H1_WHOLE &&
	       c->reader.keep_alive;
}

static bool h1_next(struct codec *codec)
{
	struct h1_codec *c = h1_of(codec);

	assert(!c->feeding);
	if (!h1_is_between(c)) {
		c->closing = true;
		return false;
	}
	c->writer = (struct h1_writer){0};
	h1_reader_rest(&c->reader);
	if (!c->client)
		h1_reader_start(&c->reader, c->reader.stream + 1, METHOD_OTHER);
	return true;
}

static void h1_finish(struct codec *codec)
{
	struct h1_codec *c = h1_of(codec);

	assert(!c->feeding);
	h1_reader_finish(&c->reader);
}

static const struct codec_ops server_ops = {
        .name = "http/1.1",
        .feed = server_feed,
        .feed_end = h1_feed_end,
        .put_head = server_put_head,
        .put_data = h1_put_data,
        .put_trailers = h1_put_trailers,
        .put_interim = h1_put_interim,
        .put_reset = h1_put_reset,
        .next = h1_next,
        .finish = h1_finish,
};

static const struct codec_ops client_ops = {
        .name = "http/1.1",
        .feed = client_feed,
        .feed_end = h1_feed_end,
        .put_head = client_put_head,
        .put_data = h1_put_data,
        .put_trailers = h1_put_trailers,
        .put_interim = h1_put_interim,
        .put_reset = h1_put_reset,
        .next = h1_next,
        .finish = h1_finish,
};

static void h1_init(struct h1_codec *c, const struct codec_ops *ops,
        const struct codec_events *events, void *owner, struct gather *out)
{
	*c = (struct h1_codec){
	        .base = {.ops = ops, .events = events, .owner = owner, .out = out},
	        .client = ops == &client_ops,
	};
}

int h1_server_init(struct h1_codec *c, const struct codec_events *events, void *owner,
        struct gather *out, const struct h1_limits *limits)
{
	h1_init(c, &server_ops, events, owner, out);
	h1_reader_init(&c->reader, &c->base, false, limits ? limits : &h1_limits_default);
	h1_reader_start(&c->reader, 1, METHOD_OTHER);
	return 0;
}

int h1_client_init(struct h1_codec *c, const struct codec_events *events, void *owner,
        struct gather *out, const struct h1_limits *limits)
{
	h1_init(c, &client_ops, events, owner, out);
	h1_reader_init(&c->reader, &c->base, true, limits ? limits : &h1_limits_default);
	return 0;
}

void h1_trim(struct h1_codec *c)
{
	h1_reader_trim(&c->reader);
}

bool h1_answer_has_begun(const struct h1_codec *c)
{
	return c->reader.place != H1_START || c->reader.interims;
}
