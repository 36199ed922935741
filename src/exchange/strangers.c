/* SPDX-License-Identifier: Apache-2.0 */
/* strangers: the generic cell rate algorithm in integer nanoseconds. */
#include "base/clock.h"
#include "base/map.h"
#include "exchange/strangers.h"

/* A peer comes back from another port each time. */
static struct slice host_of(struct slice address)
{
	const char *colon = address.len ? memrchr(address.at, ':', address.len) : NULL;

	if (colon)
		address.len = (size_t)(colon - address.at);
	return address;
}

bool strangers_count(struct strangers *s, struct slice address, uint64_t now_ns)
{
	_Atomic uint64_t *cell = &s->cells[hash_bytes(host_of(address)) % STRANGER_CELLS];
	const uint64_t step = NS_PER_S / STRANGER_RATE;
	uint64_t due = atomic_load_explicit(cell, memory_order_relaxed), next;

	do {
		uint64_t from = due > now_ns ? due : now_ns;
		if (from - now_ns > NS_PER_S - step)
			return false;
		next = from + step;
	} while (!atomic_compare_exchange_weak_explicit(
		cell, &due, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool strangers_are_too_many(struct strangers *s, enum fault why, struct slice address, uint64_t now_ns)
{
	return s && fault_infos[why].blame == BLAME_CLIENT && why != FAULT_REQUEST_TIMEOUT && !strangers_count(s, address, now_ns);
}
