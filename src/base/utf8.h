/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: one character at a time, strictly (Unicode 15, table 3-7): no overlong forms, no
 * surrogates. */
#pragma once
#include "base/slice.h"

struct utf8 {
	uint32_t point; /* 0xfffd when the bytes are not UTF-8 */
	unsigned len;   /* bytes it takes; of bad ones as many as one U+FFFD stands for */
	bool valid;
};

/* Reads the character that at points at; at < end. */
struct utf8 utf8_next(const char *at, const char *end);
/* Only how long it is; 0: the bytes are not UTF-8. */
static inline size_t utf8_len(const char *at, const char *end)
{
	const unsigned char *c = (const unsigned char *)at;
	size_t len = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
	/* Where the second byte may stand: no overlong forms, no surrogates, nothing past U+10FFFF.
	 */
	unsigned from = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
	unsigned to = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;

	if (len == 1)
		return 1;
	if (c[0] < 0xc2 || c[0] > 0xf4 || (size_t)(end - at) < len || c[1] < from || c[1] > to)
		return 0;
	if ((len > 2 && (c[2] & 0xc0) != 0x80) || (len > 3 && (c[3] & 0xc0) != 0x80))
		return 0;
	return len;
}
/* The longest beginning of at most max bytes that does not end inside a character. */
struct slice utf8_cut(struct slice s, size_t max);
/* Characters that a terminal or an editor would not show as what they are: C0 and C1 controls, and
 * those that turn the direction of text or end a line of it. */
bool utf8_is_hidden(uint32_t point);
