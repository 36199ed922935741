/* SPDX-License-Identifier: Apache-2.0 */
/* request: see request.h. */
#include "request.h"
#include <string.h>

static const char *take_line(struct text *in, struct text *ret_line)
{
	ptrdiff_t end = text_find(*in, TEXT("\r\n"));
	if (end < 0)
		return "no line end";
	*ret_line = (struct text){in->at, (size_t)end};
	in->at += end + 2;
	in->n -= (size_t)end + 2;
	return memchr(ret_line->at, '\r', ret_line->n) || memchr(ret_line->at, '\n', ret_line->n) ||
	                       memchr(ret_line->at, 0, ret_line->n)
	               ? "a control character in a line"
	               : NULL;
}

static const char *read_request_line(struct request *r, struct text line)
{
	const char *first = memchr(line.at, ' ', line.n);
	if (!first)
		return "no target";
	r->method = (struct text){line.at, (size_t)(first - line.at)};
	struct text rest = {first + 1, line.n - r->method.n - 1};
	const char *second = memchr(rest.at, ' ', rest.n);
	if (!second)
		return "no version";
	r->target = (struct text){rest.at, (size_t)(second - rest.at)};
	struct text version = {second + 1, rest.n - r->target.n - 1};
	const char *query = memchr(r->target.at, '?', r->target.n);
	r->path = (struct text){r->target.at, query ? (size_t)(query - r->target.at) : r->target.n};
	if (!r->target.n || r->target.at[0] != '/')
		return "a target that is no path";
	return text_is(version, "HTTP/1.1") ? NULL : "another version";
}

static const char *read_field(struct request *r, struct text line)
{
	static const char token[] =
	        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *colon = memchr(line.at, ':', line.n);
	if (!colon || colon == line.at)
		return "a header without a name";
	struct field f = {{line.at, (size_t)(colon - line.at)},
	        {colon + 1, line.n - (size_t)(colon - line.at) - 1}};
	for (size_t i = 0; i < f.name.n; i++)
		if (!strchr(token, f.name.at[i]))
			return "a character in a header's name";
	while (f.value.n && (*f.value.at == ' ' || *f.value.at == '\t')) {
		f.value.at++;
		f.value.n--;
	}
	while (f.value.n && strchr(" \t", f.value.at[f.value.n - 1]))
		f.value.n--;
	if (r->n_fields == REQUEST_HEADERS)
		return "too many headers";
	r->fields[r->n_fields++] = f;
	return NULL;
}

static const char *read_framing(struct request *r)
{
	unsigned hosts = 0, lengths = 0;
	r->keep_alive = true;
	for (unsigned i = 0; i < r->n_fields; i++) {
		struct field *f = &r->fields[i];
		if (text_is_nocase(f->name, "host")) {
			hosts++;
		} else if (text_is_nocase(f->name, "content-length")) {
			lengths++;
			r->length = 0;
			for (size_t k = 0; k < f->value.n; k++) {
				if (f->value.at[k] < '0' || f->value.at[k] > '9' || k > 15)
					return "content-length";
				r->length = r->length * 10 + (uint64_t)(f->value.at[k] - '0');
			}
			if (!f->value.n)
				return "content-length";
		} else if (text_is_nocase(f->name, "transfer-encoding")) {
			if (r->chunked || !text_is_nocase(f->value, "chunked"))
				return "transfer-encoding";
			r->chunked = true;
		} else if (text_is_nocase(f->name, "expect")) {
			r->expects_continue = text_is_nocase(f->value, "100-continue");
		} else if (text_is_nocase(f->name, "connection") &&
		           text_is_nocase(f->value, "close")) {
			r->keep_alive = false;
		}
	}
	if (hosts != 1)
		return "not exactly one host";
	return lengths > 1 || (lengths && r->chunked) ? "two framings" : NULL;
}

static const char *read_head(struct request *r, struct text head)
{
	struct text line;
	const char *bad = take_line(&head, &line);
	bad = bad ? bad : read_request_line(r, line);
	while (!bad && head.n > 2) {
		bad = take_line(&head, &line);
		bad = bad ? bad : read_field(r, line);
	}
	return bad ? bad : read_framing(r);
}

static enum request_state request_is_bad(struct request *r, const char *why)
{
	r->bad = why;
	return REQUEST_BAD;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static enum request_state read_chunks(struct request *r, struct text in)
{
	if (!r->chunk_at)
		r->chunk_at = r->head_length;
	for (;;) {
		struct text left = {in.at + r->chunk_at, in.n - r->chunk_at};
		ptrdiff_t end = text_find(left, TEXT("\r\n"));
		if (end < 0)
			return left.n > 64 ? request_is_bad(r, "chunk size") : REQUEST_MORE;
		size_t size = 0;
		for (ptrdiff_t i = 0; i < end; i++) {
			int digit = hex_digit(left.at[i]);
			if (digit < 0 || end > 8)
				return request_is_bad(r, "chunk size");
			size = size << 4 | (size_t)digit;
		}
		if (!end)
			return request_is_bad(r, "chunk size");
		left.at += end + 2;
		left.n -= (size_t)end + 2;
		if (left.n < size + 2)
			return REQUEST_MORE;
		if (memcmp(left.at + size, "\r\n", 2) != 0)
			return request_is_bad(r, size ? "chunk end" : "trailers");
		bytes_add(&r->plain, left.at, size);
		r->chunk_at = (size_t)(left.at - in.at) + size + 2;
		if (!size)
			break;
	}
	r->body = bytes_view(&r->plain);
	r->total = r->chunk_at;
	return REQUEST_WHOLE;
}

enum request_state request_read(struct request *r, struct text input)
{
	if (!r->head_length) {
		ptrdiff_t end = text_find(input, TEXT("\r\n\r\n"));
		if (end < 0)
			return input.n > 128 * 1024 ? request_is_bad(r, "no end of head")
			                            : REQUEST_MORE;
		r->head_length = (size_t)end + 4;
	}
	/* The input may have moved since the last call: the head's places are found anew. */
	r->n_fields = 0;
	r->chunked = false;
	const char *bad = read_head(r, (struct text){input.at, r->head_length});
	if (bad)
		return request_is_bad(r, bad);
	if (r->chunked)
		return read_chunks(r, input);
	if (input.n - r->head_length < r->length)
		return REQUEST_MORE;
	r->body = (struct text){input.at + r->head_length, (size_t)r->length};
	r->total = r->head_length + (size_t)r->length;
	return REQUEST_WHOLE;
}

struct text request_field(const struct request *r, const char *name)
{
	for (unsigned i = 0; i < r->n_fields; i++)
		if (text_is_nocase(r->fields[i].name, name))
			return r->fields[i].value;
	return (struct text){0};
}

void request_finish(struct request *r)
{
	bytes_finish(&r->plain);
}
