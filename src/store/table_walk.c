/* SPDX-License-Identifier: Apache-2.0 */
/* table_walk: visits the budgets of a table a handful at a time. A cell that a split moves goes to
 * a chain further on, so none is passed over; the number of the walk in it says that it was
 * visited. */
#include "base/mem.h"
#include "store/table_core.h"

#define HANDFUL 8u
#define CHAINS_A_LOOK 64u /* as many chains are looked through under one lock */

struct handful {
	struct cell *cells[HANDFUL]; /* pinned */
	struct counter counters[HANDFUL];
	unsigned n;
};

static struct counter counter_of(const struct cell *c)
{
	return (struct counter){
	        .group = slice_from(c->group->name, c->group->name_len),
	        .name = slice_from(c->name, c->name_len),
	        .window = c->window,
	        .ends = c->budget.ends,
	        .spent_cost = (nanousd)c->budget.spent_cost,
	        .reserved_cost = (nanousd)budget_sum(c->budget.reserved_cost, INT64_MAX),
	        .spent_tokens = c->budget.spent_tokens,
	        .reserved_tokens = budget_sum(c->budget.reserved_tokens, UINT64_MAX),
	};
}

/* Lets the last handful go and takes the next, from chain *at on. False: the shard is through. */
static bool next_handful(struct shard *s, uint32_t walk, size_t *at, struct handful *h)
{
	bool more;

	pthread_mutex_lock(&s->lock);
	more = *at < s->cells.chains;
	while (h->n)
		h->cells[--h->n]->pinned = false;
	for (unsigned n = 0; more && n < CHAINS_A_LOOK && h->n < HANDFUL; n++) {
		struct cell *c = *cells_chain_at(&s->cells, *at);

		for (; c && h->n < HANDFUL; c = c->next) {
			if (c->kind != DEMAND_BUDGET || c->walk == walk)
				continue;
			c->walk = walk;
			c->pinned = true;
			h->counters[h->n] = counter_of(c);
			h->cells[h->n++] = c;
		}
		if (!c)
			more = ++*at < s->cells.chains;
	}
	pthread_mutex_unlock(&s->lock);
	return more || h->n;
}

void table_walk(struct table *t, void (*fn)(void *arg, const struct counter *c), void *arg)
{
	UNINIT struct handful h;

	h.n = 0;
	pthread_mutex_lock(&t->walk_lock);
	t->walk++;
	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		size_t at = 0;

		while (next_handful(&t->shards[i], t->walk, &at, &h))
			for (unsigned n = 0; n < h.n; n++)
				fn(arg, &h.counters[n]);
	}
	pthread_mutex_unlock(&t->walk_lock);
}

size_t table_count(struct table *t)
{
	size_t n = 0;

	for (unsigned i = 0; i < TABLE_SHARDS; i++) {
		pthread_mutex_lock(&t->shards[i].lock);
		n += t->shards[i].cells.n;
		pthread_mutex_unlock(&t->shards[i].lock);
	}
	return n;
}
