/* SPDX-License-Identifier: Apache-2.0 */
/* wire, how it comes about when we begin: a connection over TCP or a unix socket, then perhaps a
 * TLS handshake. For dial.c. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>
#include "net/wire_core.h"

static int socket_connect(const struct address *to, int *ret_fd)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	r = connect(fd, &to->sa, address_len(to));
	if (r && errno != EINPROGRESS) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* A path that does not fit in an address has no file either. A full queue (-EAGAIN) is a failure:
 * such a socket cannot be waited for. */
static int socket_connect_unix(struct slice path, int *ret_fd)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, r;

	if (!path.len || path.len >= sizeof(to.sun_path) || memchr(path.at, 0, path.len))
		return -EINVAL;
	memcpy(to.sun_path, path.at, path.len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
	if (r)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static int wire_begin(struct loop *l, int fd, void (*step)(struct wire *w, int error), void *owner,
        struct wire **ret_wire)
{
	struct wire *w;
	int r = wire_new(l, fd, &w);

	if (r)
		return r;
	w->owner = owner;
	wire_core(w)->step = step;
	wire_core(w)->state = WIRE_CONNECTING;
	wire_watch(wire_core(w));
	*ret_wire = w;
	return 0;
}

int wire_connect(struct loop *l, const struct address *to, void (*step)(struct wire *w, int error),
        void *owner, struct wire **ret_wire)
{
	int fd = -1, r = socket_connect(to, &fd);

	if (!r)
		r = wire_begin(l, fd, step, owner, ret_wire);
	if (!r)
		(*ret_wire)->peer = *to;
	return r;
}

int wire_connect_unix(struct loop *l, struct slice path, void (*step)(struct wire *w, int error),
        void *owner, struct wire **ret_wire)
{
	int fd = -1, r = socket_connect_unix(path, &fd);

	return r ? r : wire_begin(l, fd, step, owner, ret_wire);
}

void wire_on_connected(struct wire_core *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error) {
		wire_fail(c, -error);
		return;
	}
	c->state = WIRE_NEW;
	wire_watch(c);
	c->step(&c->wire, 0);
}

int wire_start_tls(struct wire *w, struct tls *tls, void (*step)(struct wire *w, int error))
{
	struct wire_core *c = wire_core(w);
	int r;

	w->tls = tls;
	r = tls_handshake(tls);
	if (r < 0)
		return r;
	c->step = step;
	c->state = WIRE_SHAKING;
	wire_mark_dirty(w);
	wire_watch(c);
	return 0;
}

/* The alert that says why we do not go on is sent as far as the socket takes it. */
static void wire_shake_failed(struct wire_core *c, int error)
{
	struct buf *out = tls_out(c->wire.tls);

	if (buf_len(out)) {
		send(c->fd, buf_at(out), buf_len(out), MSG_NOSIGNAL);
		buf_clear(out);
	}
	wire_fail(c, error);
}

void wire_shake(struct wire_core *c)
{
	struct wire *w = &c->wire;
	long n = wire_feed_tls(c);
	int r;

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		wire_fail(c, n ? (int)n : -ECONNABORTED);
		return;
	}
	r = tls_handshake(w->tls);
	if (r >= 0 && tls_hold(w->tls))
		r = -ENOMEM;
	if (r < 0) {
		wire_shake_failed(c, r);
		return;
	}
	if (buf_len(tls_out(w->tls)))
		wire_mark_dirty(w);
	if (r) {
		c->state = WIRE_NEW;
		wire_watch(c);
		c->step(w, 0);
	}
}
