/* SPDX-License-Identifier: Apache-2.0 */
/* sse: line by line. A line is read where it was fed when it lies there whole; otherwise it is put
 * together in carry, to which the event then belongs. Places are counted from the event's first
 * byte, so they stay right when it moves. */
#include "http/sse.h"
#include <assert.h>
#include <errno.h>

void sse_init(struct sse *s, size_t event_max)
{
	*s = (struct sse){
	        .carry = BUF_INIT(event_max), .joined = BUF_INIT(event_max), .given = true};
}

void sse_finish(struct sse *s)
{
	buf_finish(&s->carry);
	buf_finish(&s->joined);
}

void sse_feed(struct sse *s, struct slice in)
{
	assert(s->at == s->end || s->error);
	s->from = s->at = in.at;
	s->end = in.at + in.len;
	s->lf = NULL;
}

static int sse_fail(struct sse *s, int error)
{
	s->error = error == -ENOBUFS ? -EMSGSIZE : error;
	return s->error;
}

static void event_begin(struct sse *s)
{
	buf_clear(&s->carry);
	buf_clear(&s->joined);
	s->line_at = 0;
	s->n_data = 0;
	s->has_name = s->odd = s->crlf = s->whole = s->given = false;
}

/* The event's place of a byte that was fed. */
static size_t place_of(const struct sse *s, const char *at)
{
	return buf_len(&s->carry) + (size_t)(at - s->from);
}

static const char *at_place(const struct sse *s, size_t place)
{
	size_t carried = buf_len(&s->carry);

	return place < carried ? buf_at(&s->carry) + place : s->from + (place - carried);
}

/* Moves what was fed of the event, up to to, into carry. */
static int event_carry(struct sse *s, const char *to)
{
	int r = buf_put(&s->carry, s->from, (size_t)(to - s->from));

	if (r)
		return sse_fail(s, r);
	s->from = to;
	return 0;
}

static int event_give(struct sse *s, const char *to, bool cut, struct sse_event *ret)
{
	struct slice bytes = slice_from(s->from, (size_t)(to - s->from));

	if (buf_len(&s->carry)) {
		if (event_carry(s, to))
			return s->error;
		bytes = buf_slice(&s->carry);
	} else if (bytes.len > s->carry.max) {
		return sse_fail(s, -EMSGSIZE);
	}
	*ret = (struct sse_event){.bytes = bytes, .cut = cut, .odd = s->odd};
	if (s->n_data == 1)
		ret->data = slice_from(bytes.at + s->data_at, s->data_len);
	else if (s->n_data)
		ret->data = buf_slice(&s->joined);
	if (s->has_name)
		ret->name = slice_from(bytes.at + s->name_at, s->name_len);
	s->from = s->at = to;
	s->given = true;
	return 1;
}

static int data_join(struct sse *s, struct slice line)
{
	int r = 0;

	if (s->n_data == 1)
		r = buf_put(&s->joined, at_place(s, s->data_at), s->data_len);
	if (!r)
		r = buf_put_char(&s->joined, '\n');
	if (!r)
		r = buf_put_slice(&s->joined, line);
	return r ? sse_fail(s, r) : 0;
}

static int data_line(struct sse *s, struct slice value, size_t place)
{
	if (s->n_data && data_join(s, value))
		return s->error;
	if (!s->n_data++) {
		s->data_at = place;
		s->data_len = value.len;
	}
	return 0;
}

/* place: of the line's first byte. Comments, ids and retry times are nobody's business here. */
static int line_read(struct sse *s, struct slice line, size_t place)
{
	const char *colon = memchr(line.at, ':', line.len);
	size_t len = colon ? (size_t)(colon - line.at) : line.len;
	struct slice name = slice_from(line.at, len), value = slice_skip(line, len + 1);

	if (value.len && value.at[0] == ' ')
		value = slice_skip(value, 1);
	place += (size_t)(value.at - line.at);
	if (len == 4 && !memcmp(name.at, "data", 4))
		return data_line(s, value, place);
	if (len == 5 && !memcmp(name.at, "event", 5)) {
		s->has_name = true;
		s->name_at = place;
		s->name_len = value.len;
	} else if (len && !slice_is(name, "id") && !slice_is(name, "retry")) {
		s->odd = true;
	}
	return 0;
}

/* The stream's first line without its byte order mark, any other as it is. */
static struct slice mark_skip(struct sse *s, struct slice line)
{
	bool marked = !s->started && slice_starts(line, SLICE("\xef\xbb\xbf"));

	s->started = true;
	s->line_at += marked ? 3 : 0;
	return slice_skip(line, marked ? 3 : 0);
}

/* The line that ends before to, in one run of memory. */
static int line_gather(struct sse *s, const char *to, struct slice *ret)
{
	size_t end = place_of(s, to);

	if (s->line_at < buf_len(&s->carry) && to != s->from && event_carry(s, to))
		return s->error;
	*ret = mark_skip(s, slice_from(at_place(s, s->line_at), end - s->line_at));
	return 0;
}

static const char *line_end(struct sse *s)
{
	const char *cr;

	if (*s->at == '\n')
		return s->at;
	if (!s->lf || s->lf < s->at) {
		s->lf = memchr(s->at, '\n', (size_t)(s->end - s->at));
		if (!s->lf)
			s->lf = s->end;
	}
	cr = memchr(s->at, '\r', (size_t)(s->lf - s->at));
	return cr ? cr : s->lf < s->end ? s->lf : NULL;
}

/* Behind a CR: takes the LF that belongs to it. 1: an event is given out. */
static int after_cr(struct sse *s, struct sse_event *ret)
{
	bool lf = *s->at == '\n';

	s->after_cr = false;
	if (lf) {
		s->at++;
		s->crlf = true;
		s->line_at++;
	}
	/* the LF of an event that was given out already stands alone */
	return s->whole || (lf && s->line_at == 1) ? event_give(s, s->at, false, ret) : 0;
}

/* A blank line, whose end is at to. 1: an event is given out; 0: it waits for the LF. */
static int event_end(struct sse *s, const char *to, struct sse_event *ret)
{
	bool empty = !place_of(s, s->at) || !s->line_at;

	if (s->after_cr && s->crlf) {
		s->whole = true;
		s->at = to;
		return event_carry(s, to);
	}
	for (; empty && to < s->end && (*to == '\n' || *to == '\r'); to++)
		s->after_cr = *to == '\r';
	return event_give(s, to, false, ret);
}

/* One line, whose last byte is before end. 1: with it an event is given out. */
static int line_take(struct sse *s, const char *end, struct sse_event *ret)
{
	const char *to = end + 1;
	struct slice line;

	s->after_cr = *end == '\r' && to == s->end;
	if (*end == '\r' && to < s->end && *to == '\n')
		to++;
	if (line_gather(s, end, &line))
		return s->error;
	if (!line.len)
		return event_end(s, to, ret);
	if (line_read(s, line, s->line_at))
		return s->error;
	s->crlf = to - end == 2;
	s->at = to;
	s->line_at = place_of(s, to);
	return 0;
}

int sse_next(struct sse *s, struct sse_event *ret)
{
	int r = s->error;

	if (r || s->at == s->end)
		return r;
	if (s->given)
		event_begin(s);
	if (s->after_cr)
		r = after_cr(s, ret);
	while (!r && s->at < s->end) {
		const char *end = line_end(s);

		if (!end)
			break;
		r = line_take(s, end, ret);
	}
	if (r)
		return r;
	s->at = s->end;
	return s->from < s->end ? event_carry(s, s->end) : 0;
}

struct slice sse_rest(const struct sse *s)
{
	bool begun = !s->given && (s->line_at || s->at != s->from || buf_len(&s->carry));

	if (begun || !s->started || s->after_cr || s->error)
		return (struct slice){0};
	return slice_from(s->at, (size_t)(s->end - s->at));
}

void sse_skip(struct sse *s, size_t len)
{
	assert(len <= sse_rest(s).len && (!len || s->at[len - 1] == '\n'));
	s->at += len;
	s->from = s->at;
	s->given = true;
}

int sse_end(struct sse *s, struct sse_event *ret)
{
	if (s->error)
		return s->error;
	assert(s->at == s->end);
	if (s->given)
		event_begin(s);
	if (!buf_len(&s->carry))
		return 0;
	if (!s->whole && s->line_at < buf_len(&s->carry)) {
		struct slice line = mark_skip(s, slice_skip(buf_slice(&s->carry), s->line_at));

		if (line_read(s, line, s->line_at))
			return s->error;
	}
	return event_give(s, s->end, !s->whole, ret);
}
