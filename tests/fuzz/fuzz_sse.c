/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sse: events of a stream, cut in pieces, against a reading of it line by line as the standard
 * tells it. The first byte of the input is the pieces' size. */
#include <assert.h>
#include "base/mem.h"
#include "http/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void note_event(struct buf *text, struct slice name, struct slice data)
{
	if (!data.at && !name.at)
		return;
	assert(!buf_put_str(text, name.at ? "n" : "-") && !buf_put_slice(text, name));
	assert(!buf_put_str(text, data.at ? "d" : "-") && !buf_put_slice(text, data) &&
	        !buf_put_char(text, 0));
}

/* The next line of s, without its end. */
static struct slice line_take(struct slice *s)
{
	size_t n = 0;
	struct slice line;

	while (n < s->len && s->at[n] != '\n' && s->at[n] != '\r')
		n++;
	line = slice_from(s->at, n);
	*s = slice_skip(*s, n);
	if (slice_starts(*s, SLICE("\r\n")))
		*s = slice_skip(*s, 2);
	else
		*s = slice_skip(*s, 1);
	return line;
}

static void by_the_book(struct slice s, struct buf *text)
{
	struct buf data = BUF_INIT(16u << 20);
	struct slice name = {0};
	bool has_data = false;

	if (slice_starts(s, SLICE("\xef\xbb\xbf")))
		s = slice_skip(s, 3);
	while (s.len) {
		struct slice line = line_take(&s), value;
		const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;
		size_t n = colon ? (size_t)(colon - line.at) : line.len;

		value = slice_skip(line, n + 1);
		if (value.len && value.at[0] == ' ')
			value = slice_skip(value, 1);
		line.len = n;
		if (slice_is(line, "data")) {
			assert(!has_data || !buf_put_char(&data, '\n'));
			assert(!buf_put_slice(&data, value));
			has_data = true;
		} else if (slice_is(line, "event")) {
			name = slice_from(value.at ? value.at : "", value.len);
		} else if (!line.len && !colon) {
			note_event(text, name, has_data ? buf_slice(&data) : (struct slice){0});
			buf_clear(&data);
			name = (struct slice){0};
			has_data = false;
		}
	}
	note_event(text, name, has_data ? buf_slice(&data) : (struct slice){0});
	buf_finish(&data);
}

static void by_sse(struct slice in, size_t piece, struct buf *text, struct buf *bytes)
{
	struct sse_event e;
	struct sse s;
	int r = 0;

	sse_init(&s, 16u << 20);
	while (in.len) {
		size_t n = piece < in.len ? piece : in.len;
		char *copy = mem_realloc(mem_dup(in.at, n), n);

		sse_feed(&s, slice_from(copy, n));
		while ((r = sse_next(&s, &e)) > 0) {
			assert(!e.cut && e.bytes.len && !buf_put_slice(bytes, e.bytes));
			note_event(text, e.name, e.data);
		}
		assert(!r);
		mem_free(copy);
		in = slice_skip(in, n);
	}
	if (sse_end(&s, &e)) {
		assert(!buf_put_slice(bytes, e.bytes));
		note_event(text, e.name, e.data);
	}
	sse_finish(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice in = slice_skip(slice_from(at, len), 1);
	struct buf due = BUF_INIT(32u << 20), text = BUF_INIT(32u << 20),
	           bytes = BUF_INIT(32u << 20);
	size_t piece = len ? at[0] : 0;

	if (!len)
		return 0;
	by_the_book(in, &due);
	by_sse(in, piece ? piece : in.len + 1, &text, &bytes);
	assert(slice_equals(buf_slice(&bytes), in));
	assert(slice_equals(buf_slice(&text), buf_slice(&due)));
	buf_finish(&due);
	buf_finish(&text);
	buf_finish(&bytes);
	return 0;
}
