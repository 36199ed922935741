/* SPDX-License-Identifier: Apache-2.0 */
/* remote_settle: what must reach the server, however long it takes: settlements, cancellations, and
 * after a fail-over all that is held or was settled a short while ago. Each is carried out once by
 * its id, so whatever is in doubt is said again. */
#include <assert.h>
#include <errno.h>
#include "base/log.h"
#include "base/mem.h"
#include "store/owed.h"
#include "store/remote_core.h"

#define AGAIN_NS (50 * NS_PER_MS)
#define AGAIN_MIN 4u
#define AGAIN_MAX 256u
#define KNOWN_NS (540 * NS_PER_S) /* so long a server surely knows what it has settled: 10 minutes */

static void hold_put(struct hold *h, struct redis_link *on);

static bool again_leave(struct hold *h)
{
	bool was_again = h->is_again;

	h->is_again = false;
	h->remote->n_again -= was_again;
	return was_again;
}

/* With replicas all that is put in one turn is answered at once, so what a server cannot do within
 * a deadline would never get done. The more was answered in time, the more is put at once. */
static void again_end(struct hold *h, bool in_time)
{
	struct remote *r = h->remote;

	if (!again_leave(h))
		return;
	if (in_time)
		r->again_max += r->again_max < AGAIN_MAX;
	else
		r->again_max = r->again_max / 2 < AGAIN_MIN ? AGAIN_MIN : r->again_max / 2;
}

static void hold_wait(struct hold *h)
{
	struct remote *r = h->remote;

	again_end(h, false);
	list_unlink(&h->wait);
	list_push(&r->waiting, &h->wait);
	if (!r->again.at)
		loop_deadline_after(r->loop, &r->again, AGAIN_NS);
}

/* ---- the fence */

void remote_note_up(struct remote *r)
{
	bool up = !r->fenced && redis_state(r->redis).up;

	atomic_store_explicit(&r->times.up, up, memory_order_relaxed);
}

/* It opens when all of ours has been said again, and others have had time to say theirs. */
static void fence_look(struct remote *r)
{
	if (!r->fenced || r->n_asserting || r->fence.at)
		return;
	r->fenced = false;
	remote_note_up(r);
	log_info("the store admits again: all that is held here has been said again");
}

void remote_on_fence(struct deadline *d)
{
	fence_look(container_of(d, struct remote, fence));
}

void remote_sure(struct remote *r, bool *is_doubtful)
{
	if (!*is_doubtful)
		return;
	*is_doubtful = false;
	r->n_asserting--;
	fence_look(r);
}

void remote_doubt(struct remote *r, bool *is_doubtful)
{
	r->n_asserting += !*is_doubtful;
	*is_doubtful = true;
}

static void hold_is_sure(struct hold *h)
{
	remote_sure(h->remote, &h->is_doubtful);
}

/* ---- settled: remembered for a while */

static void settled_forget(struct remote *r)
{
	while (!list_is_empty(&r->settled)) {
		struct hold *h = container_of(r->settled.next, struct hold, link);
		if (r->n_settled <= REMOTE_SETTLED_MAX &&
		        h->settled_at + REMOTE_SETTLED_NS > r->loop->now)
			break;
		r->n_settled--;
		hold_free(h);
	}
}

static void hold_settled(struct hold *h)
{
	struct remote *r = h->remote;

	list_unlink(&h->link);
	list_push(&r->settled, &h->link);
	h->state = HOLD_SETTLED;
	h->settled_at = r->loop->now;
	r->n_settling--;
	r->n_settled++;
	hold_is_sure(h);
	settled_forget(r);
}

/* ---- putting, part by part */

static void on_put(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct hold *h = container_of(ask, struct hold, ask);
	struct remote *r = h->remote;

	if (h->leases && h->state == HOLD_SETTLING && !result)
		hold_read_settled(h, reply);
	hold_unword(h);
	hold_time(h, STORE_SETTLE, result);
	if (result < 0) {
		hold_wait(h);
		return;
	}
	if (++h->part < h->n_parts) {
		hold_put(h, NULL);
		return;
	}
	again_end(h, true);
	if (h->state == HOLD_SETTLING) {
		hold_settled(h);
	} else {
		h->state = HOLD_HELD;
		hold_is_sure(h);
	}
	remote_push_on(r);
}

/* What was said so long ago may have been carried out and forgotten: what is not known there any
 * more is over, and what still is held is settled all the same. */
static bool is_long_ago(const struct hold *h)
{
	return h->told_at && h->remote->loop->now - h->told_at > KNOWN_NS;
}

static enum counters_op op_of(const struct hold *h)
{
	if (h->state != HOLD_SETTLING)
		return COUNTERS_HOLD;
	return h->is_owed || is_long_ago(h) ? COUNTERS_OWED : COUNTERS_SETTLE;
}

static void hold_put(struct hold *h, struct redis_link *on)
{
	list_unlink(&h->wait);
	h->asked_at = h->remote->loop->now;
	/* A lease is said again first, with what was spent of it: else it would begin anew here. */
	if ((h->leases && h->remote->leases.n_doubtful) || hold_ask(h, op_of(h), on, on_put) < 0)
		hold_wait(h);
	else if (h->state == HOLD_SETTLING && !h->told_at)
		h->told_at = h->asked_at;
}

/* The journal has it; there its reservation is charged when it expires. */
static void settling_drop(struct remote *r)
{
	struct hold *h = container_of(r->settling.next, struct hold, link);

	r->n_settling--;
	r->dropped++;
	again_leave(h);
	hold_is_sure(h);
	hold_free(h);
}

static void settling_add(struct hold *h, const struct settlement *used)
{
	struct remote *r = h->remote;

	h->used = *used;
	h->state = HOLD_SETTLING;
	h->part = 0;
	if (r->n_settling >= REMOTE_SETTLING_MAX)
		settling_drop(r);
	list_push(&r->settling, &h->link);
	r->n_settling++;
	hold_put(h, NULL);
}

void hold_settle(struct hold *h, const struct settlement *used)
{
	ask_cancel(&h->ask);
	again_leave(h);
	settling_add(h, used);
}

int remote_settle_owed(struct remote *r, const struct owed *e)
{
	struct demand demands[REMOTE_DEMANDS_MAX];
	struct hold *h;
	int error;

	if (!e->n || e->n > REMOTE_DEMANDS_MAX)
		return -EMSGSIZE;
	for (unsigned i = 0; i < e->n; i++) {
		const struct entry_counter *c = &e->counters[i];

		demands[i] = (struct demand){.kind = DEMAND_BUDGET,
		        .group = c->lessee.len ? c->lessee : c->group, /* its record is there */
		        .name = c->name,
		        .budget = {BUDGET_NO_COST, BUDGET_NO_TOKENS, c->window, c->ends}};
	}
	error = hold_new(r, e->id, demands, e->n, false, &h);
	if (error)
		return error;
	h->is_owed = true;
	loop_enter(r->loop);
	settling_add(h, &(struct settlement){true, e->cost > 0 ? e->cost : 0, e->tokens});
	return 0;
}

/* ---- again */

static void waiting_put(struct remote *r, struct redis_link *on)
{
	struct list now;

	if (r->leases.n_doubtful)
		return;
	list_init(&now);
	while (r->n_again < r->again_max && !list_is_empty(&r->waiting)) {
		struct hold *h = container_of(list_pop(&r->waiting), struct hold, wait);

		h->is_again = true;
		r->n_again++;
		list_push(&now, &h->wait);
	}
	while (!list_is_empty(&now))
		hold_put(container_of(now.next, struct hold, wait), on);
}

void remote_push_on(struct remote *r)
{
	waiting_put(r, NULL);
}

void remote_mend(struct remote *r, struct redis_link *l)
{
	waiting_put(r, l);
}

void remote_on_again(struct deadline *d)
{
	struct remote *r = container_of(d, struct remote, again);

	settled_forget(r);
	waiting_put(r, NULL);
	if (!list_is_empty(&r->waiting) && !r->again.at)
		loop_deadline_after(r->loop, &r->again, AGAIN_NS);
}

/* ---- a fail-over */

static void hold_put_again(struct hold *h)
{
	ask_cancel(&h->ask);
	again_leave(h);
	hold_unword(h);
	h->part = 0;
	remote_doubt(h->remote, &h->is_doubtful);
	hold_wait(h);
}

void remote_failed_over(struct remote *r)
{
	list_foreach_safe(node, after, &r->held)
	{
		struct hold *h = container_of(node, struct hold, link);
		h->state = HOLD_HELD_ASSERTING;
		hold_put_again(h);
	}
	while (!list_is_empty(&r->settled)) {
		struct hold *h = container_of(r->settled.next, struct hold, link);
		list_unlink(&h->link);
		list_push(&r->settling, &h->link);
		h->state = HOLD_SETTLING;
		h->is_answered = true;
		r->n_settled--;
		r->n_settling++;
	}
	list_foreach_safe(node, after, &r->settling)
	        hold_put_again(container_of(node, struct hold, link));
	r->fenced = true;
	remote_note_up(r);
	loop_deadline_after(r->loop, &r->fence, REMOTE_FENCE_NS);
}
