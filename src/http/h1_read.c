/* SPDX-License-Identifier: Apache-2.0 */
/* h1_read: where in a message the reader stands, and what each place does with bytes. */
#include "http/h1_read.h"
#include <assert.h>
#include "http/framing.h"
#include "http/target.h"

const struct h1_limits h1_limits_default = {
        .request_line = 8u << 10,
        .header_block = 32u << 10,
        .value = 16u << 10,
        .name = 128,
        .fields = 100,
        .leading_crlf = 2,
        .interims = 8,
        .chunk_extension = 1u << 10,
        .chunk_extensions = 16u << 10,
        .chunk_slack = 16u << 10,
        .chunk_ratio = 10,
        .trailers = 4u << 10,
};

static __attribute__((cold)) void reader_break(
        struct h1_reader *r, enum fault fault, const char *note)
{
	r->place = H1_BROKEN;
	r->codec->events->reset(r->codec->owner, r->stream, fault, note);
}

static __attribute__((cold)) void reader_malformed(struct h1_reader *r, const char *note)
{
	reader_break(r, r->answers ? FAULT_UPSTREAM_MALFORMED : FAULT_REQUEST_INVALID, note);
}

void h1_reader_init(
        struct h1_reader *r, struct codec *codec, bool answers, const struct h1_limits *limits)
{
	*r = (struct h1_reader){
	        .codec = codec, .limits = limits, .answers = answers, .place = H1_WHOLE};
	head_init(&r->head);
}

void h1_reader_finish(struct h1_reader *r)
{
	head_finish(&r->head);
}

void h1_reader_rest(struct h1_reader *r)
{
	head_give_memory(&r->head, r->codec->out->stock);
}

void h1_reader_trim(struct h1_reader *r)
{
	size_t max = r->head.block.max;

	if (r->place != H1_WHOLE && r->place != H1_START)
		return;
	head_finish(&r->head);
	r->head.block.max = max;
}

void h1_reader_start(struct h1_reader *r, uint32_t stream, enum method asked)
{
	assert(r->place == H1_WHOLE);
	r->place = H1_START;
	r->stream = stream;
	r->asked = asked;
	r->leading = 0;
	r->interims = 0;
	r->method = METHOD_OTHER;
	r->minor = 1;
	r->keep_alive = false;
	h1_collect_start(&r->collect, &r->head, r->answers, r->limits);
}

/* Empty lines before a request line are an old habit of some clients; two are borne. */
static size_t read_start(struct h1_reader *r, struct slice in)
{
	char byte = in.at[0];
	bool half = r->leading % 2;

	if (r->answers || (byte != '\r' && !half)) {
		r->place = H1_HEAD;
		head_take_memory(&r->head, r->codec->out->stock);
		return 0;
	}
	if (byte != (half ? '\n' : '\r')) {
		reader_malformed(r, "A CR stands alone before the request line.");
		return 0;
	}
	if (++r->leading > 2 * r->limits->leading_crlf)
		reader_malformed(r, "There are too many empty lines before the request line.");
	return 1;
}

static enum h1_place place_of(const struct head *h)
{
	switch (h->framing) {
	case FRAMING_LENGTH:
		return h->length ? H1_LENGTH : H1_WHOLE;
	case FRAMING_CHUNKED:
		return H1_CHUNKS;
	case FRAMING_CLOSE:
		return H1_TO_END;
	default:
		return H1_WHOLE;
	}
}

static void head_report(struct h1_reader *r)
{
	struct head *h = &r->head;

	head_strip_hop_by_hop(h);
	r->place = place_of(h);
	r->keep_alive = h->keep_alive;
	if (r->place == H1_LENGTH)
		r->left = h->length;
	else if (r->place == H1_CHUNKS)
		chunks_init(&r->chunks, r->limits, r->answers);
	r->codec->events->head(r->codec->owner, r->stream, h, r->place == H1_WHOLE);
}

static void request_whole(struct h1_reader *r)
{
	const char *note = NULL;
	struct target target;
	enum fault fault = framing_of_request(&r->head, &note);

	if (!fault)
		fault = target_parse(
		        r->head.target, head_value(&r->head, HEADER_HOST), &target, &note);
	if (fault) {
		reader_break(r, fault, note);
		return;
	}
	r->head.path = target.path;
	r->head.query = target.query;
	r->head.key_in_query = target.has_key;
	head_report(r);
}

/* An interim answer is dropped and the next one awaited. */
static void interim_whole(struct h1_reader *r)
{
	const struct codec_events *events = r->codec->events;
	unsigned status = r->head.status;

	if (status == 101) {
		reader_malformed(r, "It changes the protocol, which nobody asked for.");
	} else if (++r->interims > r->limits->interims) {
		reader_malformed(r, "There are too many interim answers.");
	} else {
		h1_collect_start(&r->collect, &r->head, r->answers, r->limits);
		if (events->interim)
			events->interim(r->codec->owner, r->stream, status);
	}
}

static void answer_whole(struct h1_reader *r)
{
	const char *note = NULL;
	enum fault fault = framing_of_answer(&r->head, r->asked, &note);

	if (fault)
		reader_break(r, fault, note);
	else if (r->head.status < 200)
		interim_whole(r);
	else
		head_report(r);
}

static size_t read_head(struct h1_reader *r, struct slice in)
{
	bool whole = false;
	size_t n = h1_collect_feed(&r->collect, in, &whole);

	if (whole) {
		r->method = r->head.method;
		r->minor = r->head.minor;
	}
	if (r->collect.fault)
		reader_break(r, r->collect.fault, r->collect.note);
	else if (whole && r->answers)
		answer_whole(r);
	else if (whole)
		request_whole(r);
	return n;
}

static void report_end(struct h1_reader *r)
{
	r->place = H1_WHOLE;
	r->codec->events->end(r->codec->owner, r->stream);
}

static size_t read_length(struct h1_reader *r, struct slice in)
{
	if (in.len > r->left)
		in.len = r->left;
	r->left -= in.len;
	r->codec->events->data(r->codec->owner, r->stream, in);
	if (!r->left)
		report_end(r);
	return in.len;
}

static size_t read_chunks(struct h1_reader *r, struct slice in)
{
	struct slice rest = in, content;
	enum chunk_step step = chunks_read(&r->chunks, &rest, &content);

	if (content.len)
		r->codec->events->data(r->codec->owner, r->stream, content);
	if (step == CHUNK_END)
		report_end(r);
	else if (step == CHUNK_BAD)
		reader_malformed(r, r->chunks.note);
	return in.len - rest.len;
}

size_t h1_reader_feed(struct h1_reader *r, struct slice in)
{
	size_t all = in.len, n = 0;

	for (; in.len; in = slice_skip(in, n)) {
		switch (r->place) {
		case H1_START:
			n = read_start(r, in);
			break;
		case H1_HEAD:
			n = read_head(r, in);
			break;
		case H1_LENGTH:
			n = read_length(r, in);
			break;
		case H1_CHUNKS:
			n = read_chunks(r, in);
			break;
		case H1_TO_END:
			n = in.len;
			r->codec->events->data(r->codec->owner, r->stream, in);
			break;
		default:
			return all - in.len;
		}
	}
	return all;
}

void h1_reader_feed_end(struct h1_reader *r)
{
	if (r->place == H1_TO_END)
		report_end(r);
	else if (r->place == H1_WHOLE || r->place == H1_BROKEN)
		return;
	else if (r->answers)
		reader_break(r, FAULT_UPSTREAM_CUT,
		        r->place == H1_START ? "The connection ended before the answer."
		                             : "The answer broke off.");
	else if (r->place != H1_START)
		reader_break(r, FAULT_CLIENT_GONE, "The request broke off.");
}
