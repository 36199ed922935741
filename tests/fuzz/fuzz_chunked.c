/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_chunked: chunked content that is accepted is accepted by llhttp too, with the same bytes and
 * the same end; and in pieces it is what it is at once. The first byte of the input is the pieces'
 * size. */
#include <assert.h>
#include <llhttp.h>
#include "base/buf.h"
#include "base/mem.h"
#include "http/h1_chunk.h"

#define HEAD "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

struct result {
	enum chunk_step end;
	struct buf content;
	size_t taken;
};

static void run(struct result *r, struct slice in, size_t piece)
{
	struct chunks c;
	struct slice data;

	*r = (struct result){.end = CHUNK_MORE, .content = BUF_INIT(16u << 20)};
	chunks_init(&c, &h1_limits_default, false);
	while (in.len && r->end == CHUNK_MORE) {
		size_t n = piece && piece < in.len ? piece : in.len;
		char *copy = mem_dup(in.at, n);
		struct slice rest;

		copy = mem_realloc(copy, n);
		rest = slice_from(copy, n);
		r->end = chunks_read(&c, &rest, &data);
		assert(!buf_put_slice(&r->content, data));
		assert(slice_equals(rest, slice_from(in.at + n - rest.len, rest.len)));
		r->taken += n - rest.len;
		mem_free(copy);
		in = slice_skip(in, n);
	}
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
	return buf_put(parser->data, at, len);
}

static int on_end(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static void assert_agrees(const struct result *r, struct slice in)
{
	struct buf content = BUF_INIT(16u << 20);
	llhttp_settings_t settings;
	llhttp_t parser;

	llhttp_settings_init(&settings);
	settings.on_body = on_body;
	settings.on_message_complete = on_end;
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &content;
	assert(llhttp_execute(&parser, HEAD, sizeof(HEAD) - 1) == HPE_OK);
	assert(llhttp_execute(&parser, in.at, in.len) == HPE_PAUSED);
	assert((size_t)(llhttp_get_error_pos(&parser) - in.at) == r->taken);
	assert(slice_equals(buf_slice(&content), buf_slice(&r->content)));
	buf_finish(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice in = slice_skip(slice_from(at, len), 1);
	struct result whole, pieces;

	if (!len)
		return 0;
	run(&whole, in, 0);
	run(&pieces, in, at[0] % 16 + 1u);
	assert(whole.end == pieces.end && whole.taken == pieces.taken);
	assert(slice_equals(buf_slice(&whole.content), buf_slice(&pieces.content)));
	if (whole.end == CHUNK_END)
		assert_agrees(&whole, in);
	buf_finish(&whole.content);
	buf_finish(&pieces.content);
	return 0;
}
