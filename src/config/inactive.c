/* SPDX-License-Identifier: Apache-2.0 */
/* inactive: walks the tables; a table that is used by several keys is walked once. */
#include "config/inactive.h"
#include "config/keys.h"

#define INACTIVE_MAX 64u

struct notes {
	const char *at[INACTIVE_MAX];
	unsigned n;
};

static void add(struct notes *notes, const char *sentence)
{
	for (unsigned i = 0; i < notes->n; i++)
		if (notes->at[i] == sentence)
			return;
	if (notes->n < INACTIVE_MAX)
		notes->at[notes->n++] = sentence;
}

static void collect(const struct directive *table, struct notes *notes)
{
	for (const struct directive *d = table; d->name; d++) {
		if (d->note)
			add(notes, d->note);
		if (d->block && d->status == DIRECTIVE_BUILT)
			collect(d->block, notes);
	}
}

void inactive_list(struct load *l)
{
	struct notes notes = {.n = 0};
	struct conf *c = l->conf;

	collect(root_directives, &notes);
	c->inactive = reader_alloc(&l->reader, (notes.n + 1) * sizeof(*c->inactive));
	if (!c->inactive)
		return;
	memcpy(c->inactive, notes.at, notes.n * sizeof(*c->inactive));
	c->n_inactive = notes.n;
}
