/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_h1_request: a connection's bytes, read at once and in pieces, are the same requests; and a
 * request that was read is, written and read again, the same request. The first byte of the input
 * is the pieces' size. */
#include "fuzz/h1_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* Takes the first request of in and hands it to another server, as a gateway would. */
static void assert_passes_on(struct slice in)
{
	struct trace first, second;
	struct h1_writer w = {0};
	struct head *h;

	trace_init(&first, false);
	trace_init(&second, false);
	h = &first.peer.codec.reader.head;
	first.peer.codec.base.ops->feed(&first.peer.codec.base, in);
	if (first.peer.messages) {
		struct slice body = buf_slice(&first.text), out;
		const char *data = memmem(body.at, body.len, "\nD", 2);

		assert(data);
		body = slice_from(data + 2, (size_t)(body.at + body.len - data - 2));
		if (slice_ends(body, SLICE("\nE")))
			body.len -= 2;
		h->keep_alive = true;
		if (!head_find(h, HEADER_HOST)) /* HTTP/1.0 may do without */
			assert(!head_add_id(h, HEADER_HOST, SLICE("a")));
		assert(!h1_write_request(
		        &w, &first.peer.out, h, !body.len && h->framing != FRAMING_LENGTH));
		if (w.open)
			assert(!h1_write_data(&w, &first.peer.out, &body, 1, true));
		out = peer_out(&first.peer);
		second.peer.codec.reader.limits = &h1_limits_default;
		second.peer.codec.reader.collect.limits = &h1_limits_default;
		second.peer.codec.reader.head.block.max = 1 << 16;
		peer_feed(&second.peer, out);
		assert(second.peer.messages == 1 && !second.peer.closed);
		assert(second.peer.codec.reader.stream == 2);
	}
	trace_finish(&first);
	trace_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice in = slice_skip(slice_from(at, len), 1);
	struct trace whole, pieces;

	if (!len)
		return 0;
	trace_init(&whole, false);
	trace_init(&pieces, false);
	trace_feed(&whole, in, 0);
	trace_feed(&pieces, in, at[0] % 16 + 1u);
	assert(slice_equals(buf_slice(&whole.text), buf_slice(&pieces.text)));
	assert(whole.peer.closed == pieces.peer.closed);
	trace_finish(&whole);
	trace_finish(&pieces);
	assert_passes_on(in);
	return 0;
}
