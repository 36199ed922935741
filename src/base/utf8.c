/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: the decoder. Bad bytes are one U+FFFD for each longest piece that could have begun a
 * character (Unicode 3.9). */
#include "base/utf8.h"

/* How many bytes a lead asks for, and what the second of them may be. */
static unsigned utf8_shape(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
	*ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

struct utf8 utf8_next(const char *at, const char *end)
{
	const unsigned char *bytes = (const unsigned char *)at;
	size_t left = (size_t)(end - at);
	unsigned char low, high;
	unsigned len, n;
	uint32_t point;

	if (bytes[0] < 0x80)
		return (struct utf8){bytes[0], 1, true};
	len = utf8_shape(bytes[0], &low, &high);
	point = len ? bytes[0] & (0x7fu >> len) : 0;
	for (n = 1; n < len; n++, low = 0x80, high = 0xbf) {
		if (n == left || bytes[n] < low || bytes[n] > high)
			return (struct utf8){0xfffd, n, false};
		point = point << 6 | (bytes[n] & 0x3f);
	}
	return len ? (struct utf8){point, len, true} : (struct utf8){0xfffd, 1, false};
}

struct slice utf8_cut(struct slice s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && ((unsigned char)s.at[max] & 0xc0) == 0x80)
		max--;
	return slice_from(s.at, max);
}

bool utf8_is_hidden(uint32_t point)
{
	if (point < 0xa0)
		return point < 0x20 || point >= 0x7f;
	return point == 0x061c || (point >= 0x200e && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}
