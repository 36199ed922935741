/* SPDX-License-Identifier: Apache-2.0 */
/* net_rig: loopback sockets and loops for tests of what moves bytes. */
#include "rig/net_rig.h"
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t mono_ms(void)
{
	return clock_mono(&clock_system) / NS_PER_MS;
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

bool rig_run(struct loop *l, const bool *done, unsigned ms)
{
	uint64_t end = mono_ms() + ms;

	while (!*done && mono_ms() < end) {
		uint64_t turns = l->turns;

		loop_run_once(l, false);
		if (l->turns == turns)
			nap();
	}
	return *done;
}

void rig_rest(struct loop *l, unsigned ms)
{
	const bool never = false;

	rig_run(l, &never, ms);
}

static void need(bool good)
{
	if (!good)
		abort();
}

int rig_listen(uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	need(fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 64) &&
	        !getsockname(fd, (struct sockaddr *)&at, &len));
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void make_small(int fd)
{
	int size = 4096;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void rig_tcp_pair(int fd[2], bool small)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	uint16_t port;
	int listener = rig_listen(&port);

	at.sin_port = htons(port);
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(fd[0] >= 0);
	if (small) {
		make_small(fd[0]);
		make_small(listener);
	}
	need(!connect(fd[0], (struct sockaddr *)&at, sizeof(at)));
	while ((fd[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
		nap();
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	close(listener);
}

uint64_t rig_hash(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.at[i]) * 1099511628211ull;
	return h;
}

static void end_on_data(void *owner, struct slice in)
{
	struct rig_end *e = owner;

	for (size_t i = 0; i < in.len && e->n_in + i < sizeof(e->head) - 1; i++)
		e->head[e->n_in + i] = in.at[i];
	e->n_in += in.len;
	e->n_data++;
	e->hash = rig_hash(e->hash, in);
	if (e->want && e->n_in >= e->want)
		e->got = true;
	if (e->on_data)
		e->on_data(e, in);
}

static void end_on_end(void *owner, int error)
{
	struct rig_end *e = owner;

	e->n_end++;
	e->ended = true;
	e->error = error;
}

static void end_on_drained(void *owner)
{
	struct rig_end *e = owner;

	e->n_drained++;
	e->drained = true;
}

const struct wire_events rig_end_events = {
        .data = end_on_data,
        .end = end_on_end,
        .drained = end_on_drained,
};

void rig_end_open(struct rig_end *e, struct wire *w)
{
	e->wire = w;
	e->hash = RIG_HASH;
	wire_open(w, &rig_end_events, e);
}

void rig_pair(struct loop *l, struct rig_end *a, struct rig_end *b, bool small)
{
	struct rig_end *ends[2] = {a, b};
	int fd[2];

	rig_tcp_pair(fd, small);
	for (int i = 0; i < 2; i++) {
		struct wire *w;

		need(!wire_new(l, fd[i], &w));
		rig_end_open(ends[i], w);
	}
}

void rig_send(struct rig_end *e, struct slice s)
{
	gather_copy(&e->wire->out, s);
	wire_mark_dirty(e->wire);
}

void rig_close(struct rig_end *e, enum wire_close_how how)
{
	if (e->wire)
		wire_close(e->wire, how);
	e->wire = NULL;
}
