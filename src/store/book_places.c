/* SPDX-License-Identifier: Apache-2.0 */
/* book_places: how far each worker's journal was read. A handful, looked through from the front. */
#include <errno.h>
#include "base/mem.h"
#include "store/book_core.h"

struct place *places_get(struct places *p, uint32_t worker)
{
	struct place *more;

	for (unsigned i = 0; i < p->n; i++)
		if (p->list[i].worker == worker)
			return &p->list[i];
	more = mem_realloc(p->list, (p->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->list = more;
	p->list[p->n] = (struct place){.worker = worker};
	return &p->list[p->n++];
}

int places_copy(struct places *to, const struct places *from)
{
	if (to->n < from->n) {
		struct place *more = mem_realloc(to->list, from->n * sizeof(*more));

		if (!more)
			return -ENOMEM;
		to->list = more;
	}
	if (from->n)
		memcpy(to->list, from->list, from->n * sizeof(*to->list));
	to->n = from->n;
	return 0;
}

static int take_place(struct book *b, sqlite3_stmt *s)
{
	struct place *p = places_get(&b->committed, (uint32_t)sqlite3_column_int64(s, 0));
	struct slice hash = column_slice(s, 3), head = column_slice(s, 4);

	if (!p)
		return -ENOMEM;
	p->number = (uint32_t)sqlite3_column_int64(s, 1);
	p->offset = (uint64_t)sqlite3_column_int64(s, 2);
	if (hash.len == sizeof(p->hash))
		memcpy(p->hash, hash.at, sizeof(p->hash));
	p->has_head = head.len == sizeof(p->head);
	if (p->has_head)
		memcpy(p->head, head.at, sizeof(p->head));
	return 0;
}

int book_places_read(struct book *b)
{
	sqlite3_stmt *s = book_statement(b, SQL_PLACES);
	int code = SQLITE_DONE, r = s ? 0 : book_error(b);

	while (!r && (code = sqlite3_step(s)) == SQLITE_ROW)
		r = take_place(b, s);
	if (!r && code != SQLITE_DONE)
		r = book_error(b);
	if (s)
		sqlite3_reset(s);
	return r ? r : places_copy(&b->read, &b->committed);
}
