/* SPDX-License-Identifier: Apache-2.0 */
/* series: rows, their cells, and the sums over all parts. */
#include "observe/series.h"
#include <errno.h>
#include "base/clock.h"
#include "base/mem.h"
#include "observe/label.h"

#define IDLE_NS (METRIC_IDLE_SECONDS * NS_PER_S)

static void row_free(struct series_row *row, unsigned n_parts)
{
	if (!row)
		return;
	for (unsigned i = 0; row->cells && i < n_parts; i++)
		mem_free(row->cells[i]);
	mem_free(row->cells);
	mem_free((void *)row->key.at);
	mem_free(row);
}

static struct series_row *row_new(struct series_table *t, struct slice key)
{
	struct series_row *row = mem_zalloc(sizeof(*row) + t->kind->size);

	if (!row)
		return NULL;
	row->key = slice_from(mem_dup(key.at, key.len), key.len);
	row->cells = mem_zalloc(t->n_parts * sizeof(struct series_cell *));
	if (row->key.at && row->cells && !map_add(&t->by_key, row->key, row))
		return row;
	row_free(row, t->n_parts);
	return NULL;
}

/* The part's cell of a row, made at its first use. */
static struct series_cell *row_cell(struct series_table *t, struct series_row *row, unsigned part)
{
	struct series_cell *cell = row->cells[part];

	if (cell)
		return cell;
	cell = mem_zalloc(sizeof(*cell) + t->kind->size);
	if (!cell)
		return NULL;
	if (map_add(&t->parts[part].cells, row->key, cell)) {
		mem_free(cell);
		return NULL;
	}
	cell->key = row->key;
	row->cells[part] = cell;
	return cell;
}

static int other_init(struct series_table *t)
{
	struct label_key key = {0};

	for (unsigned i = 0; i < t->kind->labels; i++)
		label_add(&key, SLICE("other"), SLICE(""));
	t->other = row_new(t, label_key_slice(&key));
	if (!t->other)
		return -ENOMEM;
	for (unsigned i = 0; i < t->n_parts; i++) {
		struct series_cell *cell = row_cell(t, t->other, i);

		if (!cell)
			return -ENOMEM;
		cell->columns = UINT32_MAX;
		t->parts[i].other = cell;
	}
	t->other->columns = UINT32_MAX;
	return 0;
}

int series_init(struct series_table *t, const struct series_kind *kind, unsigned n_parts)
{
	*t = (struct series_table){.kind = kind, .n_parts = n_parts};
	t->parts = mem_zalloc(n_parts * sizeof(*t->parts));
	if (!t->parts || other_init(t)) {
		series_finish(t);
		return -ENOMEM;
	}
	return 0;
}

void series_finish(struct series_table *t)
{
	while (t->rows) {
		struct series_row *row = t->rows;

		t->rows = row->next;
		row_free(row, t->n_parts);
	}
	row_free(t->other, t->n_parts);
	for (unsigned i = 0; t->parts && i < t->n_parts; i++)
		map_finish(&t->parts[i].cells);
	mem_free(t->parts);
	map_finish(&t->by_key);
	*t = (struct series_table){0};
}

static void *cell_count(struct series_cell *cell)
{
	cell->grew = true;
	return cell->counts;
}

void *series_find(struct series_table *t, unsigned part, struct slice key, uint32_t columns)
{
	struct series_part *p = &t->parts[part];
	struct series_cell *cell = p->found;

	/* One agent's calls follow one another: often it is the same as before. */
	if (!cell || !slice_equals(cell->key, key))
		cell = p->found = map_get(&p->cells, key);
	return cell && !(columns & ~cell->columns) ? cell_count(cell) : NULL;
}

void *series_other(struct series_table *t, unsigned part)
{
	return cell_count(t->parts[part].other);
}

static struct series_row *row_join(struct series_table *t, struct slice key)
{
	struct series_row *row = map_get(&t->by_key, key);

	if (row || t->n_series >= METRIC_SERIES_MAX)
		return row;
	row = row_new(t, key);
	if (row) {
		row->next = t->rows;
		t->rows = row;
	}
	return row;
}

/* Whether the column is a series, or may become one. */
static bool row_join_column(struct series_table *t, struct series_row *row, unsigned column)
{
	if (row->columns >> column & 1)
		return true;
	if (t->n_series >= METRIC_SERIES_MAX)
		return false;
	row->columns |= 1u << column;
	t->n_series++;
	atomic_store_explicit(&t->full, t->n_series >= METRIC_SERIES_MAX, memory_order_relaxed);
	return true;
}

void *series_join(struct series_table *t, unsigned part, struct slice key, unsigned column)
{
	struct label_key clean;
	struct series_row *row;
	struct series_cell *cell;

	label_key_clean(key, &clean);
	row = row_join(t, label_key_slice(&clean));
	cell = row ? row_cell(t, row, part) : NULL;
	if (!cell || !row_join_column(t, row, column))
		return series_other(t, part);
	cell->columns |= 1u << column;
	return cell_count(cell);
}

void series_gather_begin(struct series_table *t)
{
	for (struct series_row *row = t->rows; row; row = row->next)
		memset(row->sum, 0, t->kind->size);
	memset(t->other->sum, 0, t->kind->size);
}

static void row_gather(struct series_table *t, struct series_row *row, unsigned part, uint64_t now)
{
	struct series_cell *cell = row->cells[part];

	if (!cell)
		return;
	if (cell->grew)
		row->grew_at = now;
	cell->grew = false;
	t->kind->add(row->sum, cell->counts);
}

void series_gather(struct series_table *t, unsigned part, uint64_t now)
{
	for (struct series_row *row = t->rows; row; row = row->next)
		row_gather(t, row, part, now);
	row_gather(t, t->other, part, now);
}

static bool row_is_idle(const struct series_row *row, uint64_t now)
{
	return now - row->grew_at >= IDLE_NS;
}

bool series_has_idle(const struct series_table *t, uint64_t now)
{
	for (const struct series_row *row = t->rows; row; row = row->next)
		if (row_is_idle(row, now))
			return true;
	return false;
}

/* It may have grown since it was gathered. */
static bool row_grew(const struct series_row *row, unsigned n_parts)
{
	for (unsigned i = 0; i < n_parts; i++)
		if (row->cells[i] && row->cells[i]->grew)
			return true;
	return false;
}

static void row_drop(struct series_table *t, struct series_row *row)
{
	for (unsigned i = 0; i < t->n_parts; i++) {
		if (row->cells[i])
			map_remove(&t->parts[i].cells, row->key);
		if (t->parts[i].found == row->cells[i])
			t->parts[i].found = NULL;
	}
	map_remove(&t->by_key, row->key);
	t->n_series -= (unsigned)__builtin_popcount(row->columns);
	row_free(row, t->n_parts);
}

void series_drop_idle(struct series_table *t, uint64_t now)
{
	for (struct series_row **at = &t->rows; *at;) {
		struct series_row *row = *at;

		if (!row_is_idle(row, now) || row_grew(row, t->n_parts)) {
			at = &row->next;
			continue;
		}
		*at = row->next;
		row_drop(t, row);
	}
	atomic_store_explicit(&t->full, t->n_series >= METRIC_SERIES_MAX, memory_order_relaxed);
}
