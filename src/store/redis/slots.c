/* SPDX-License-Identifier: Apache-2.0 */
/* slots: a checksum of the key, or of the part of it in braces. */
#include "store/redis/slots.h"
#include <errno.h>

/* Four bits at a time: the polynomial is 0x1021, bits come highest first. */
uint16_t slot_crc16(struct slice s)
{
	static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6,
	        0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
	unsigned crc = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned byte = (unsigned char)s.at[i];

		crc = (crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
		crc = (crc << 4 ^ table[(crc >> 12 ^ byte) & 15]) & 0xffff;
	}
	return (uint16_t)crc;
}

unsigned slot_of(struct slice key)
{
	const char *open = key.len ? memchr(key.at, '{', key.len) : NULL;

	if (open) {
		struct slice rest = slice_skip(key, (size_t)(open - key.at) + 1);
		const char *close = rest.len ? memchr(rest.at, '}', rest.len) : NULL;

		if (close && close > rest.at)
			key = slice_from(rest.at, (size_t)(close - rest.at));
	}
	return slot_crc16(key) % SLOTS;
}

static int number_of(const struct redis_reply *r, int64_t max, unsigned *ret)
{
	if (!r || r->type != REPLY_INTEGER || r->integer < 0 || r->integer > max)
		return -EPROTO;
	*ret = (unsigned)r->integer;
	return 0;
}

int slots_range(const struct redis_reply *reply, unsigned i, struct slot_range *ret)
{
	const struct redis_reply *entry = reply_at(reply, i), *master = reply_at(entry, 2);
	struct slot_range range;
	unsigned port;

	if (reply->type != REPLY_LIST)
		return -EPROTO;
	if (!entry)
		return -ENOENT;
	if (number_of(reply_at(entry, 0), SLOTS - 1, &range.first) ||
	        number_of(reply_at(entry, 1), SLOTS - 1, &range.last) || range.first > range.last ||
	        number_of(reply_at(master, 1), UINT16_MAX, &port) || !port)
		return -EPROTO;
	range.host = reply_text(reply_at(master, 0));
	range.port = (uint16_t)port;
	*ret = range;
	return 0;
}
