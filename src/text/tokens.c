/* SPDX-License-Identifier: Apache-2.0 */
/* tokens: a text comes in pieces and is counted in blocks (text/tokens_block.h); what is over waits
 * for the next piece. */
#include "text/tokens_block.h"

/* Thousandths of a token that each count stands for, fitted to counts of the tokenizers themselves.
 * A character of four bytes is at most four tokens. */
#define SCALE 1000u
static const uint16_t weights[TOKEN_FAMILIES][TOKEN_COUNTS] = {
        [TOKENS_O200K] = {1010, 67, 1360, 370, 1330, 440, 1100, 670, 290, 700, 2500},
        [TOKENS_CL100K] = {1050, 40, 1490, 420, 1320, 420, 1380, 360, 480, 930, 2700},
        [TOKENS_CLAUDE] = {1110, 44, 1600, 350, 1250, 500, 1870, 0, 590, 880, 3000},
};

void tokens_feed(struct token_counter *t, struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	size_t left = text.len;

	if (!left)
		return;
	if (t->n_rest) {
		size_t n = TOKEN_BLOCK - t->n_rest;

		n = left < n ? left : n;
		memcpy(t->rest + t->n_rest, at, n);
		t->n_rest += (unsigned)n;
		at += n;
		left -= n;
		if (t->n_rest < TOKEN_BLOCK)
			return;
		tokens_blocks(t, t->rest, 1);
		t->n_rest = 0;
	}
	if (left >= TOKEN_BLOCK) {
		tokens_blocks(t, at, left / TOKEN_BLOCK);
		at += left & ~(size_t)(TOKEN_BLOCK - 1);
	}
	t->n_rest = (unsigned)left % TOKEN_BLOCK;
	memcpy(t->rest, at, t->n_rest);
}

/* A NUL counts as nothing and ends every run. */
void tokens_part(struct token_counter *t)
{
	t->rest[t->n_rest++] = 0;
	if (t->n_rest == TOKEN_BLOCK) {
		tokens_blocks(t, t->rest, 1);
		t->n_rest = 0;
	}
}

void tokens_flush(struct token_counter *t)
{
	if (!t->n_rest)
		return;
	memset(t->rest + t->n_rest, 0, TOKEN_BLOCK - t->n_rest);
	tokens_blocks(t, t->rest, 1);
	t->n_rest = 0;
}

void tokens_counts(const struct token_counter *t, uint64_t ret[TOKEN_COUNTS])
{
	struct token_counter all;

	if (t->n_rest) {
		all = *t;
		tokens_flush(&all);
		t = &all;
	}
	memcpy(ret, t->n, sizeof(t->n));
}

uint64_t tokens_estimate(const struct token_counter *t, enum token_family family)
{
	uint64_t n[TOKEN_COUNTS], sum = 0;

	tokens_counts(t, n);
	for (unsigned i = 0; i < TOKEN_COUNTS; i++)
		sum += n[i] * weights[family][i];
	return (sum + SCALE - 1) / SCALE;
}

enum token_family tokens_family(struct slice model)
{
	static const struct {
		struct slice begin;
		enum token_family family;
	} families[] = {
	        {SLICE_INIT("claude"), TOKENS_CLAUDE},
	        {SLICE_INIT("gpt-4o"), TOKENS_O200K},
	        {SLICE_INIT("gpt-4."), TOKENS_O200K},
	        {SLICE_INIT("gpt-4"), TOKENS_CL100K},
	        {SLICE_INIT("gpt-3.5"), TOKENS_CL100K},
	        {SLICE_INIT("text-embedding-"), TOKENS_CL100K},
	};

	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (model.len && model.at[0] == families[i].begin.at[0] &&
		        slice_starts(model, families[i].begin))
			return families[i].family;
	return TOKENS_O200K;
}
