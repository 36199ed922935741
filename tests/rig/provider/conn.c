/* SPDX-License-Identifier: Apache-2.0 */
/* conn: one connection: reads a request, plays its answer act by act, and again. A request that
 * follows too early waits. */
#include "server.h"
#include <openssl/err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_ROOM 65536

struct conn {
	struct timer timer; /* first: conn_wake finds the connection by it */
	struct server *server;
	struct conn *next, *prev;
	int fd;
	SSL *ssl; /* owned; NULL: plain text */
	struct bytes in;
	struct request request;
	struct play *play; /* counted; NULL: between two requests */
	unsigned act;
	size_t sent; /* of the play's octets */
	bool waited; /* the act's wait is over */
	bool wants_write;
	bool no_reading; /* stalled from the start */
	bool input_ended;
	uint64_t id, connection;
};

enum io { IO_DONE, IO_AGAIN, IO_GONE };

static void watch(struct conn *c, bool writing)
{
	if (c->wants_write == writing)
		return;
	c->wants_write = writing;
	struct epoll_event e = {
	        .events = EPOLLIN | EPOLLRDHUP | (writing ? EPOLLOUT : 0u), .data.ptr = c};
	epoll_ctl(c->server->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void note_end(struct conn *c, const char *ended)
{
	struct play *p = c->play;
	struct outcome o = {p->status, ended, p->fault, c->sent,
	        p->usage_end && c->sent >= p->usage_end, &p->usage, &p->called};
	if (c->id)
		ledger_end(&c->server->ledger, c->id, &o);
	c->id = 0;
}

static void conn_free(struct conn *c)
{
	if (c->play)
		note_end(c, "client_gone");
	timer_unset(&c->timer);
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->server->conns = c->next;
	SSL_free(c->ssl);
	close(c->fd);
	play_unref(c->play);
	request_finish(&c->request);
	bytes_finish(&c->in);
	mem_give(c);
}

static void conn_reset(struct conn *c)
{
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	conn_free(c);
}

static enum io tls_result(struct conn *c, int n)
{
	int why = SSL_get_error(c->ssl, n);
	ERR_clear_error();
	if (why == SSL_ERROR_WANT_WRITE)
		watch(c, true);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? IO_AGAIN : IO_GONE;
}

static enum io conn_read(struct conn *c)
{
	bytes_room(&c->in, READ_ROOM);
	if (c->ssl) {
		size_t n = 0;
		while (SSL_read_ex(c->ssl, c->in.at + c->in.n, READ_ROOM, &n)) {
			c->in.n += n;
			bytes_room(&c->in, READ_ROOM);
		}
		return tls_result(c, 0);
	}
	ssize_t n = recv(c->fd, c->in.at + c->in.n, READ_ROOM, 0);
	if (n > 0)
		c->in.n += (size_t)n;
	return n > 0 ? IO_DONE : n < 0 && errno == EAGAIN ? IO_AGAIN : IO_GONE;
}

/* Sends octets up to end. */
static enum io conn_send(struct conn *c, size_t end)
{
	while (c->sent < end) {
		const char *at = c->play->octets.at + c->sent;
		if (c->ssl) {
			size_t n = 0;
			if (!SSL_write_ex(c->ssl, at, end - c->sent, &n))
				return tls_result(c, 0);
			c->sent += n;
			continue;
		}
		ssize_t n = send(c->fd, at, end - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return IO_GONE;
		if (n < 0) {
			watch(c, true);
			return IO_AGAIN;
		}
		c->sent += (size_t)n;
	}
	return IO_DONE;
}

/* The play is over; false: the connection is too, and gone. */
static bool end_play(struct conn *c, const char *ended)
{
	bool keep_alive = c->play->keep_alive;
	note_end(c, ended);
	play_unref(c->play);
	c->play = NULL;
	if (keep_alive && !c->input_ended)
		return true;
	if (c->ssl)
		SSL_shutdown(c->ssl);
	conn_free(c);
	return false;
}

/* What follows an act; false: nothing more is to be done now. */
static bool finish_act(struct conn *c, enum act_then then)
{
	c->waited = false;
	c->act++;
	switch (then) {
	case THEN_RESET:
		note_end(c, "reset");
		conn_reset(c);
		return false;
	case THEN_CLOSE:
		note_end(c, "close");
		conn_free(c);
		return false;
	case THEN_HALF_CLOSE:
		note_end(c, "half_close");
		shutdown(c->fd, SHUT_WR);
		return false;
	case THEN_STALL:
		return false;
	default:
		return c->act < c->play->n_acts ||
		       end_play(c, c->play->fault ? c->play->fault : "complete");
	}
}

/* Goes on with the play; false: it has to wait, or the connection is gone. */
static bool play_on(struct conn *c)
{
	while (c->play) {
		if (c->act >= c->play->n_acts)
			return false; /* stalled, or half closed */
		const struct act *act = &c->play->acts[c->act];
		if ((act->wait_us || act->held) && !c->waited) {
			if (!act->held && !c->timer.place)
				timer_set(&c->timer, now_ns() + act->wait_us * (uint64_t)1000);
			return false;
		}
		enum io io = conn_send(c, act->end);
		if (io == IO_GONE)
			conn_free(c);
		if (io != IO_DONE || !finish_act(c, act->then))
			return false;
	}
	return true;
}

static void put_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t n;
	if (c->ssl)
		SSL_write_ex(c->ssl, text, sizeof text - 1, &n);
	else
		send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL);
	c->request.expects_continue = false;
}

/* Begins the next play; false: the request is not whole yet. */
static bool take_request(struct conn *c)
{
	if (!c->in.n)
		return false;
	enum request_state state = request_read(&c->request, bytes_view(&c->in));
	if (state == REQUEST_MORE) {
		if (c->request.head_length && c->request.expects_continue &&
		        c->in.n == c->request.head_length)
			put_continue(c);
		return false;
	}
	struct server *s = c->server;
	c->id = ++s->last_id;
	c->act = 0;
	c->sent = 0;
	c->waited = false;
	c->play = stage_play(s, c->id, c->connection, &c->request);
	if (c->request.path.n > 2 && !memcmp(c->request.path.at, "/_/", 3)) {
		c->id = 0;
		s->last_id--;
	}
	bytes_cut(&c->in, state == REQUEST_BAD ? c->in.n : c->request.total);
	request_finish(&c->request);
	memset(&c->request, 0, sizeof c->request);
	return true;
}

static void conn_go(struct conn *c)
{
	for (;;) {
		if (c->play && !play_on(c))
			return;
		if (!take_request(c))
			break;
	}
	if (c->input_ended)
		conn_free(c);
}

void conn_ready(struct conn *c, uint32_t events)
{
	if (c->no_reading) {
		if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			conn_free(c);
		return;
	}
	if (events & EPOLLOUT)
		watch(c, false);
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && conn_read(c) == IO_GONE) {
		/* Whoever leaves during an answer has left; after a whole request, the answer still
		 * goes out. */
		if (c->play || !c->in.n) {
			conn_free(c);
			return;
		}
		c->input_ended = true;
	}
	conn_go(c);
}

void conn_wake(struct timer *t)
{
	struct conn *c = (struct conn *)t;
	c->waited = true;
	conn_go(c);
}

void conn_release(struct conn *c)
{
	if (c->play && c->act < c->play->n_acts && c->play->acts[c->act].held && !c->waited)
		timer_set(&c->timer, now_ns());
}

void conn_stop(struct conn *c)
{
	if (c->play)
		note_end(c, "provider_stopped");
}

struct conn *conn_next(struct conn *c)
{
	return c->next;
}

/* `accept` of the defaults: what happens to new connections, the first `accept_first` of them,
 * before a word is said. true: this one is gone. */
static bool accept_fault(struct server *s, struct conn *c)
{
	struct text kind = json_text(json_get(server_defaults(s), "accept"));
	int64_t first = json_int(json_get(server_defaults(s), "accept_first"), INT64_MAX);
	if (!kind.at || (int64_t)s->accept_faults >= first)
		return false;
	s->accept_faults++;
	c->no_reading = text_is(kind, "stall");
	if (text_is(kind, "reset"))
		conn_reset(c);
	else if (text_is(kind, "close"))
		conn_free(c);
	else
		return false;
	return true;
}

void conn_new(struct server *s, int fd)
{
	struct conn *c = mem_take(sizeof *c);
	*c = (struct conn){
	        .server = s, .fd = fd, .next = s->conns, .connection = ++s->last_connection};
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (accept_fault(s, c))
		return;
	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		SSL_set_fd(c->ssl, fd);
		SSL_set_accept_state(c->ssl);
	}
	struct epoll_event e = {
	        .events = (c->no_reading ? 0u : (uint32_t)EPOLLIN) | EPOLLRDHUP, .data.ptr = c};
	epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
}
