/* SPDX-License-Identifier: Apache-2.0 */
/* pool: claims that wait, dials under way, channels that rest. A claim that finds nothing idle
 * begins a dial, but is served by whatever comes first, that or a channel that is given back. */
#include "upstream/pool_core.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/mem.h"

#define CLAIM_GRACE (64 * NS_PER_MS) /* so that the dial, which knows more, gives up first */

static void pool_start_dials(struct pool *p);

struct loop *pool_loop(struct pool *p)
{
	return p->pools->dialler.loop;
}

/* ---- claims */

static void claim_leave_queue(struct claim *claim)
{
	struct pool *p = claim->pool;

	list_unlink(&claim->link);
	loop_deadline_clear(pool_loop(p), &claim->deadline);
	p->n_waiting--;
}

static void claim_fail(struct claim *claim, enum fault fault)
{
	claim_leave_queue(claim);
	claim->fault = fault;
	ticket_complete(&claim->ticket, -ECONNREFUSED);
}

static struct claim *pool_first_claim(struct pool *p)
{
	return list_is_empty(&p->waiting) ? NULL
	                                  : container_of(p->waiting.next, struct claim, link);
}

static void claim_on_deadline(struct deadline *d)
{
	struct claim *claim = container_of(d, struct claim, deadline);
	struct pool *p = claim->pool;

	snprintf(claim->note, sizeof(claim->note), "no connection to %.*s became free in time",
	        SLICE_FMT(p->target.host));
	claim_fail(claim, FAULT_UPSTREAM_TIMEOUT);
}

/* ---- dials */

void pool_dial_free(struct pool_dial *pd)
{
	list_unlink(&pd->link);
	pd->pool->n_dials--;
	ticket_cancel(&pd->ticket);
	dial_finish(&pd->dial);
	mem_free(pd);
}

static void pool_dial_failed(struct pool *p, struct pool_dial *pd)
{
	struct claim *claim = pool_first_claim(p);

	p->pools->failed++;
	if (!claim)
		return;
	claim->tls_failed = pd->dial.tls_failed;
	memcpy(claim->note, pd->dial.note, sizeof(claim->note));
	claim_fail(claim, pd->dial.fault);
}

static void pool_dial_succeeded(struct pool *p, struct pool_dial *pd)
{
	struct claim *claim = pool_first_claim(p);
	struct channel *c;
	int r = channel_new(p, dial_take(&pd->dial), &c);

	if (r) {
		if (claim) {
			snprintf(claim->note, sizeof(claim->note),
			        "there is no memory for a connection");
			claim_fail(claim, FAULT_OVERLOADED);
		}
		return;
	}
	p->pools->opened++;
	if (claim) {
		claim->resolved = pd->dial.resolved;
		claim->connected = pd->dial.connected;
		claim->ready = pd->dial.ready;
	}
	p->n_busy++;
	pool_give(p, c);
}

static void pool_on_dialled(struct ticket *t, int result)
{
	struct pool_dial *pd = container_of(t, struct pool_dial, ticket);
	struct pool *p = pd->pool;

	if (result)
		pool_dial_failed(p, pd);
	else
		pool_dial_succeeded(p, pd);
	pool_dial_free(pd);
	pool_start_dials(p);
	pool_may_die(p);
}

static int pool_start_dial(struct pool *p)
{
	struct pool_dial *pd = mem_zalloc(sizeof(*pd));
	int r;

	if (!pd)
		return -ENOMEM;
	pd->pool = p;
	pd->target = p->target;
	list_init(&pd->link);
	ticket_init(&pd->ticket, pool_on_dialled);
	r = dial_start(&pd->dial, &p->pools->dialler, &pd->target, &pd->ticket);
	if (r < 0) {
		mem_free(pd);
		return r;
	}
	list_push(&p->dials, &pd->link);
	p->n_dials++;
	return 0;
}

/* As many as there are claims, within the ceiling. A claim that gets none waits for a channel to
 * come back. */
static void pool_start_dials(struct pool *p)
{
	while (p->n_dials < p->n_waiting && p->n_idle + p->n_busy + p->n_dials < POOL_MAX)
		if (pool_start_dial(p))
			return;
}

static void pool_drop_needless_dial(struct pool *p)
{
	if (p->n_dials > p->n_waiting)
		pool_dial_free(container_of(p->dials.prev, struct pool_dial, link));
}

/* ---- taking and giving */

static struct channel *pool_take_idle(struct pool *p)
{
	struct list *node = list_pop(&p->idle);
	struct channel *c;

	if (!node)
		return NULL;
	c = container_of(node, struct channel, link);
	loop_deadline_clear(pool_loop(p), &c->idle);
	c->resting = false;
	p->n_idle--;
	p->n_busy++;
	p->pools->reused++;
	return c;
}

static void claim_on_drop(struct ticket *t)
{
	struct claim *claim = t->provider;
	struct pool *p = claim->pool;

	claim_leave_queue(claim);
	pool_drop_needless_dial(p);
	pool_may_die(p);
}

static int claim_refuse(struct claim *claim, const char *note)
{
	claim->fault = FAULT_OVERLOADED;
	snprintf(claim->note, sizeof(claim->note), "%s", note);
	return -EAGAIN;
}

static void claim_reset(struct claim *claim, struct pool *p)
{
	assert(!ticket_is_armed(&claim->ticket));
	claim->channel = NULL;
	claim->fault = FAULT_NONE;
	claim->tls_failed = false;
	claim->note[0] = 0;
	claim->resolved = claim->connected = claim->ready = 0;
	claim->pool = p;
	list_init(&claim->link);
	deadline_init(&claim->deadline, claim_on_deadline);
}

int pool_take(struct pool *p, uint64_t connect_ns, struct claim *claim)
{
	claim_reset(claim, p);
	p->target.connect_ns = connect_ns;
	claim->channel = pool_take_idle(p);
	if (claim->channel)
		return READY;
	if (p->n_waiting >= POOL_WAITING_MAX)
		return claim_refuse(claim, "too many calls wait for a connection to the provider");
	if (p->n_idle + p->n_busy + p->n_dials < POOL_MAX && p->n_dials <= p->n_waiting &&
	        pool_start_dial(p) && !p->n_busy && !p->n_dials)
		return claim_refuse(claim, "there is no memory for a connection");
	list_push(&p->waiting, &claim->link);
	p->n_waiting++;
	ticket_arm(&claim->ticket, &pool_loop(p)->turn, claim_on_drop, claim);
	loop_deadline_after(pool_loop(p), &claim->deadline, connect_ns + CLAIM_GRACE);
	return PENDING;
}

void claim_cancel(struct claim *claim)
{
	bool is_untold = ticket_is_armed(&claim->ticket);
	struct channel *c;

	ticket_cancel(&claim->ticket);
	c = is_untold ? claim->channel : NULL;
	if (!c)
		return;
	claim->channel = NULL;
	pool_give(c->pool, c);
}

/* c counts as busy until here. */
void pool_give(struct pool *p, struct channel *c)
{
	struct claim *claim = pool_first_claim(p);
	bool is_spoilt = c->lost || c->surplus;

	if (claim && !is_spoilt) {
		claim_leave_queue(claim);
		claim->channel = c;
		ticket_complete(&claim->ticket, 0);
		return;
	}
	if (!p->refs || is_spoilt || p->n_idle >= POOL_IDLE_MAX) {
		channel_close(c, WIRE_CLOSE_NOW);
		return;
	}
	p->n_busy--;
	p->n_idle++;
	list_push_front(&p->idle, &c->link);
	channel_rest(c);
}

void pool_lost(struct pool *p, struct channel *c)
{
	if (c->resting)
		p->n_idle--;
	else
		p->n_busy--;
	if (p->n_waiting)
		pool_start_dials(p);
	pool_may_die(p);
}
