/* SPDX-License-Identifier: Apache-2.0 */
/* label: label values as a key. A key is its values one after the other, each behind a byte that
 * says how long it is; values are cut at LABEL_MAX bytes. Callers choose some of them, so they are
 * cleaned before a series is made of them. */
#pragma once
#include "base/buf.h"

#define LABEL_MAX 128 /* bytes of a value */
#define LABELS_MAX 4  /* values of a key */
#define LABEL_KEY_MAX (LABELS_MAX * (1 + LABEL_MAX))

struct label_key {
	size_t len;
	char at[LABEL_KEY_MAX];
};

/* An empty value becomes instead. */
static inline void label_add(struct label_key *k, struct slice value, struct slice instead)
{
	if (!value.len)
		value = instead;
	if (value.len > LABEL_MAX)
		value.len = LABEL_MAX;
	k->at[k->len] = (char)value.len;
	bytes_copy(k->at + k->len + 1, value.at, value.len);
	k->len += 1 + value.len;
}

static inline struct slice label_key_slice(const struct label_key *k)
{
	return slice_from(k->at, k->len);
}

/* Takes the first value off the key. */
struct slice label_next(struct slice *key);
/* Copies a key; what is not UTF-8, and what would not be seen as what it is, becomes question
 * marks. */
void label_key_clean(struct slice key, struct label_key *ret);
/* A value between its quotes. 0, -ENOMEM, -ENOBUFS. */
int label_write(struct slice value, struct buf *out);
