/* SPDX-License-Identifier: Apache-2.0 */
/* cells: see cells.h. With n chains and p the highest power of two within n, a hash belongs to
 * chain hash mod 2p, or mod p where that one is not there yet; chain n comes out of chain n - p. */
#include "store/cells.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"

static size_t power_within(size_t n)
{
	return (size_t)1 << (63 - __builtin_clzll(n));
}

/* Segment 0 has the first chains, segment s those from CELLS_FIRST << (s - 1) on. */
static unsigned segment_of(size_t index)
{
	return index < CELLS_FIRST ? 0 : 64 - (unsigned)__builtin_clzll(index / CELLS_FIRST);
}

static size_t segment_start(unsigned segment)
{
	return segment ? (size_t)CELLS_FIRST << (segment - 1) : 0;
}

int cells_init(struct cells *c)
{
	*c = (struct cells){.chains = CELLS_FIRST};
	c->segments[0] = mem_zalloc(CELLS_FIRST * sizeof(struct cell *));
	return c->segments[0] ? 0 : -ENOMEM;
}

void cells_finish(struct cells *c)
{
	for (size_t i = 0; c->segments[0] && i < c->chains; i++) {
		struct cell **chain = cells_chain_at(c, i);

		while (*chain)
			mem_free(cells_remove(c, chain));
	}
	for (unsigned i = 0; i < CELLS_SEGMENTS; i++)
		mem_free(c->segments[i]);
}

struct cell **cells_chain_at(const struct cells *c, size_t index)
{
	unsigned segment = segment_of(index);

	return &c->segments[segment][index - segment_start(segment)];
}

struct cell **cells_chain(const struct cells *c, uint64_t hash)
{
	size_t power = power_within(c->chains);
	size_t index = hash & (2 * power - 1);

	return cells_chain_at(c, index < c->chains ? index : index & (power - 1));
}

static void cells_split(struct cells *c)
{
	size_t index = c->chains, power = power_within(index);
	unsigned segment = segment_of(index);
	struct cell **from, **to;

	if (segment == CELLS_SEGMENTS)
		return;
	if (!c->segments[segment])
		c->segments[segment] = mem_zalloc(segment_start(segment) * sizeof(struct cell *));
	if (!c->segments[segment])
		return;
	c->chains++;
	from = cells_chain_at(c, index - power);
	to = cells_chain_at(c, index);
	while (*from) {
		struct cell *cell = *from;

		if (!(cell->hash & power)) {
			from = &cell->next;
			continue;
		}
		*from = cell->next;
		cell->next = *to;
		*to = cell;
	}
}

void cells_add(struct cells *c, struct cell *cell)
{
	struct cell **chain;

	if (c->n >= c->chains)
		cells_split(c);
	chain = cells_chain(c, cell->hash);
	cell->next = *chain;
	*chain = cell;
	c->n++;
}

struct cell *cells_remove(struct cells *c, struct cell **place)
{
	struct cell *cell = *place;

	assert(cell && c->n);
	*place = cell->next;
	c->n--;
	return cell;
}
