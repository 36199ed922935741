/* SPDX-License-Identifier: Apache-2.0 */
/* chars: the table is written by classes of bytes, the scan looks at sixteen bytes at a time. */
#include "http/chars.h"
#include "base/plain.h"

#define WORD                                                                                       \
	(CHAR_TOKEN | CHAR_NAME | CHAR_HOST | CHAR_PATH | CHAR_QUERY | CHAR_PLAIN | CHAR_TARGET)
#define MARK (CHAR_QUERY | CHAR_TARGET)

const uint8_t char_classes[256] = {
        ['0' ... '9'] = WORD,
        ['A' ... 'Z'] = WORD,
        ['a' ... 'z'] = WORD,
        ['-'] = WORD,
        ['.'] = WORD & ~CHAR_NAME,
        ['_'] = WORD & ~CHAR_NAME,
        ['~'] = WORD & ~(CHAR_NAME | CHAR_HOST),
        ['!'] = CHAR_TOKEN | CHAR_PATH | MARK,
        ['$'] = CHAR_TOKEN | CHAR_PATH | MARK,
        ['&'] = CHAR_TOKEN | CHAR_PATH | MARK,
        ['\''] = CHAR_TOKEN | CHAR_PATH | MARK,
        ['*'] = CHAR_TOKEN | CHAR_PATH | MARK,
        ['+'] = CHAR_TOKEN | CHAR_PATH | MARK,
        ['('] = CHAR_PATH | MARK,
        [')'] = CHAR_PATH | MARK,
        [','] = CHAR_PATH | MARK,
        ['='] = CHAR_PATH | MARK,
        [':'] = CHAR_PATH | MARK,
        ['@'] = CHAR_PATH | MARK,
        ['^'] = CHAR_TOKEN | MARK,
        ['`'] = CHAR_TOKEN | MARK,
        ['|'] = CHAR_TOKEN | MARK,
        ['/'] = MARK,
        ['?'] = MARK,
        [';'] = MARK,
        ['['] = MARK,
        [']'] = MARK,
        ['{'] = MARK,
        ['}'] = MARK,
        ['%'] = CHAR_TOKEN | CHAR_TARGET,
        ['#'] = CHAR_TOKEN | CHAR_TARGET,
        ['"'] = CHAR_TARGET,
        ['<'] = CHAR_TARGET,
        ['>'] = CHAR_TARGET,
        ['\\'] = CHAR_TARGET,
};

/* clang-format off */
const uint8_t char_hex_values[256] = {
	['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	['A'] = 11, 12, 13, 14, 15, 16,
	['a'] = 11, 12, 13, 14, 15, 16,
};
/* clang-format on */

bool chars_are(struct slice s, unsigned classes)
{
	for (size_t i = 0; i < s.len; i++)
		if (!char_is(s.at[i], classes))
			return false;
	return true;
}

typedef byte_lanes lanes;
typedef int8_t signed_lanes __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline)) /* so that counts stay in registers */

/* Letters, digits and '-' are not; a byte below a range becomes a large number. */
INLINE lanes lanes_not_name(lanes v)
{
	return ~((lanes)((v | 0x20) - 'a' < 26) | (lanes)(v - '0' < 10) | (lanes)(v == '-'));
}

bool chars_are_name(struct slice s)
{
	return bytes_pass(s, lanes_not_name);
}

#define ROUND (254 * sizeof(lanes)) /* a lane counts to 255, and one may be there already */

struct counts {
	lanes cr, lf, plain;
};

/* Plain is printable ASCII: one comparison of signed bytes, once 0x7f has joined those beyond. */
INLINE lanes lanes_are_plain(lanes v)
{
	return (lanes)((signed_lanes)(v + 1) > ' ');
}

INLINE void counts_see(struct counts *c, lanes v)
{
	c->cr -= (lanes)(v == '\r');
	c->lf -= (lanes)(v == '\n');
	c->plain -= lanes_are_plain(v);
}

INLINE size_t lanes_sum(lanes v)
{
	uint64_t w[2];

#ifdef __SSE2__
	typedef char sum_lanes __attribute__((vector_size(16)));
	lanes sums = (lanes)__builtin_ia32_psadbw128((sum_lanes)v, (sum_lanes){0});

	memcpy(w, &sums, sizeof(w));
	return w[0] + w[1];
#else
	uint64_t pairs;

	memcpy(w, &v, sizeof(w));
	pairs = (w[0] & 0x00ff00ff00ff00ffu) + (w[0] >> 8 & 0x00ff00ff00ff00ffu) +
	        (w[1] & 0x00ff00ff00ff00ffu) + (w[1] >> 8 & 0x00ff00ff00ff00ffu);
	return pairs * 0x0001000100010001u >> 48;
#endif
}

/* The last bytes of s that fill no block, among NULs, which nothing counts. */
INLINE lanes lanes_last(struct slice s)
{
	static const uint8_t keep[2 * sizeof(lanes)] = {
	        [sizeof(lanes)... 2 * sizeof(lanes) - 1] = 0xff};
	size_t left = s.len % sizeof(lanes);
	lanes v = {0};

	if (s.len >= sizeof(lanes))
		return lanes_load(s.at + s.len - sizeof(lanes)) &
		       lanes_load((const char *)keep + left);
	if (left)
		memcpy(&v, s.at, left);
	return v;
}

/* Tabs and bytes beyond ASCII are not plain, but no controls either. They are seldom there. */
static __attribute__((cold)) void scan_oddities(struct chars_scan *scan, struct slice s, size_t odd)
{
	size_t tab = 0, high = 0;

	for (size_t i = 0; i < s.len; i++) {
		tab += s.at[i] == '\t';
		high += (uint8_t)s.at[i] >= 0x80;
	}
	scan->control = odd != tab + high;
	scan->high = high;
}

struct chars_scan chars_scan(struct slice s)
{
	struct chars_scan ret = {0};
	const char *at = s.at, *end = s.at + s.len / sizeof(lanes) * sizeof(lanes);
	struct counts c = {0};
	size_t known = 0;

	counts_see(&c, lanes_last(s));
	do {
		const char *stop = (size_t)(end - at) > ROUND ? at + ROUND : end;

		for (; at < stop; at += sizeof(lanes))
			counts_see(&c, lanes_load(at));
		ret.cr += lanes_sum(c.cr);
		ret.lf += lanes_sum(c.lf);
		known += lanes_sum(c.plain);
		c = (struct counts){0};
	} while (at < end);
	known += ret.cr + ret.lf;
	if (known != s.len)
		scan_oddities(&ret, s, s.len - known);
	return ret;
}

static size_t count_plain(struct slice s)
{
	const char *at = s.at, *end = s.at + s.len / sizeof(lanes) * sizeof(lanes);
	lanes c = -lanes_are_plain(lanes_last(s));
	size_t sum = 0;

	do {
		const char *stop = (size_t)(end - at) > ROUND ? at + ROUND : end;

		for (; at < stop; at += sizeof(lanes))
			c -= lanes_are_plain(lanes_load(at));
		sum += lanes_sum(c);
		c = (lanes){0};
	} while (at < end);
	return sum;
}

bool chars_are_lines(struct slice s, size_t lines)
{
	size_t odd = s.len - count_plain(s) - 2 * lines;
	struct chars_scan scan = {0};

	if (odd)
		scan_oddities(&scan, s, odd);
	return !scan.control;
}
