/* SPDX-License-Identifier: Apache-2.0 */
/* cells: counters by hash, each with its names. A table of chains that grows by one chain at a time
 * (linear hashing, Litwin 1980), so that no insertion pays for all that are there. */
#pragma once
#include "store/budget.h"
#include "store/gcra.h"

#define CELLS_FIRST 16u
#define CELLS_SEGMENTS 28u /* of chains: 16, 16, 32, 64 and so on */

struct group {      /* of counters: an agent, a team, a tool; lives as long as it has cells */
	uint32_t n; /* cells in it */
	uint32_t name_len;
	char name[];
};

struct cell {
	struct cell *next;   /* in its chain */
	struct group *group; /* counted by n */
	uint64_t hash;       /* of group, name, window and kind */
	uint64_t window;
	uint64_t touched; /* monotonic ns: last asked */
	uint32_t held;    /* admissions that have to settle it: slots taken, reservations open */
	uint32_t walk;    /* the last walk that has visited it */
	bool pinned;      /* a walk looks at it */
	uint8_t kind;     /* enum demand_kind */
	uint16_t name_len;
	union {
		struct {
			struct gcra rate;
			gcra_time unit; /* of the rate that asked last: so many a period */
			uint64_t count, period_ns; /* 0: none has */
		};
		struct budget budget;
	};
	char name[];
};

struct cells {
	struct cell **segments[CELLS_SEGMENTS]; /* owned */
	size_t n, chains;
};

int cells_init(struct cells *c);    /* 0 or -ENOMEM */
void cells_finish(struct cells *c); /* frees the cells, not their groups */
/* The chain where a hash is looked for. Cells of other hashes stand there too. */
struct cell **cells_chain(const struct cells *c, uint64_t hash);
struct cell **cells_chain_at(const struct cells *c, size_t index); /* index < chains */
/* Adds a cell, and a chain if they become long and there is memory for it. */
void cells_add(struct cells *c, struct cell *cell);
/* Takes out the cell at a place of its chain; the caller frees it. */
struct cell *cells_remove(struct cells *c, struct cell **place);
