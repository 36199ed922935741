/* SPDX-License-Identifier: Apache-2.0 */
/* series: counts for each set of label values. A table is the process's; each of its parts is what
 * one thread has counted. A row is a set of label values, a cell is one part's counts for it. A
 * cell may hold several series side by side, its columns (input tokens, output tokens); only
 * columns that were ever counted in are series. There are at most METRIC_SERIES_MAX of them; what
 * is new after that goes to the row "other", which every part has from the start.
 *
 * Nothing here locks. Two locks are assumed: the table's (over its rows) and one for each part
 * (over its cells). */
#pragma once
#include <stdalign.h>
#include <stdatomic.h>
#include "base/map.h"
#include "observe/metrics.h"

#define SERIES_COLUMNS_MAX 32

struct series_kind {
	size_t size;     /* of the counts, which are zero at first */
	unsigned labels; /* values of a key */
	void (*add)(void *sum, const void *more);
};

struct series_cell {
	struct slice key; /* borrowed from the row */
	uint32_t columns; /* a bit for each that may be counted in here */
	bool grew;        /* since the last gathering */
	alignas(max_align_t) unsigned char counts[];
};

struct series_row {
	struct series_row *next;    /* made before this one; owned */
	struct slice key;           /* owned; see label.h */
	uint32_t columns;           /* of all cells */
	uint64_t grew_at;           /* monotonic ns, when it was last seen to have grown */
	struct series_cell **cells; /* one a part, NULL where it counted nothing; owned */
	alignas(max_align_t) unsigned char sum[]; /* of all parts at the last gathering */
};

struct series_part {
	struct map cells;          /* by key; the row owns them */
	struct series_cell *other; /* borrowed from the row */
	struct series_cell *found; /* the last one; borrowed; may be NULL */
};

struct series_table {
	const struct series_kind *kind; /* borrowed */
	unsigned n_parts, n_series;
	struct series_part *parts; /* owned */
	struct map by_key;
	struct series_row *rows;  /* owned; the newest first */
	struct series_row *other; /* owned */
	atomic_bool full;
};

/* 0 or -ENOMEM, and then there is nothing to finish. */
int series_init(struct series_table *t, const struct series_kind *kind, unsigned n_parts);
void series_finish(struct series_table *t);
/* Where a part counts in all of these columns (a bit each), or NULL: ask series_join for each of
 * them. Under the part's lock; what it returns holds until that is let go. */
void *series_find(struct series_table *t, unsigned part, struct slice key, uint32_t columns);
/* Where a part counts; that of "other" when the table is full or there is no memory. Under both
 * locks. */
void *series_join(struct series_table *t, unsigned part, struct slice key, unsigned column);
void *series_other(struct series_table *t, unsigned part); /* under the part's lock */

/* Gathering, under the table's lock: begin, then each part under its own as well. */
void series_gather_begin(struct series_table *t);
void series_gather(struct series_table *t, unsigned part, uint64_t now);
bool series_has_idle(const struct series_table *t, uint64_t now);
void series_drop_idle(
        struct series_table *t, uint64_t now); /* under the table's lock and every part's */
