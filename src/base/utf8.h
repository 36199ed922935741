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
/* Characters that a terminal or an editor would not show as what they are: C0 and C1 controls, and
 * those that turn the direction of text or end a line of it. */
bool utf8_is_hidden(uint32_t point);
