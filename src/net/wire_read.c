/* SPDX-License-Identifier: Apache-2.0 */
/* wire, its way in: one read an event, into the slab. A read that did not fill its room has emptied
 * the socket, so no read is made that could only say "nothing there". */
#include "net/wire.h"
#include <errno.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/wire_core.h"

#define READS 4 /* of one wire, before others have their turn */
#define DROP_MAX (1u << 20)

static long socket_read(struct wire_core *c, char *to, size_t room)
{
	long n;

	do {
		n = read(c->fd, to, room);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (n > 0) {
		c->wire.bytes_in += (uint64_t)n;
		c->wire.last_in = c->wire.loop->now;
	}
	return n;
}

static bool wire_may_read(const struct wire_core *c)
{
	return c->state == WIRE_OPEN && !c->eof && !c->wire.pauses;
}

/* The end of what the socket gives: n is 0 or a negative errno. */
static void wire_on_read_end(struct wire_core *c, long n)
{
	if (n == -EAGAIN)
		return;
	if (n < 0)
		wire_fail(c, (int)n);
	else
		wire_tell_end(c, c->wire.tls ? -EPROTO : 0);
}

static void wire_read_plain(struct wire_core *c)
{
	struct wire *w = &c->wire;
	struct slab *slab = &w->loop->slab;

	for (unsigned i = 0; i < READS; i++) {
		size_t room;
		char *at;
		long n;

		loop_make_room(w->loop);
		if (!wire_may_read(c))
			return;
		room = slab_room(slab);
		at = slab_tail(slab);
		n = socket_read(c, at, room);
		if (n <= 0) {
			wire_on_read_end(c, n);
			return;
		}
		slab_commit(slab, (size_t)n);
		w->events->data(w->owner, slice_from(at, (size_t)n));
		if ((size_t)n < room || !wire_may_read(c))
			return;
	}
}

long wire_feed_tls(struct wire_core *c)
{
	struct loop *l = c->wire.loop;
	long n;

	if (!l->cipher)
		l->cipher = mem_alloc(SLAB_READ_MAX);
	if (!l->cipher)
		return -ENOMEM;
	n = socket_read(c, l->cipher, SLAB_READ_MAX);
	if (n > 0)
		tls_feed(c->wire.tls, slice_from(l->cipher, (size_t)n));
	return n;
}

/* Opens what tls was fed, as far as the owner wants it. */
static void wire_unseal(struct wire_core *c)
{
	struct wire *w = &c->wire;
	struct slab *slab = &w->loop->slab;
	long n = 1;

	while (n > 0) {
		char *at;

		loop_make_room(w->loop);
		if (!wire_may_read(c))
			break;
		at = slab_tail(slab);
		n = tls_read(w->tls, at, slab_room(slab));
		if (n > 0) {
			slab_commit(slab, (size_t)n);
			w->events->data(w->owner, slice_from(at, (size_t)n));
		}
	}
	c->held = n > 0;
	if (c->state == WIRE_OPEN && c->held && tls_hold(w->tls))
		n = -ENOMEM;
	else if (!c->held || c->state != WIRE_OPEN)
		tls_feed(w->tls, SLICE(""));
	if (c->state == WIRE_OPEN && buf_len(tls_out(w->tls)))
		wire_mark_dirty(w);
	if (n == -EPIPE)
		wire_tell_end(c, 0);
	else if (n < 0)
		wire_fail(c, (int)n);
}

static void wire_read_tls(struct wire_core *c)
{
	for (unsigned i = 0; i < READS && wire_may_read(c); i++) {
		long n = wire_feed_tls(c);

		if (n <= 0) {
			wire_on_read_end(c, n);
			return;
		}
		wire_unseal(c);
		if ((size_t)n < SLAB_READ_MAX)
			return;
	}
}

void wire_read(struct wire_core *c)
{
	if (c->wire.tls)
		wire_read_tls(c);
	else
		wire_read_plain(c);
}

void wire_resume(struct list *resumed)
{
	struct wire_core *c = container_of(resumed, struct wire_core, resumed);

	if (wire_may_read(c) && c->held)
		wire_unseal(c);
}

void wire_drop(struct wire_core *c)
{
	struct loop *l = c->wire.loop;
	long n;

	loop_make_room(l);
	if (c->state != WIRE_LEAVING)
		return;
	n = socket_read(c, slab_tail(&l->slab), slab_room(&l->slab));
	if (n == -EAGAIN)
		return;
	if (n > 0)
		c->dropped += (uint32_t)n;
	if (n <= 0 || c->dropped > DROP_MAX)
		wire_destroy(c);
}
