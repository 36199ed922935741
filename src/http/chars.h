/* SPDX-License-Identifier: Apache-2.0 */
/* chars: which bytes may stand where in a message's first part. One table of classes, one scan of a
 * whole block. */
#pragma once
#include "base/slice.h"

#define CHAR_TOKEN 0x01u  /* RFC 9110 5.6.2 */
#define CHAR_NAME 0x02u   /* A-Z a-z 0-9 -: what a request's header name may be made of */
#define CHAR_HOST 0x08u   /* of a registered name or an IPv4 address */
#define CHAR_PATH 0x10u   /* of a path, besides '/' and escapes: no ';' */
#define CHAR_QUERY 0x20u  /* of a query, besides escapes */
#define CHAR_PLAIN 0x40u  /* unreserved (RFC 3986 2.3): never escaped in a canonical path */
#define CHAR_TARGET 0x80u /* visible ASCII: whatever a request target can hold */

extern const uint8_t char_classes[256];
extern const uint8_t char_hex_values[256]; /* one more than the digit's value; 0: it is none */

static inline bool char_is(char c, unsigned classes)
{
	return char_classes[(uint8_t)c] & classes;
}

bool chars_are(struct slice s, unsigned classes); /* also true of nothing */
bool chars_are_name(struct slice s);              /* chars_are(s, CHAR_NAME), quicker */

/* 0 to 15, or -1. */
static inline int char_hex(char c)
{
	return char_hex_values[(uint8_t)c] - 1;
}

struct chars_scan {
	size_t cr, lf;
	bool control; /* any but CR, LF and HTAB; DEL is one */
	bool high;    /* a byte over 0x7f */
};

/* 700 bytes take some 40 ns. */
struct chars_scan chars_scan(struct slice s);
/* Of text that surely holds so many CRLFs: whether all else in it is printable ASCII, HTAB, or over
 * 0x7f. */
bool chars_are_lines(struct slice s, size_t lines);
