/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_h1_response: a connection's bytes, read at once and in pieces, are the same answer, and
 * never more than one. The first byte of the input is the pieces' size and, in its highest bit,
 * whether HEAD was asked. */
#include "fuzz/h1_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void run(struct trace *t, struct slice in, size_t piece, bool head)
{
	trace_init(t, true);
	assert(!peer_ask(&t->peer, head ? METHOD_HEAD : METHOD_GET, head ? "HEAD" : "GET"));
	trace_feed(t, in, piece);
	if (t->peer.codec.reader.place == H1_TO_END)
		t->peer.codec.base.ops->feed_end(&t->peer.codec.base);
	t->peer.closed = !t->peer.codec.base.ops->next(&t->peer.codec.base);
	assert(t->peer.heads <= 1 && t->peer.messages <= 1);
	assert(!t->peer.resets || t->peer.closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice in = slice_skip(slice_from(at, len), 1);
	struct trace whole, pieces;

	if (!len)
		return 0;
	run(&whole, in, 0, at[0] & 0x80);
	run(&pieces, in, at[0] % 16 + 1u, at[0] & 0x80);
	assert(slice_equals(buf_slice(&whole.text), buf_slice(&pieces.text)));
	assert(whole.peer.closed == pieces.peer.closed);
	trace_finish(&whole);
	trace_finish(&pieces);
	return 0;
}
