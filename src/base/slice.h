/* SPDX-License-Identifier: Apache-2.0 */
/* slice: borrowed bytes, never NUL-terminated. Whoever makes one says how long it lives. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *at;
	size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_INIT(literal) {(literal), sizeof(literal) - 1}
/* for printf: "%.*s", SLICE_FMT(s) */
#define SLICE_FMT(s) (int)(s).len, (s).at

static inline struct slice slice_from(const void *at, size_t len)
{
	return (struct slice){at, len};
}

static inline struct slice slice_str(const char *str)
{
	return (struct slice){str, str ? strlen(str) : 0};
}

static inline bool slice_equals(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

static inline bool slice_is(struct slice a, const char *str)
{
	return slice_equals(a, slice_str(str));
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && (!prefix.len || !memcmp(s.at, prefix.at, prefix.len));
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len &&
	       (!suffix.len || !memcmp(s.at + s.len - suffix.len, suffix.at, suffix.len));
}

static inline struct slice slice_skip(struct slice s, size_t n)
{
	n = n < s.len ? n : s.len;
	return n ? (struct slice){s.at + n, s.len - n} : s;
}

/* memcpy for what is mostly short: moves that may overlap instead of a call. */
static inline void bytes_copy(char *to, const char *at, size_t len)
{
	if (len > 32) {
		memcpy(to, at, len);
	} else if (len >= 16) {
		memcpy(to, at, 16);
		memcpy(to + len - 16, at + len - 16, 16);
	} else if (len >= 8) {
		memcpy(to, at, 8);
		memcpy(to + len - 8, at + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, at, 4);
		memcpy(to + len - 4, at + len - 4, 4);
	} else if (len) {
		to[0] = at[0];
		to[len / 2] = at[len / 2];
		to[len - 1] = at[len - 1];
	}
}

/* memcmp for what is mostly short and whose first bytes mostly tell. */
static inline bool bytes_equal(const char *a, const char *b, size_t len)
{
	uint64_t x, y, v, w;

	if (len > 16)
		return !memcmp(a, b, len);
	if (len >= 8) {
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		memcpy(&v, a + len - 8, 8);
		memcpy(&w, b + len - 8, 8);
		return x == y && v == w;
	}
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

bool bytes_equal_nocase(const char *a, const char *b, size_t len);

/* ASCII letters only, as HTTP compares names (RFC 9110 5.1). */
static inline bool slice_equals_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && bytes_equal_nocase(a.at, b.at, a.len);
}
bool slice_holds(struct slice s, struct slice what); /* what stands somewhere in s; nothing stands everywhere */
struct slice slice_trim(struct slice s); /* blanks and tabs at both ends */
/* Decimal digits only, no sign. 0, or -EINVAL, -ERANGE (over max); ret is untouched then. */
int slice_to_u64(struct slice s, uint64_t max, uint64_t *ret);
/* '*' stands for any run of bytes, also the empty one; nothing else is special. Linear in s for one star, s*pattern at worst. */
bool slice_matches_glob(struct slice s, struct slice pattern);
