/* SPDX-License-Identifier: Apache-2.0 */
/* wire, its way out: what was put in a turn leaves in one gathered write at its end. A socket that
 * takes less than it was given is full: no second try until poll says that there is room. */
#include "net/wire.h"
#include <errno.h>
#include "base/mem.h"
#include "net/wire_core.h"

#define VECTORS 64
#define OUT_KEPT 4096 /* bytes of an empty wire's buffer that are worth keeping */

/* Bytes that were taken, or a negative errno. */
static long socket_send(struct wire_core *c, struct iovec *v, unsigned n)
{
	struct msghdr message = {.msg_iov = v, .msg_iovlen = n};
	long r;

	do {
		r = n == 1 ? send(c->fd, v->iov_base, v->iov_len, MSG_NOSIGNAL)
		           : sendmsg(c->fd, &message, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN ? 0 : -errno;
	c->wire.bytes_out += (uint64_t)r;
	return r;
}

static int wire_send(struct wire_core *c)
{
	struct gather *out = &c->wire.out;
	UNINIT struct iovec v[VECTORS];

	while (out->len) {
		unsigned n = gather_vectors(out, v, VECTORS);
		size_t given = 0;
		long r = socket_send(c, v, n);

		if (r < 0)
			return (int)r;
		gather_take(out, (size_t)r);
		for (unsigned i = 0; i < n; i++)
			given += v[i].iov_len;
		if ((size_t)r < given)
			break;
	}
	return 0;
}

/* Seals as much as the socket is likely to take, sends it, and goes on while all of it is taken. */
static int wire_send_tls(struct wire_core *c)
{
	struct buf *sealed = tls_out(c->wire.tls);
	struct gather *out = &c->wire.out;
	bool may_seal = tls_is_ready(c->wire.tls);

	for (;;) {
		struct iovec v;
		long r = may_seal && out->len ? tls_seal(c->wire.tls, out) : 0;

		if (r)
			return (int)r;
		if (!buf_len(sealed))
			return 0;
		v = (struct iovec){buf_at(sealed), buf_len(sealed)};
		r = socket_send(c, &v, 1);
		if (r < 0)
			return (int)r;
		buf_take(sealed, (size_t)r);
		if (buf_len(sealed))
			return 0;
		if (sealed->cap > OUT_KEPT)
			buf_finish(sealed);
	}
}

static int wire_send_any(struct wire_core *c)
{
	return c->wire.tls ? wire_send_tls(c) : wire_send(c);
}

/* Everything was sent: what was to follow that? True when the wire is gone. */
static bool wire_on_empty(struct wire_core *c)
{
	if (c->wants_shutdown && !c->is_shut) {
		c->is_shut = true;
		shutdown(c->fd, SHUT_WR);
	}
	if (c->state == WIRE_LEAVING && (c->how == WIRE_CLOSE_FLUSH || c->eof)) {
		wire_destroy(c);
		return true;
	}
	return false;
}

static int wire_say_goodbye(struct wire_core *c)
{
	if (!c->wants_shutdown || c->is_shut || !c->wire.tls || wire_pending(&c->wire))
		return 0;
	tls_goodbye(c->wire.tls);
	return wire_send_tls(c);
}

static int wire_try(struct wire_core *c)
{
	uint64_t before = c->wire.bytes_out;
	uint64_t by = c->wire.loop->now + WIRE_LINGER;
	int r = wire_send_any(c);

	if (!r)
		r = wire_say_goodbye(c);
	if (c->state == WIRE_LEAVING && c->wire.bytes_out != before)
		loop_deadline_set(c->wire.loop, &c->leaving, by < c->leave_by ? by : c->leave_by);
	return r;
}

static void wire_tell_drained(struct wire_core *c)
{
	struct wire *w = &c->wire;

	if (!c->told_full || wire_pending(w) > WIRE_HIGH_WATER / 2)
		return;
	c->told_full = false;
	if (w->events && w->events->drained) {
		w->loop->told = true;
		w->events->drained(w->owner);
	}
}

void wire_flush(struct list *dirty)
{
	struct wire *w = container_of(dirty, struct wire, dirty);
	struct wire_core *c = wire_core(w);
	int r = w->out.error;

	if (c->state == WIRE_CONNECTING || (c->wants_write && !r)) {
		gather_keep(&w->out);
		if (!w->out.error)
			return;
		r = w->out.error;
	}
	if (r) { /* bytes are missing: nothing that follows them may be sent */
		wire_fail(c, r);
		return;
	}
	r = wire_try(c);
	if (r) {
		wire_write_failed(c, r);
		return;
	}
	c->wants_write = wire_pending(w) > 0;
	if (c->wants_write)
		gather_keep(&w->out);
	else if (wire_on_empty(c))
		return;
	if (w->out.error) {
		wire_fail(c, w->out.error);
		return;
	}
	if (!w->out.len && w->out.own.cap > OUT_KEPT)
		gather_finish(&w->out);
	else if (!w->out.len)
		gather_rest(&w->out);
	wire_watch(c);
	wire_tell_drained(c);
}

void wire_keep(struct list *dirty)
{
	gather_keep(&container_of(dirty, struct wire, dirty)->out);
}

void wire_mark_dirty(struct wire *w)
{
	struct wire_core *c = wire_core(w);

	if (c->state == WIRE_CLOSED || c->error) {
		gather_clear(&w->out);
		return;
	}
	if (list_is_empty(&w->dirty))
		list_push(&w->loop->dirty, &w->dirty);
}

size_t wire_pending(const struct wire *w)
{
	return w->out.len + (w->tls ? buf_len(tls_out(w->tls)) : 0);
}

bool wire_is_full(struct wire *w)
{
	struct wire_core *c = wire_core(w);

	if (wire_pending(w) <= WIRE_HIGH_WATER)
		return false;
	c->told_full = true;
	return true;
}

void wire_trim(struct wire *w)
{
	if (!w->out.len)
		gather_finish(&w->out);
}

void wire_shutdown(struct wire *w)
{
	wire_core(w)->wants_shutdown = true;
	wire_mark_dirty(w);
}
