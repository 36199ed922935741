/* SPDX-License-Identifier: Apache-2.0 */
/* wire: life and states of a connection, and what poll looks for on its behalf. Asking poll for
 * less costs two system calls, so a pause takes effect only when something arrives in it: most
 * pauses never cost anything. */
#include "net/wire.h"
#include <assert.h>
#include <errno.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/acked.h"
#include "net/wire_core.h"

uint8_t wire_wanted(const struct wire_core *c)
{
	uint8_t writable = c->wants_write ? UV_WRITABLE : 0;

	switch (c->state) {
	case WIRE_CONNECTING:
		return UV_WRITABLE;
	case WIRE_SHAKING:
		return UV_READABLE | writable;
	case WIRE_OPEN:
		return (c->eof || c->wire.pauses ? 0 : UV_READABLE) | writable;
	case WIRE_LEAVING:
		return (c->is_shut && !c->eof ? UV_READABLE : 0) | writable;
	case WIRE_NEW:
		return writable;
	case WIRE_CLOSED:
		break;
	}
	return 0;
}

static void wire_on_poll(uv_poll_t *poll, int status, int events);

static void wire_set_mask(struct wire_core *c, uint8_t mask)
{
	if (c->mask == mask)
		return;
	c->mask = mask;
	if (mask)
		uv_poll_start(&c->poll, mask, wire_on_poll);
	else
		uv_poll_stop(&c->poll);
}

/* Looking for input that is not wanted goes on until some comes; looking for room that is not
 * needed would not wait. */
void wire_watch(struct wire_core *c)
{
	uint8_t wanted = wire_wanted(c);

	if (c->state == WIRE_CLOSED)
		return;
	if (!(wanted & UV_READABLE) && !c->eof)
		wanted |= c->mask & (UV_READABLE | UV_DISCONNECT);
	wire_set_mask(c, wanted);
}

void wire_tell_end(struct wire_core *c, int error)
{
	struct wire *w = &c->wire;

	if (c->told_end)
		return;
	c->told_end = c->eof = true;
	wire_watch(c);
	w->loop->told = true;
	if (w->events)
		w->events->end(w->owner, c->error ? c->error : error);
}

void wire_fail(struct wire_core *c, int error)
{
	if (!c->error)
		c->error = error;
	gather_clear(&c->wire.out);
	c->wants_write = false;
	switch (c->state) {
	case WIRE_CONNECTING:
	case WIRE_SHAKING:
		c->state = WIRE_NEW;
		c->eof = true;
		wire_watch(c);
		c->step(&c->wire, c->error);
		break;
	case WIRE_LEAVING:
		wire_destroy(c);
		break;
	default:
		wire_tell_end(c, c->error);
	}
}

void wire_write_failed(struct wire_core *c, int error)
{
	if (c->state != WIRE_OPEN || !(wire_wanted(c) & UV_READABLE)) {
		wire_fail(c, error);
		return;
	}
	c->error = error;
	gather_clear(&c->wire.out);
	c->wants_write = false;
	wire_watch(c);
}

/* Something came although nobody wants it now. */
static void wire_on_unwanted(struct wire_core *c, bool broken)
{
	bool eager = c->wire.eager_end && c->state == WIRE_OPEN && !c->eof;

	if (broken && eager)
		wire_fail(c, -ECONNRESET);
	else if (!broken)
		wire_set_mask(c,
		        wire_wanted(c) | (eager && !(c->mask & UV_DISCONNECT) ? UV_DISCONNECT : 0));
}

static void wire_on_readable(struct wire_core *c, bool broken)
{
	if (!(wire_wanted(c) & UV_READABLE)) {
		wire_on_unwanted(c, broken);
		return;
	}
	if (c->state == WIRE_SHAKING)
		wire_shake(c);
	else if (c->state == WIRE_LEAVING)
		wire_drop(c);
	else
		wire_read(c);
	if (broken)
		wire_watch(c);
}

/* libuv stops polling when the kernel reports an error; what came before it can still be read. */
static void wire_on_poll(uv_poll_t *poll, int status, int events)
{
	struct wire_core *c = container_of(poll, struct wire_core, poll);
	bool broken = status < 0;

	loop_enter(c->wire.loop);
	if (broken)
		c->mask = 0;
	if (c->state == WIRE_CONNECTING) {
		wire_on_connected(c);
		return;
	}
	if (c->wants_write && (broken || events & UV_WRITABLE)) {
		c->wants_write = false;
		wire_mark_dirty(&c->wire);
	}
	if (broken || events & (UV_READABLE | UV_DISCONNECT))
		wire_on_readable(c, broken);
}

static void wire_on_leave_due(struct deadline *d)
{
	wire_destroy(container_of(d, struct wire_core, leaving));
}

static void wire_free(struct reapable *r)
{
	struct wire_core *c = container_of(r, struct wire_core, reapable);

	tls_free(c->wire.tls);
	gather_finish(&c->wire.out);
	c->wire.loop->wires--;
	mem_free(c);
}

static void wire_on_closed(uv_handle_t *handle)
{
	struct wire_core *c = container_of((uv_poll_t *)handle, struct wire_core, poll);

	loop_enter(c->wire.loop);
	turn_bury(&c->wire.loop->turn, &c->reapable);
}

void wire_destroy(struct wire_core *c)
{
	struct wire *w = &c->wire;

	if (c->state == WIRE_CLOSED)
		return;
	c->state = WIRE_CLOSED;
	w->events = NULL;
	list_unlink(&w->dirty);
	list_unlink(&c->resumed);
	list_unlink(&c->left);
	loop_deadline_clear(w->loop, &c->leaving);
	uv_close((uv_handle_t *)&c->poll, wire_on_closed);
	close(c->fd);
	c->fd = -1;
	listener_seat_freed(w);
}

int wire_new(struct loop *l, int fd, struct wire **ret_wire)
{
	struct wire_core *c = mem_zalloc(sizeof(*c));
	int r = c ? uv_poll_init(loop_uv(l), &c->poll, fd) : -ENOMEM;

	if (r) {
		mem_free(c);
		close(fd);
		return r;
	}
	c->fd = fd;
	c->wire.loop = l;
	c->wire.peer_uid = UINT32_MAX;
	c->wire.peer.sa.sa_family = AF_UNSPEC;
	c->reapable.free = wire_free;
	gather_init(&c->wire.out, WIRE_OUT_MAX);
	c->wire.out.stock = &l->stock;
	list_init(&c->wire.dirty);
	list_init(&c->wire.seat);
	list_init(&c->resumed);
	list_init(&c->left);
	list_init(&c->reapable.link);
	deadline_init(&c->leaving, wire_on_leave_due);
	l->wires++;
	*ret_wire = &c->wire;
	return 0;
}

void wire_open(struct wire *w, const struct wire_events *events, void *owner)
{
	struct wire_core *c = wire_core(w);

	assert(c->state == WIRE_NEW && events);
	c->state = WIRE_OPEN;
	w->last_in = w->loop->now;
	wire_hand_over(w, events, owner);
	if (w->tls) {
		c->held = true;
		if (!w->pauses)
			list_push(&w->loop->resumed, &c->resumed);
	}
	wire_watch(c);
}

void wire_hand_over(struct wire *w, const struct wire_events *events, void *owner)
{
	w->events = events;
	w->owner = owner;
}

void wire_pause(struct wire *w, enum pause_reason why, bool on)
{
	struct wire_core *c = wire_core(w);
	bool was_paused = w->pauses;

	if (on)
		w->pauses |= (uint8_t)why;
	else
		w->pauses &= (uint8_t)~why;
	if (!was_paused || w->pauses || c->state != WIRE_OPEN)
		return;
	wire_watch(c);
	if (c->held && list_is_empty(&c->resumed))
		list_push(&w->loop->resumed, &c->resumed);
}

void wire_close(struct wire *w, enum wire_close_how how)
{
	struct wire_core *c = wire_core(w);

	assert(c->state != WIRE_CLOSED && c->state != WIRE_LEAVING);
	w->events = NULL;
	w->owner = NULL;
	if (w->tls)
		tls_forget(w->tls);
	list_unlink(&c->resumed);
	if (how == WIRE_CLOSE_NOW || c->error || c->state == WIRE_CONNECTING ||
	        c->state == WIRE_SHAKING) {
		wire_destroy(c);
		return;
	}
	c->state = WIRE_LEAVING;
	list_push(&w->loop->leaving, &c->left);
	c->how = (uint8_t)how;
	c->wants_shutdown = true;
	c->leave_by = w->loop->now + WIRE_LEAVE_MAX;
	loop_deadline_after(w->loop, &c->leaving, WIRE_LINGER);
	wire_mark_dirty(w);
}

bool wires_have_words(const struct loop *l)
{
	for (struct list *n = l->leaving.next; n != &l->leaving; n = n->next)
		if (wire_pending(&container_of(n, struct wire_core, left)->wire))
			return true;
	return false;
}

void wires_end(struct loop *l)
{
	list_foreach_safe(node, after, &l->leaving)
	        wire_destroy(container_of(node, struct wire_core, left));
}

bool wire_lacks_bytes(struct wire *w)
{
	return wire_pending(w) || acked_less_than(wire_core(w)->fd, w->bytes_out);
}

int wire_error(const struct wire *w)
{
	return wire_core((struct wire *)w)->error;
}

const char *wire_tls_note(const struct wire *w)
{
	return w->tls ? tls_note(w->tls) : NULL;
}
