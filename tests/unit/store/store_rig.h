/* SPDX-License-Identifier: Apache-2.0 */
/* store_rig: an embedded store, a clock that stands still, and one admission to fill in. */
#pragma once
#include "rig/fake_clock.h"
#include "rig/unit.h"
#include "store/embedded.h"
#include "unit/store/demand_rig.h"

#define WALL_S 1767225600u /* where the fake clock begins */

static struct fake_clock fake;
static struct embedded *embedded;
static struct store *store;
static struct demand demands[8];
static struct admission a;

static inline int rig_begin_with(struct table_limits limits)
{
	fake_clock_init(&fake);
	embedded = embedded_new(limits, &fake.clock);
	store = embedded ? embedded_store(embedded) : NULL;
	memset(demands, 0, sizeof(demands));
	a = (struct admission){.demands = demands};
	return embedded ? 0 : -ENOMEM;
}

static inline int rig_begin(void **state)
{
	(void)state;
	return rig_begin_with((struct table_limits){.ids = 1000, .memory = 1u << 22});
}

static inline int rig_end(void **state)
{
	(void)state;
	embedded_free(embedded);
	return 0;
}

static inline struct demand budget(const char *name, nanousd cost, uint64_t tokens)
{
	return budget_in(name, cost, tokens, WALL_S, WALL_S + 3600);
}

static inline int admit(unsigned n)
{
	a.n = n;
	a.now_wall_ns = fake.wall;
	a.expires = fake.wall + 60 * NS_PER_S;
	return store->ops->admit(store, &a);
}

static inline void settle(bool ran, nanousd cost, uint64_t tokens)
{
	store->ops->settle(store, &a, &(struct settlement){ran, cost, tokens});
}

static inline struct demand look(struct demand d)
{
	assert_int_equal(store->ops->look(store, &d, 1, fake.wall, NULL), READY);
	return d;
}

/* All that a budget says at once. */
static inline void check_budget(struct demand d, nanousd spent, nanousd reserved)
{
	d = look(d);
	assert_int_equal(d.spent_cost, spent);
	assert_int_equal(d.reserved_cost, reserved);
}
