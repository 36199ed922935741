/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox: a stack that any thread pushes onto and the loop takes off whole, turning it round. The
 * poster that finds it empty wakes the loop; the others need not. */
#include "net/loop_uv.h"
#include <errno.h>
#include "base/mem.h"

void mailbox_post(struct loop *to, struct letter *l)
{
	struct mailbox *m = to->mailbox;
	struct letter *newest = atomic_load_explicit(&m->newest, memory_order_relaxed);

	do {
		l->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(
	        &m->newest, &newest, l, memory_order_release, memory_order_relaxed));
	if (!newest)
		uv_async_send(&m->async);
}

static struct letter *mailbox_take(struct mailbox *m)
{
	struct letter *newest = atomic_exchange_explicit(&m->newest, NULL, memory_order_acquire);
	struct letter *oldest = NULL;

	while (newest) {
		struct letter *before = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = before;
	}
	return oldest;
}

/* Letters posted while these are delivered wake the loop again. */
void mailbox_empty(struct loop *l)
{
	struct letter *letter = mailbox_take(l->mailbox);

	while (letter) {
		struct letter *next = letter->next;

		letter->next = NULL;
		letter->deliver(letter);
		letter = next;
	}
}

static void mailbox_on_async(uv_async_t *async)
{
	struct loop *l = async->data;

	loop_enter(l);
	mailbox_empty(l);
	if (atomic_load_explicit(&l->mailbox->stop, memory_order_acquire))
		uv_stop(loop_uv(l));
}

int mailbox_open(struct loop *l)
{
	struct mailbox *m = mem_zalloc(sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	r = uv_async_init(loop_uv(l), &m->async, mailbox_on_async);
	if (r) {
		mem_free(m);
		return r;
	}
	m->async.data = l;
	l->mailbox = m;
	return 0;
}
