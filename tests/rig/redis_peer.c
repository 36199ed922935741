/* SPDX-License-Identifier: Apache-2.0 */
/* redis_peer: reads commands as arrays of texts, which is how clients send them. */
#include "rig/redis_peer.h"
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "rig/net_rig.h"

#define MASTER                                                                                     \
	"# Server\r\nrun_id:0123456789abcdef0123456789abcdef01234567\r\n# Replication\r\nrole:"    \
	"master\r\nmaster_replid:89abcdef0123456789abcdef0123456789abcdef\r\nloading:0\r\n"        \
	"maxmemory_policy:noeviction\r\n"

void redis_peer_open(struct redis_peer *p)
{
	p->fd = rig_listen(&p->port);
	p->leave_after = -1;
	for (unsigned i = 0; i < REDIS_PEER_WIRES; i++) {
		p->wires[i] = -1;
		buf_init(&p->in[i], 64u << 20);
		buf_init(&p->out[i], 64u << 20);
	}
}

static void wire_drop(struct redis_peer *p, unsigned i)
{
	close(p->wires[i]);
	p->wires[i] = -1;
	buf_clear(&p->in[i]);
	buf_clear(&p->out[i]);
}

void redis_peer_hang_up(struct redis_peer *p)
{
	for (unsigned i = 0; i < REDIS_PEER_WIRES; i++)
		if (p->wires[i] >= 0)
			wire_drop(p, i);
}

void redis_peer_close(struct redis_peer *p)
{
	redis_peer_hang_up(p);
	for (unsigned i = 0; i < REDIS_PEER_WIRES; i++) {
		buf_finish(&p->in[i]);
		buf_finish(&p->out[i]);
	}
	close(p->fd);
}

/* "*3\r\n" or "$5\r\n": its number; false: more is needed. */
static bool number_take(struct slice *s, uint64_t *ret)
{
	const char *end = s->len ? memchr(s->at, '\n', s->len) : NULL;
	struct slice line;

	if (!end)
		return false;
	line = slice_from(s->at + 1, (size_t)(end - s->at) - 2);
	if (slice_to_u64(line, UINT32_MAX, ret))
		abort();
	*s = slice_skip(*s, line.len + 3);
	return true;
}

static bool command_take(struct redis_peer_command *c, struct slice *s)
{
	struct slice rest = *s;
	uint64_t n, len;

	if (!number_take(&rest, &n) || n > REDIS_PEER_WORDS)
		return false;
	for (c->n = 0; c->n < n; c->n++) {
		if (!number_take(&rest, &len) || rest.len < len + 2)
			return false;
		c->words[c->n] = slice_from(rest.at, len);
		rest = slice_skip(rest, len + 2);
	}
	*s = rest;
	return true;
}

static void command_answer(struct redis_peer_command *c, struct buf *out)
{
	struct redis_peer *p = c->peer;
	const char *info = p->info ? p->info : MASTER;

	p->commands++;
	if (p->answer && p->answer(c, out))
		return;
	if (slice_is(c->words[0], "INFO"))
		buf_printf(out, "$%zu\r\n%s\r\n", strlen(info), info);
	else
		buf_put_str(out, "+OK\r\n");
}

static void wire_listen(struct redis_peer *p, unsigned i)
{
	struct buf *in = &p->in[i];
	struct redis_peer_command c = {.peer = p, .wire = i};
	struct slice left;
	long n;

	buf_reserve(in, 65536);
	n = read(p->wires[i], buf_tail(in), buf_room(in));
	if (n == 0) {
		wire_drop(p, i);
		return;
	}
	if (n < 0)
		return;
	buf_commit(in, (size_t)n);
	left = buf_slice(in);
	while (p->wires[i] >= 0 && command_take(&c, &left))
		command_answer(&c, &p->out[i]);
	if (p->wires[i] >= 0)
		buf_take(in, buf_len(in) - left.len);
}

static void wire_speak(struct redis_peer *p, unsigned i)
{
	struct buf *out = &p->out[i];
	size_t len = buf_len(out);
	long n;

	if (!len || p->mute)
		return;
	if (p->piece && len > p->piece)
		len = p->piece;
	if (p->leave_after >= 0 && len > (size_t)p->leave_after)
		len = (size_t)p->leave_after;
	n = len ? send(p->wires[i], buf_at(out), len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (n > 0)
		buf_take(out, (size_t)n);
	if (p->leave_after < 0)
		return;
	p->leave_after -= n > 0 ? n : 0;
	if (!p->leave_after)
		wire_drop(p, i);
}

static void peer_turn(struct redis_peer *p)
{
	int fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && i < REDIS_PEER_WIRES; i++) {
		if (p->wires[i] >= 0)
			continue;
		p->wires[i] = fd;
		p->accepted++;
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	for (unsigned i = 0; i < REDIS_PEER_WIRES; i++)
		if (p->wires[i] >= 0)
			wire_listen(p, i);
	for (unsigned i = 0; i < REDIS_PEER_WIRES; i++)
		if (p->wires[i] >= 0)
			wire_speak(p, i);
}

bool redis_peer_run(struct redis_peer *p, struct loop *l, const bool *done, unsigned ms)
{
	uint64_t end = clock_mono(&clock_system) + ms * NS_PER_MS;

	while (!*done && clock_mono(&clock_system) < end) {
		uint64_t turns = l->turns;

		peer_turn(p);
		loop_run_once(l, false);
		if (l->turns == turns && !p->piece)
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return *done;
}
