/* SPDX-License-Identifier: Apache-2.0 */
/* h1_chunk: the chunked transfer coding, read strictly (RFC 9112 7.1). Content is handed out as
 * one slice of the input; extensions and trailers are checked, counted and dropped. */
#pragma once
#include "base/slice.h"
#include "http/h1_limits.h"

enum chunk_step {
	CHUNK_MORE, /* all was taken; feed more */
	CHUNK_END,  /* the message is whole; what is left of the input is not part of it */
	CHUNK_BAD,  /* it is not well formed, or over a limit: see note */
};

struct chunks {
	const struct h1_limits *limits; /* borrowed */
	const char *note;               /* static, after CHUNK_BAD */
	uint64_t left;                  /* of this chunk's content */
	uint64_t content, overhead;     /* bytes of the message so far */
	size_t extension, extensions;   /* bytes */
	size_t trailers;                /* bytes */
	uint8_t place;
	uint8_t digits;
	bool answer;      /* an answer's trailers may hold bytes over 0x7f */
	uint8_t name_len; /* of the trailer that is being read; stops at the array's end */
	char name[24];    /* lower case */
};

void chunks_init(struct chunks *c, const struct h1_limits *limits, bool answer);
/* Takes bytes from in, which the caller lends to be written to: the content of chunks that came
 * together is moved together, over the framing that stood between. What is left of in stays as it
 * is. *ret_content: all of it that came before the step; it may be empty. */
enum chunk_step chunks_read(struct chunks *c, struct slice *in, struct slice *ret_content);
