/* SPDX-License-Identifier: Apache-2.0 */
/* ticket: from armed to done or cancelled. A complete ticket waits in its turn's list; it is idle
 * again before done. */
#include "weir/ticket.h"
#include <assert.h>

void ticket_init(struct ticket *t, void (*done)(struct ticket *t, int result))
{
	*t = (struct ticket){.done = done};
	list_init(&t->link);
}

void ticket_arm(struct ticket *t, struct turn *turn, void (*drop)(struct ticket *t), void *provider)
{
	assert(turn && drop && t->done && !ticket_is_armed(t));
	t->turn = turn;
	t->drop = drop;
	t->provider = provider;
}

void ticket_complete(struct ticket *t, int result)
{
	assert(ticket_is_armed(t) && t->drop);
	t->drop = NULL;
	t->result = result;
	list_push(&t->turn->ready, &t->link);
}

static void ticket_become_idle(struct ticket *t)
{
	list_unlink(&t->link);
	t->turn = NULL;
	t->provider = NULL;
}

void ticket_cancel(struct ticket *t)
{
	void (*drop)(struct ticket *) = t->drop;

	if (!ticket_is_armed(t))
		return;
	t->drop = NULL;
	if (drop)
		drop(t);
	ticket_become_idle(t);
}

void turn_init(struct turn *t)
{
	list_init(&t->ready);
	list_init(&t->reap);
	t->number = 0;
}

/* What completes meanwhile is done in the next round, so that two tickets that feed each other do
 * not keep the loop. */
bool turn_run_ready(struct turn *t)
{
	struct list now;
	struct list *node;
	bool any = false;

	list_init(&now);
	list_splice(&now, &t->ready);
	while ((node = list_pop(&now))) {
		struct ticket *ticket = container_of(node, struct ticket, link);

		ticket_become_idle(ticket);
		any = true;
		ticket->done(ticket, ticket->result);
	}
	return any;
}

void turn_reap(struct turn *t)
{
	struct list *node;

	t->number++;
	while ((node = list_pop(&t->reap))) {
		struct reapable *r = container_of(node, struct reapable, link);

		r->free(r);
	}
}

void turn_bury(struct turn *t, struct reapable *r)
{
	bool is_buried = r->link.next && !list_is_empty(&r->link);

	if (!is_buried)
		list_push(&t->reap, &r->link);
}
