/* SPDX-License-Identifier: Apache-2.0 */
/* tokens_block: sixty-four bytes are looked at together. Each class of bytes is a word with a bit a
 * byte; shifted words tell where runs begin, and the last block's words go on into the next. How
 * bytes become words is all that machines differ in. */
#include "text/tokens_block.h"
#include <endian.h>

#define INLINE static inline __attribute__((always_inline))

typedef uint8_t lanes __attribute__((vector_size(16)));
typedef int8_t signed_lanes __attribute__((vector_size(16)));
#define N_LANES (TOKEN_BLOCK / sizeof(lanes))

/* A bit for each lane that is not zero: the first byte's is the lowest. */
INLINE uint64_t bits_of(lanes v)
{
#ifdef __SSE2__
	typedef char chars __attribute__((vector_size(16)));

	return (unsigned)__builtin_ia32_pmovmskb128((chars)v);
#else
	const uint64_t one = 0x0101010101010101u, gather = 0x0102040810204080u;
	uint64_t half[2];

	memcpy(half, &v, sizeof(half));
	return ((le64toh(half[0]) & one) * gather >> 56) | ((le64toh(half[1]) & one) * gather >> 56)
	                                                           << 8;
#endif
}

/* Where there is no instruction for it the compiler would call for each. */
INLINE unsigned ones(uint64_t w, bool popcnt)
{
	if (popcnt)
		return (unsigned)__builtin_popcountll(w);
	w -= w >> 1 & 0x5555555555555555u;
	w = (w & 0x3333333333333333u) + (w >> 2 & 0x3333333333333333u);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(w * 0x0101010101010101u >> 56);
}

/* What stood so many bytes before; last: of the block before. */
INLINE uint64_t before(uint64_t w, uint64_t last, unsigned bytes)
{
	return w << bytes | last >> (64 - bytes);
}

/* rare: line feeds, and bytes that are no ASCII. */
struct classes {
	uint64_t letters, capitals, digits, printable, blanks;
	bool rare;
};

/* A range of bytes is moved to the lowest end of all signed ones: one comparison finds it. */
#define TO_LOWEST(first) (uint8_t)(128 - (first))
#define LOWEST_END(n) (int8_t)((n)-128)
#define RANGE(v, first, n) ((signed_lanes)((v) + TO_LOWEST(first)) < LOWEST_END(n))

/* By the byte that a character begins with. */
static __attribute__((noinline)) void count_rare(struct token_counter *t, const unsigned char *at)
{
	for (unsigned i = 0; i < N_LANES; i++) {
		lanes v;

		memcpy(&v, at + i * sizeof(v), sizeof(v));
		t->n[TOKEN_LINES] += ones(bits_of((lanes)(v == '\n')), false);
		t->n[TOKEN_TWO] += ones(bits_of((lanes)(v - 0xc0 < 0x20)), false);
		t->n[TOKEN_THREE] += ones(bits_of((lanes)(v - 0xe0 < 0x10)), false);
		t->n[TOKEN_FOUR] += ones(bits_of((lanes)(v >= 0xf0)), false);
	}
}

/* A run of blocks: what it adds, and the last block's words. */
struct run {
	uint64_t words, long_ones, humps, shouts, groups, marks, blank_runs;
	uint64_t letters, two, four, capitals, digits, begins, blanks;
};

INLINE struct run run_from(const struct token_counter *t)
{
	uint64_t two = t->letters & t->letters << 1;

	return (struct run){.letters = t->letters,
	        .two = two,
	        .four = two & two << 2,
	        .capitals = t->capitals,
	        .digits = t->digits,
	        .begins = t->groups,
	        .blanks = t->blanks};
}

INLINE void run_end(const struct run *r, struct token_counter *t)
{
	t->n[TOKEN_WORDS] += r->words;
	t->n[TOKEN_LONG] += r->long_ones;
	t->n[TOKEN_HUMPS] += r->humps;
	t->n[TOKEN_CAPITALS] += r->shouts;
	t->n[TOKEN_DIGITS] += r->groups;
	t->n[TOKEN_MARKS] += r->marks;
	t->n[TOKEN_BLANKS] += r->blank_runs;
	t->letters = r->letters;
	t->capitals = r->capitals;
	t->digits = r->digits;
	t->groups = r->begins;
	t->blanks = r->blanks;
}

INLINE void count_letters(struct run *r, uint64_t letters, uint64_t capitals, bool popcnt)
{
	uint64_t behind = before(letters, r->letters, 1), inside = capitals & behind;
	/* So many letters in a row end here: 2, 4, then the seventh and those behind it. */
	uint64_t two = letters & behind, four = two & before(two, r->two, 2);

	r->words += ones(letters & ~behind, popcnt);
	r->long_ones += ones(four & before(four, r->four, 3), popcnt);
	if (inside) {
		uint64_t shouts = inside & before(capitals, r->capitals, 1);

		r->humps += ones(inside & ~shouts, popcnt);
		r->shouts += ones(shouts, popcnt);
	}
	r->letters = letters;
	r->two = two;
	r->four = four;
	r->capitals = capitals;
}

/* A group begins with a run, and three digits behind the group before. */
INLINE void count_digits(struct run *r, uint64_t digits, bool popcnt)
{
	uint64_t begins = 0;

	if (digits) {
		uint64_t second = before(digits, r->digits, 1);
		uint64_t go_on = digits & second & before(digits, r->digits, 2);
		uint64_t begin = (digits & ~second) | (r->begins >> 61 & go_on);

		for (; begin; begin = begin << 3 & go_on)
			begins |= begin;
		r->groups += ones(begins, popcnt);
	}
	r->digits = digits;
	r->begins = begins;
}

INLINE void count_block(struct run *r, const struct classes *c, bool popcnt)
{
	uint64_t again = c->blanks & before(c->blanks, r->blanks, 1);

	count_letters(r, c->letters, c->capitals, popcnt);
	count_digits(r, c->digits, popcnt);
	r->marks += ones(c->printable & ~c->letters & ~c->digits, popcnt);
	/* The second of a run. */
	if (again)
		r->blank_runs += ones(again & ~before(c->blanks, r->blanks, 2), popcnt);
	r->blanks = c->blanks;
}

INLINE struct classes classes_plain(const unsigned char *at)
{
	struct classes c = {0};
	lanes rare = {0};

	for (unsigned i = 0; i < N_LANES; i++) {
		unsigned shift = 16 * i;
		lanes v;

		memcpy(&v, at + i * sizeof(v), sizeof(v));
		c.letters |= bits_of((lanes)RANGE(v | 0x20, 'a', 26)) << shift;
		c.capitals |= bits_of((lanes)RANGE(v, 'A', 26)) << shift;
		c.digits |= bits_of((lanes)RANGE(v, '0', 10)) << shift;
		c.printable |= bits_of((lanes)RANGE(v, '!', 94)) << shift;
		c.blanks |= bits_of((lanes)((v == ' ') | (v == '\t'))) << shift;
		rare |= v >> 7 | (lanes)(v == '\n');
	}
	c.rare = bits_of((lanes)(rare != 0)) != 0;
	return c;
}

void tokens_blocks_plain(struct token_counter *t, const unsigned char *at, size_t n)
{
#if defined(__POPCNT__) || defined(__aarch64__)
	const bool popcnt = true;
#else
	const bool popcnt = false;
#endif

	struct run r = run_from(t);

	for (; n; n--, at += TOKEN_BLOCK) {
		struct classes c = classes_plain(at);

		count_block(&r, &c, popcnt);
		if (c.rare)
			count_rare(t, at);
	}
	run_end(&r, t);
}

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

typedef uint8_t wide __attribute__((vector_size(32)));
typedef int8_t signed_wide __attribute__((vector_size(32)));
typedef char chars_wide __attribute__((vector_size(32)));

/* What lanes are moved by and compared with. */
struct measures {
	wide to_letter, to_capital, to_digit, to_print, small, tab, line;
	signed_wide n_letters, n_digits, n_print;
};

#define LANES(c) {c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c}
#define BITS(v) ((uint64_t)(unsigned)__builtin_ia32_pmovmskb256((chars_wide)(v)))
#define BOTH(expression) (BITS(expression(v)) | BITS(expression(w)) << 32)
#define LETTER(v) ((signed_wide)((v | k->small) + k->to_letter) < k->n_letters)
#define CAPITAL(v) ((signed_wide)(v + k->to_capital) < k->n_letters)
#define DIGIT(v) ((signed_wide)(v + k->to_digit) < k->n_digits)
#define PRINT(v) ((signed_wide)(v + k->to_print) < k->n_print)
#define BLANK(v) ((v == k->small) | (v == k->tab))
#define RARE(v) (v | (wide)(v == k->line))

AVX2 INLINE struct classes classes_wide(const unsigned char *at, const struct measures *k)
{
	wide v, w;

	memcpy(&v, at, sizeof(v));
	memcpy(&w, at + sizeof(v), sizeof(w));
	return (struct classes){.letters = BOTH(LETTER),
	        .capitals = BOTH(CAPITAL),
	        .digits = BOTH(DIGIT),
	        .printable = BOTH(PRINT),
	        .blanks = BOTH(BLANK),
	        .rare = BITS(RARE(v) | RARE(w)) != 0};
}

static AVX2 void blocks_avx2(struct token_counter *t, const unsigned char *at, size_t n)
{
	static const struct measures measures = {
	        .to_letter = LANES(TO_LOWEST('a')),
	        .to_capital = LANES(TO_LOWEST('A')),
	        .to_digit = LANES(TO_LOWEST('0')),
	        .to_print = LANES(TO_LOWEST('!')),
	        .small = LANES(0x20), /* and a space */
	        .tab = LANES('\t'),
	        .line = LANES('\n'),
	        .n_letters = LANES(LOWEST_END(26)),
	        .n_digits = LANES(LOWEST_END(10)),
	        .n_print = LANES(LOWEST_END(94)),
	};
	const struct measures *k = &measures;
	struct run r = run_from(t);

	/* What the compiler knew it would make anew for each block. */
	__asm__("" : "+r"(k));
	for (; n; n--, at += TOKEN_BLOCK) {
		struct classes c = classes_wide(at, k);

		count_block(&r, &c, true);
		if (c.rare)
			count_rare(t, at);
	}
	run_end(&r, t);
}

tokens_blocks_fn *tokens_blocks_wide(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	                       __builtin_cpu_supports("popcnt")
	               ? blocks_avx2
	               : NULL;
}
#else
tokens_blocks_fn *tokens_blocks_wide(void)
{
	return NULL;
}
#endif

void tokens_blocks(struct token_counter *t, const unsigned char *at, size_t n)
{
	tokens_blocks_fn *wide_blocks = tokens_blocks_wide();

	(wide_blocks ? wide_blocks : tokens_blocks_plain)(t, at, n);
}
