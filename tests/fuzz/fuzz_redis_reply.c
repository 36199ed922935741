/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_redis_reply: what a Redis server may send, whole and in pieces, must read the same, within
 * the ceilings; copies and the things that are made of replies are tried on each. The first byte of
 * the input is the pieces' size. */
#include <assert.h>
#include "base/buf.h"
#include "base/mem.h"
#include "store/redis/error.h"
#include "store/redis/info.h"
#include "store/redis/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static unsigned note_reply(struct buf *text, const struct redis_reply *r, unsigned depth)
{
	unsigned values = 1;

	assert(depth <= REPLY_DEPTH_MAX + 1);
	assert(!buf_printf(text, "%d %lld %zu ", r->type, (long long)r->integer, r->text.len));
	assert(!buf_put_slice(text, r->text));
	for (unsigned i = 0; i < r->n; i++)
		values += note_reply(text, &r->list[i], depth + 1);
	return values;
}

static void use(const struct redis_reply *r, struct slice noted)
{
	struct buf again = BUF_INIT(64u << 20);
	struct redis_reply *copy;
	struct redis_info info;
	struct slot_range range;
	struct slice host;
	uint16_t port;
	unsigned slot;

	assert(!reply_copy(r, &copy));
	note_reply(&again, copy, 0);
	assert(slice_equals(buf_slice(&again), noted));
	mem_free(copy);
	buf_finish(&again);
	assert((redis_error_of(r) != 0) == (r->type == REPLY_ERROR));
	if (!info_parse(r->text, &info))
		assert(info.run_id[0]);
	if (r->type == REPLY_ERROR && !redirect_parse(r->text, &slot, &host, &port))
		assert(slot < SLOTS && port);
	for (unsigned i = 0; i <= r->n; i++)
		if (!slots_range(r, i, &range))
			assert(range.first <= range.last && range.last < SLOTS && range.port);
	assert(slot_of(r->text) < SLOTS);
}

static int read_all(struct slice in, size_t piece, struct buf *text)
{
	struct reply_reader reader;
	const struct redis_reply *reply;
	int r = 0;

	assert(!reply_reader_init(&reader));
	while (in.len && r >= 0) {
		size_t n = piece < in.len ? piece : in.len;
		char *copy = mem_realloc(mem_dup(in.at, n), n);

		r = reply_reader_feed(&reader, slice_from(copy, n));
		mem_free(copy);
		while (!r && (r = reply_reader_next(&reader, &reply)) > 0) {
			size_t before = buf_len(text);

			assert(note_reply(text, reply, 0) <= REPLY_VALUES_MAX);
			use(reply, slice_skip(buf_slice(text), before));
			r = 0;
		}
		in = slice_skip(in, n);
	}
	reply_reader_finish(&reader);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice in = slice_skip(slice_from(at, len), 1);
	struct buf whole = BUF_INIT(64u << 20), pieces = BUF_INIT(64u << 20);
	int a, b;

	if (!len)
		return 0;
	a = read_all(in, in.len, &whole);
	b = read_all(in, at[0] ? at[0] : 1, &pieces);
	assert((a < 0) == (b < 0));
	assert(slice_equals(buf_slice(&whole), buf_slice(&pieces)));
	buf_finish(&whole);
	buf_finish(&pieces);
	return 0;
}
