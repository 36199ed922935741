/* SPDX-License-Identifier: Apache-2.0 */
/* tokens: about how many tokens a text is, from eleven things that are counted in one pass over its
 * bytes. An estimate, not a bound: some 4 % off in the mean, 10 % for one text in twenty. */
#pragma once
#include "base/slice.h"

enum token_count {
	TOKEN_WORDS,    /* runs of ASCII letters */
	TOKEN_LONG,     /* letters beyond the sixth of a run */
	TOKEN_HUMPS,    /* a capital behind a small letter */
	TOKEN_CAPITALS, /* a capital behind another */
	TOKEN_DIGITS,   /* groups of up to three digits */
	TOKEN_MARKS,    /* all other printable ASCII */
	TOKEN_LINES,    /* line feeds */
	TOKEN_BLANKS,   /* runs of two and more spaces and tabs */
	TOKEN_TWO,      /* characters of two bytes, */
	TOKEN_THREE,    /* of three */
	TOKEN_FOUR,     /* and of four */
	TOKEN_COUNTS
};

#define TOKEN_BLOCK 64u

/* Zeroed it is at the start of a text. */
struct token_counter {
	uint64_t n[TOKEN_COUNTS];                           /* in the blocks that are counted */
	uint64_t letters, capitals, digits, groups, blanks; /* of the last one: a bit a byte */
	unsigned char rest[TOKEN_BLOCK];
	unsigned n_rest;
};

/* Whose tokens. */
enum token_family { TOKENS_O200K, TOKENS_CL100K, TOKENS_CLAUDE, TOKEN_FAMILIES };

/* More of the text; however it is cut, the counts are the same. */
void tokens_feed(struct token_counter *t, struct slice text);
/* Here another text begins: no run goes on. */
void tokens_part(struct token_counter *t);
/* The same, and all that was fed is in n. */
void tokens_flush(struct token_counter *t);
void tokens_counts(const struct token_counter *t, uint64_t ret[TOKEN_COUNTS]);
/* Rounded up: 0 is for no text only. */
uint64_t tokens_estimate(const struct token_counter *t, enum token_family family);
/* The family of a model by its name; what is not known is taken for the newest of OpenAI's. */
enum token_family tokens_family(struct slice model);
