/* SPDX-License-Identifier: Apache-2.0 */
/* tokens: sixty-four bytes are looked at together. Each class of bytes is a word with a bit a byte;
 * shifted words tell where runs begin, and the last block's words go on into the next. */
#include "weir/tokens.h"
#include <endian.h>

#define INLINE static inline __attribute__((always_inline))

typedef uint8_t lanes __attribute__((vector_size(16)));
#define N_LANES (TOKEN_BLOCK / sizeof(lanes))

/* Thousandths of a token that each count stands for, fitted to counts of the tokenizers themselves.
 * A character of four bytes is at most four tokens. */
#define SCALE 1000u
static const uint16_t weights[TOKEN_FAMILIES][TOKEN_COUNTS] = {
        [TOKENS_O200K] = {1010, 67, 1360, 370, 1330, 440, 1100, 670, 290, 700, 2500},
        [TOKENS_CL100K] = {1050, 40, 1490, 420, 1320, 420, 1380, 360, 480, 930, 2700},
        [TOKENS_CLAUDE] = {1110, 44, 1600, 350, 1250, 500, 1870, 0, 590, 880, 3000},
};

/* A bit for each lane that is not zero: the first byte's is the lowest. */
INLINE uint64_t bits_of(lanes v)
{
#ifdef __SSE2__
	typedef char signed_lanes __attribute__((vector_size(16)));

	return (unsigned)__builtin_ia32_pmovmskb128((signed_lanes)v);
#else
	const uint64_t one = 0x0101010101010101u, gather = 0x0102040810204080u;
	uint64_t half[2];

	memcpy(half, &v, sizeof(half));
	return ((le64toh(half[0]) & one) * gather >> 56) | ((le64toh(half[1]) & one) * gather >> 56)
	                                                           << 8;
#endif
}

/* Without an instruction for it the compiler would call for each. */
INLINE unsigned ones(uint64_t w)
{
#if defined(__POPCNT__) || defined(__aarch64__)
	return (unsigned)__builtin_popcountll(w);
#else
	w -= w >> 1 & 0x5555555555555555u;
	w = (w & 0x3333333333333333u) + (w >> 2 & 0x3333333333333333u);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(w * 0x0101010101010101u >> 56);
#endif
}

/* What stood so many bytes before; last: of the block before. */
INLINE uint64_t before(uint64_t w, uint64_t last, unsigned bytes)
{
	return w << bytes | last >> (64 - bytes);
}

struct classes {
	uint64_t letters, capitals, digits, printable, lines, blanks, high;
};

INLINE struct classes classes_of(const lanes v[N_LANES])
{
	struct classes c = {0};

	for (unsigned i = 0; i < N_LANES; i++) {
		unsigned at = 16 * i;

		/* c - first wraps round, so that one comparison finds both ends of a range. */
		c.letters |= bits_of((lanes)((v[i] | 0x20) - 'a' < 26)) << at;
		c.capitals |= bits_of((lanes)(v[i] - 'A' < 26)) << at;
		c.digits |= bits_of((lanes)(v[i] - '0' < 10)) << at;
		c.printable |= bits_of((lanes)(v[i] - 0x21 < 0x5e)) << at;
		c.lines |= bits_of((lanes)(v[i] == '\n')) << at;
		c.blanks |= bits_of((lanes)((v[i] == ' ') | (v[i] == '\t'))) << at;
		c.high |= bits_of((lanes)(v[i] >= 0x80)) << at;
	}
	return c;
}

/* By the byte that a character begins with. */
static __attribute__((noinline)) void count_wide(struct token_counter *t, const lanes v[N_LANES])
{
	for (unsigned i = 0; i < N_LANES; i++) {
		t->n[TOKEN_TWO] += ones(bits_of((lanes)(v[i] - 0xc0 < 0x20)));
		t->n[TOKEN_THREE] += ones(bits_of((lanes)(v[i] - 0xe0 < 0x10)));
		t->n[TOKEN_FOUR] += ones(bits_of((lanes)(v[i] >= 0xf0)));
	}
}

INLINE void count_letters(struct token_counter *t, uint64_t letters, uint64_t capitals)
{
	uint64_t last = t->letters, small = letters & ~capitals;
	/* So many letters in a row end here: 2, 4, then the seventh and those behind it. */
	uint64_t two = letters & before(letters, last, 1), last_two = last & last << 1;
	uint64_t four = two & before(two, last_two, 2), last_four = last_two & last_two << 2;

	t->n[TOKEN_WORDS] += ones(letters & ~before(letters, last, 1));
	t->n[TOKEN_LONG] += ones(four & before(four, last_four, 3));
	t->n[TOKEN_HUMPS] += ones(capitals & before(small, last & ~t->capitals, 1));
	t->n[TOKEN_CAPITALS] += ones(capitals & before(capitals, t->capitals, 1));
	t->letters = letters;
	t->capitals = capitals;
}

/* A group begins with a run, and three digits behind the group before. */
INLINE void count_digits(struct token_counter *t, uint64_t digits)
{
	uint64_t second = before(digits, t->digits, 1), third = before(digits, t->digits, 2);
	uint64_t go_on = digits & second & third, begin, groups = 0;

	if (digits) {
		begin = (digits & ~second) | (t->groups >> 61 & go_on);
		for (; begin; begin = begin << 3 & go_on)
			groups |= begin;
		t->n[TOKEN_DIGITS] += ones(groups);
	}
	t->digits = digits;
	t->groups = groups;
}

static void count_block(struct token_counter *t, const unsigned char *at)
{
	struct classes c;
	lanes v[N_LANES];

	memcpy(v, at, sizeof(v));
	c = classes_of(v);
	count_letters(t, c.letters, c.capitals);
	count_digits(t, c.digits);
	t->n[TOKEN_MARKS] += ones(c.printable & ~c.letters & ~c.digits);
	t->n[TOKEN_LINES] += ones(c.lines);
	/* The second of a run. */
	t->n[TOKEN_BLANKS] +=
	        ones(c.blanks & before(c.blanks, t->blanks, 1) & ~before(c.blanks, t->blanks, 2));
	t->blanks = c.blanks;
	if (c.high)
		count_wide(t, v);
}

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
		count_block(t, t->rest);
		t->n_rest = 0;
	}
	for (; left >= TOKEN_BLOCK; at += TOKEN_BLOCK, left -= TOKEN_BLOCK)
		count_block(t, at);
	if (left)
		memcpy(t->rest, at, left);
	t->n_rest = (unsigned)left;
}

/* A NUL counts as nothing and ends every run. */
void tokens_part(struct token_counter *t)
{
	tokens_feed(t, slice_from("", 1));
}

void tokens_counts(const struct token_counter *t, uint64_t ret[TOKEN_COUNTS])
{
	struct token_counter all = *t;

	if (all.n_rest) {
		memset(all.rest + all.n_rest, 0, TOKEN_BLOCK - all.n_rest);
		count_block(&all, all.rest);
	}
	memcpy(ret, all.n, sizeof(all.n));
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
		if (slice_starts(model, families[i].begin))
			return families[i].family;
	return TOKENS_O200K;
}
