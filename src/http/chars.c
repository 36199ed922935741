/* SPDX-License-Identifier: Apache-2.0 */
/* chars: the table is written by classes of bytes, the scan looks at sixteen bytes at a time. */
#include "http/chars.h"

#define WORD                                                                                       \
	(CHAR_TOKEN | CHAR_NAME | CHAR_HOST | CHAR_PATH | CHAR_QUERY | CHAR_PLAIN | CHAR_TARGET)
#define MARK (CHAR_QUERY | CHAR_TARGET)

const uint8_t char_classes[256] = {
        ['0' ... '9'] = WORD | CHAR_HEX,
        ['A' ... 'F'] = WORD | CHAR_HEX,
        ['G' ... 'Z'] = WORD,
        ['a' ... 'f'] = WORD | CHAR_HEX,
        ['g' ... 'z'] = WORD,
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

bool chars_are(struct slice s, unsigned classes)
{
	for (size_t i = 0; i < s.len; i++)
		if (!char_is(s.at[i], classes))
			return false;
	return true;
}

typedef uint8_t lanes __attribute__((vector_size(16)));

#define ROUNDS 255u                                         /* a lane counts so far */
#define INLINE static inline __attribute__((always_inline)) /* so that counts stay in registers */

/* Letters, digits and '-'; a byte below a range becomes a large number. */
INLINE bool lanes_are_name(lanes v)
{
	lanes odd = ~((lanes)((v | 0x20) - 'a' < 26) | (lanes)(v - '0' < 10) | (lanes)(v == '-'));
	uint64_t w[2];

	memcpy(w, &odd, sizeof(w));
	return !(w[0] | w[1]);
}

bool chars_are_name(struct slice s)
{
	size_t len = s.len;
	lanes v;

	if (len < 8)
		return chars_are(s, CHAR_NAME);
	if (len < sizeof(v)) {
		memcpy(&v, s.at, 8);
		memcpy((char *)&v + 8, s.at + len - 8, 8);
		return lanes_are_name(v);
	}
	for (size_t i = 0; i + sizeof(v) < len; i += sizeof(v)) {
		memcpy(&v, s.at + i, sizeof(v));
		if (!lanes_are_name(v))
			return false;
	}
	memcpy(&v, s.at + len - sizeof(v), sizeof(v));
	return lanes_are_name(v);
}

struct counts {
	lanes cr, lf, tab, low, del, high;
};

INLINE void counts_see(struct counts *c, const char *at)
{
	lanes v;

	memcpy(&v, at, sizeof(v));
	c->cr -= (lanes)(v == '\r');
	c->lf -= (lanes)(v == '\n');
	c->tab -= (lanes)(v == '\t');
	c->low -= (lanes)(v < ' ');
	c->del |= (lanes)(v == 0x7f);
	c->high |= v;
}

INLINE unsigned lanes_sum(lanes v)
{
	uint64_t w[2], pairs;

	memcpy(w, &v, sizeof(w));
	pairs = (w[0] & 0x00ff00ff00ff00ffu) + (w[0] >> 8 & 0x00ff00ff00ff00ffu) +
	        (w[1] & 0x00ff00ff00ff00ffu) + (w[1] >> 8 & 0x00ff00ff00ff00ffu);
	return (unsigned)(pairs * 0x0001000100010001u >> 48);
}

INLINE bool lanes_any(lanes v, uint64_t mask)
{
	uint64_t w[2];

	memcpy(w, &v, sizeof(w));
	return (w[0] | w[1]) & mask;
}

INLINE void counts_add(const struct counts *c, struct chars_scan *ret)
{
	unsigned cr = lanes_sum(c->cr), lf = lanes_sum(c->lf);

	ret->cr += cr;
	ret->lf += lf;
	ret->control |= lanes_sum(c->low) != cr + lf + lanes_sum(c->tab);
	ret->control |= lanes_any(c->del, ~UINT64_C(0));
	ret->high |= lanes_any(c->high, 0x8080808080808080u);
}

struct chars_scan chars_scan(struct slice in)
{
	struct chars_scan ret = {0};
	struct counts c = {0};
	char rest[sizeof(lanes)];
	unsigned rounds = 0;

	for (; in.len >= sizeof(lanes); in = slice_skip(in, sizeof(lanes))) {
		counts_see(&c, in.at);
		if (++rounds == ROUNDS) {
			counts_add(&c, &ret);
			c = (struct counts){0};
			rounds = 0;
		}
	}
	memset(rest, 'a', sizeof(rest));
	if (in.len)
		memcpy(rest, in.at, in.len);
	counts_see(&c, rest);
	counts_add(&c, &ret);
	return ret;
}
