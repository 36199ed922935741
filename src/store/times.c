/* SPDX-License-Identifier: Apache-2.0 */
/* times: a table of counts. */
#include "store/times.h"
#include <errno.h>

const char *const store_op_names[STORE_OPS] = {
        "admit", "settle", "look", "claim", "finish", "get", "put"};

const char *const store_outcome_names[STORE_OUTCOMES] = {"ok", "timeout", "lost", "down", "fenced",
        "read_only", "full", "not_now", "denied", "error"};

static const uint64_t bounds[STORE_TIMES_BOUNDS] = STORE_TIMES_NS;

enum store_outcome store_outcome_of(int result)
{
	if (result >= 0)
		return STORE_OK;
	switch (result) {
	case -ETIMEDOUT:
		return STORE_TIMEOUT;
	case -ECONNRESET:
		return STORE_LOST;
	case -ENOTCONN:
	case -EHOSTDOWN:
	case -ENOBUFS:
		return STORE_DOWN;
	case -EROFS:
		return STORE_READ_ONLY;
	case -ENOSPC:
		return STORE_FULL;
	case -EAGAIN:
		return STORE_NOT_NOW;
	case -EACCES:
		return STORE_DENIED;
	default:
		return STORE_ERROR;
	}
}

static void add(_Atomic uint64_t *n, uint64_t more)
{
	/* One thread writes. */
	uint64_t was = atomic_load_explicit(n, memory_order_relaxed);

	atomic_store_explicit(n, was + more, memory_order_relaxed);
}

void store_times_count(struct store_times *t, enum store_op op, enum store_outcome how, uint64_t ns)
{
	unsigned i = 0;

	while (i < STORE_TIMES_BOUNDS && ns > bounds[i])
		i++;
	add(&t->n[op][how][i], 1);
	add(&t->sum_ns[op][how], ns);
}
