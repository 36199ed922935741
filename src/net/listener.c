/* SPDX-License-Identifier: Apache-2.0 */
/* listener: accepts until there is nobody left, the ceiling is reached or descriptors run out; then
 * it does not look at its socket until something has changed. */
#include "net/listener.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/wire_core.h"

#define BACKLOG 4096
#define ACCEPTS 64 /* in one go, before others have their turn */
#define CONNECTIONS 10000
#define BREATHER (100 * NS_PER_MS) /* after descriptors or memory ran out */

struct listener_core {
	struct listener listener;
	struct reapable reapable;
	uv_poll_t poll;
	struct deadline breather;
	int fd;
	bool closed;
};

static struct listener_core *listener_core(struct listener *l)
{
	return l->core;
}

static void listener_on_poll(uv_poll_t *poll, int status, int events);

static void listener_watch(struct listener *l, bool on)
{
	struct listener_core *c = listener_core(l);

	if (on)
		uv_poll_start(&c->poll, UV_READABLE, listener_on_poll);
	else
		uv_poll_stop(&c->poll);
}

static void listener_rest(struct listener *l)
{
	listener_watch(l, false);
	loop_deadline_after(l->loop, &listener_core(l)->breather, BREATHER);
}

static void listener_on_rested(struct deadline *d)
{
	struct listener_core *c = container_of(d, struct listener_core, breather);

	if (!c->listener.full)
		listener_watch(&c->listener, true);
}

static bool listener_lets_in(const struct listener *l, const struct wire *w)
{
	const struct listener_options *o = &l->options;

	if (w->peer.sa.sa_family != AF_UNSPEC)
		return !o->n_allow_from || cidrs_have(o->allow_from, o->n_allow_from, &w->peer);
	for (unsigned i = 0; i < o->n_peer_uids; i++)
		if (o->peer_uids[i] == w->peer_uid)
			return true;
	return !o->n_peer_uids;
}

static void wire_identify(struct wire *w, int fd, const struct sockaddr_storage *peer)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (peer->ss_family == AF_UNIX) {
		if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len)) {
			w->peer_uid = who.uid;
			w->peer_pid = (uint32_t)who.pid;
		}
		return;
	}
	memcpy(&w->peer, peer,
	        peer->ss_family == AF_INET ? sizeof(w->peer.in) : sizeof(w->peer.in6));
}

static int listener_take(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
	struct wire *w;
	int r = wire_new(l->loop, fd, &w);

	if (r)
		return r;
	wire_identify(w, fd, peer);
	if (!listener_lets_in(l, w)) {
		l->refused++;
		wire_close(w, WIRE_CLOSE_NOW);
		return 0;
	}
	l->accepted++;
	l->n_wires++;
	w->listener = l;
	w->eager_end = true;
	list_push(&l->wires, &w->seat);
	l->options.accept(l->options.owner, w);
	return 0;
}

/* 0 to go on, 1 when nobody waits, negative errno when a rest is due. */
static int listener_accept(struct listener *l)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNIX};
	socklen_t len = sizeof(peer);
	int fd = accept4(
	        listener_core(l)->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		return listener_take(l, fd, &peer);
	if (errno == EAGAIN)
		return 1;
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		return -errno;
	return 0; /* that one connection broke before it was taken (accept(2)) */
}

static void listener_on_poll(uv_poll_t *poll, int status, int events)
{
	struct listener_core *c = container_of(poll, struct listener_core, poll);
	struct listener *l = &c->listener;
	int r = 0;

	(void)events;
	loop_enter(l->loop);
	for (unsigned i = 0; !r && i < ACCEPTS && !c->closed; i++) {
		if (l->n_wires >= l->options.connections) {
			l->full = true;
			listener_watch(l, false);
			return;
		}
		r = listener_accept(l);
	}
	if ((r < 0 || status < 0) && !c->closed)
		listener_rest(l);
}

void listener_seat_freed(struct wire *w)
{
	struct listener *l = w->listener;

	if (!l)
		return;
	list_unlink(&w->seat);
	w->listener = NULL;
	l->n_wires--;
	if (l->full) {
		l->full = false;
		listener_watch(l, true);
	}
}

static void listener_free(struct reapable *r)
{
	mem_free(container_of(r, struct listener_core, reapable));
}

static void listener_on_closed(uv_handle_t *handle)
{
	struct listener_core *c = container_of((uv_poll_t *)handle, struct listener_core, poll);

	loop_enter(c->listener.loop);
	turn_bury(&c->listener.loop->turn, &c->reapable);
}

static struct listener_core *listener_new(
        struct loop *l, int fd, const struct listener_options *options)
{
	struct listener_core *c = mem_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->reapable.free = listener_free;
	list_init(&c->reapable.link);
	c->listener.loop = l;
	c->listener.core = c;
	c->listener.options = *options;
	if (!options->connections)
		c->listener.options.connections = CONNECTIONS;
	list_init(&c->listener.wires);
	deadline_init(&c->breather, listener_on_rested);
	return c;
}

int listener_open(struct loop *l, int fd, const struct listener_options *options,
        struct listener **ret_listener)
{
	struct listener_core *c = listener_new(l, fd, options);
	int on = 1, r = -ENOMEM;

	/* What is accepted inherits it; on unix sockets it fails and does not matter. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (c && listen(fd, BACKLOG))
		r = -errno;
	else if (c)
		r = uv_poll_init(loop_uv(l), &c->poll, fd);
	if (r) {
		mem_free(c);
		close(fd);
		return r;
	}
	listener_watch(&c->listener, true);
	*ret_listener = &c->listener;
	return 0;
}

void listener_close(struct listener *l)
{
	struct listener_core *c = listener_core(l);
	struct list *node;

	c->closed = true;
	while ((node = list_pop(&l->wires)))
		container_of(node, struct wire, seat)->listener = NULL;
	loop_deadline_clear(l->loop, &c->breather);
	uv_close((uv_handle_t *)&c->poll, listener_on_closed);
	close(c->fd);
}
