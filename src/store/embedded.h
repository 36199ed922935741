/* SPDX-License-Identifier: Apache-2.0 */
/* embedded: the store of one process. Everything is in memory and answered at once; what survives
 * the process is the journal's, from which embedded_load fills it again. All workers share it.
 *
 * A counter that an admission names twice is compared with each limit, and taken from once. A soft
 * rate or slot that would refuse is not taken: its call would not have run, and what it would have
 * used must not hold up those after it. A soft budget is always taken, since money is really spent.
 * Rates go by the monotonic clock, so that nobody gains by setting the time. */
#pragma once
#include "base/clock.h"
#include "store/table.h"
#include "weir/store.h"

#define EMBEDDED_IDS_A_GROUP 1000000u

struct embedded;
struct embedded *embedded_new(
        struct table_limits limits, struct clock *clock); /* NULL: no memory */
void embedded_free(struct embedded *e);                   /* nothing may be held any more */
struct store *embedded_store(struct embedded *e);
/* Adds to a budget's counter, from before anybody asks or later. 0, -ENOSPC, -ENOMEM. */
int embedded_load(struct embedded *e, struct slice group, struct slice name, uint64_t window,
        uint64_t ends, nanousd spent_cost, uint64_t spent_tokens);
/* A value from before anybody asks; as keep_load. */
struct kept_row;
int embedded_load_kept(struct embedded *e, const struct kept_row *row);
/* As table_walk. */
void embedded_walk(struct embedded *e, void (*fn)(void *arg, const struct counter *c), void *arg);
/* Forgets some of what nobody needs any more; to be called now and then, from any thread. */
void embedded_sweep(struct embedded *e);
size_t embedded_memory(const struct embedded *e); /* of counters */
