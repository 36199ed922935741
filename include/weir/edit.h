/* SPDX-License-Identifier: Apache-2.0 */
/* edit: changes to a document as a list against its original bytes, never a re-serialisation, so that what nobody
 * changed stays byte for byte as it came (provider prompt caches depend on it). */
#pragma once
#include "base/arena.h"

struct span {
	uint32_t start, end; /* bytes; end is one past */
};

struct edit {
	struct span place;
	struct slice bytes; /* what stands there instead; borrowed, as long as the list */
	const char *who;    /* the policy or dialect, for the log and for bugs */
	uint32_t order;     /* of being added: inserts at one place keep it */
};

struct edits {
	struct arena *arena; /* borrowed: the list lives in it */
	struct edit *list;
	unsigned n, cap;
	bool sorted;
};

void edits_init(struct edits *e, struct arena *arena);
/* 0 or -ENOMEM. start == end inserts. */
int edits_add(struct edits *e, struct span place, struct slice bytes, const char *who);
/* Sorts once; a removal (empty bytes) swallows edits inside it; any other overlap is -EINVAL: a bug of the caller. */
int edits_sort(struct edits *e);
size_t edits_length(const struct edits *e, size_t original); /* of the result; after edits_sort */
/* The result as slices of the original and of the edits' bytes, in arena memory. 0, -ENOMEM, -EINVAL. */
int edits_apply(struct edits *e, struct slice original, struct slice **ret_slices, unsigned *ret_n);
