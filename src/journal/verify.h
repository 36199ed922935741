/* SPDX-License-Identifier: Apache-2.0 */
/* verify: whether a folder's segments hold, each in itself and each to the one of its worker before
 * it. */
#pragma once
#include "journal/read.h"

struct verdict {
	struct segment_id id;
	uint64_t records, bytes; /* that hold, from the start */
	bool is_open;            /* it was not closed: it is being written, or its process died */
	const char *problem;     /* NULL: it holds */
	uint64_t bad_at;         /* byte of the first place that does not */
	uint64_t lost_to; /* not 0: a note says that what was written from bad_at to here is gone */
};

/* Calls tell for each segment in order, and for what notes in it say is gone, before it. 0; 1:
 * something does not hold; a negative errno: not all could be looked at. */
int journal_verify(int dir, void (*tell)(void *arg, const struct verdict *v), void *arg);
