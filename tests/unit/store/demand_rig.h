/* SPDX-License-Identifier: Apache-2.0 */
/* demand_rig: what tests of a store ask for, of one agent. */
#pragma once
#include "base/clock.h"
#include "weir/store.h"

static inline struct demand rate(const char *name, uint64_t a_second, uint64_t units)
{
	return (struct demand){.kind = DEMAND_RATE,
	        .group = SLICE("a:one"),
	        .name = slice_str(name),
	        .rate = {a_second, NS_PER_S, a_second, units}};
}

static inline struct demand slot(const char *name, uint32_t limit)
{
	return (struct demand){.kind = DEMAND_SLOT,
	        .group = SLICE("a:one"),
	        .name = slice_str(name),
	        .slot = {limit}};
}

static inline struct demand budget_in(
        const char *name, nanousd cost, uint64_t tokens, uint64_t window, uint64_t ends)
{
	return (struct demand){.kind = DEMAND_BUDGET,
	        .group = SLICE("a:one"),
	        .name = slice_str(name),
	        .budget = {cost, tokens, window, ends}};
}
