/* SPDX-License-Identifier: Apache-2.0 */
/* outage: see outage.h. */
#include "exchange/outage.h"
#include "exchange/snapshot.h"
#include "store/budget.h"
#include "weir/exchange.h"

#define AGAIN_MS 1000 /* a store that is down is tried again so often */

/* Whether one of these demands is there to refuse. */
static bool holds(const struct admitted *a, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (!a->ask.demands[i].soft)
			return true;
	return false;
}

/* Nothing of it is counted anywhere. */
static void go_uncounted(struct admitted *a)
{
	a->ask.n = a->n_rates = 0;
	a->by = NULL;
	reservation_price(&a->ask.reservation);
	a->in_force = true;
}

/* What budgets in shadow would have said is not known. */
static int ask_here(struct exchange *x, struct admitted *a)
{
	struct store *here = x->env->local;

	a->ask.n = a->n_rates;
	a->by = here;
	int r = here->ops->admit(here, &a->ask);
	if (r < 0)
		return r;
	a->in_force = a->ask.granted;
	return 0;
}

int outage_go_on(struct exchange *x, struct admitted *a, int error)
{
	enum store_outage rule = (enum store_outage)x->snapshot->conf->store.rates_on_outage;

	if (!x->env->local || holds(a, a->n_rates, a->ask.n) || (rule == OUTAGE_CLOSED && holds(a, 0, a->n_rates))) {
		a->without_store = "closed";
		return error;
	}
	if (rule == OUTAGE_LOCAL && a->n_rates) {
		a->without_store = "local";
		return ask_here(x, a);
	}
	a->without_store = "open";
	go_uncounted(a);
	return 0;
}

enum verdict outage_refuse(struct call *c)
{
	enum verdict v = call_refuse(c, FAULT_STORE_UNAVAILABLE, NULL,
		"What this agent has used cannot be looked up now, and its policy allows nothing without; try again.");

	c->refusal.retry_after_ms = AGAIN_MS;
	return v;
}
