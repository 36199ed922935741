/* SPDX-License-Identifier: Apache-2.0 */
/* session: see session.h. */
#include <errno.h>
#include "base/mem.h"
#include "crypto/key.h"
#include "exchange/session.h"
#include "exchange/session_refuse.h"
#include "exchange/strangers.h"
#include "exchange/view.h"
#include "http/h1.h"
#include "net/wire.h"

#define TRIM_AFTER NS_PER_S      /* idle for so long, a connection gives its buffers back */
#define AHEAD_MAX (64u << 10) /* bytes that may wait behind the request that runs */

struct session {
	struct downstream down;
	struct reapable reapable;
	struct list link;            /* in gate->sessions */
	struct session_gate *gate;   /* borrowed */
	struct view *view;           /* counted: down.listener is its */
	struct wire *wire;           /* owned until closed */
	struct h1_codec codec;
	struct exchange *exchange;   /* borrowed; NULL between requests */
	struct served *served;       /* owned: the request of a service */
	bool asked;                  /* the service has it */
	struct buf ahead;            /* owned: sent before its turn */
	struct deadline deadline;    /* a head or the next request must come */
	uint64_t idle_until;         /* while idle: when it is closed; monotonic ns */
	bool reading_head;           /* bytes of a request came, its head is not whole */
	bool pumping, ready;         /* in pump; the last exchange has ended */
	bool keep, closing, ended;   /* may carry another; is being closed; the peer has closed its side */
	struct ticket again;         /* to pump outside of the exchange's step */
	char peer[ADDRESS_TEXT];
};

static void session_free(struct reapable *r)
{
	struct session *s = container_of(r, struct session, reapable);

	s->codec.base.ops->finish(&s->codec.base);
	buf_finish(&s->ahead);
	key_memo_forget(&s->down.key);
	view_unref(s->view);
	mem_free(s);
}

static void served_free(struct session *s)
{
	struct served *q = s->served;

	s->served = NULL;
	s->asked = false;
	buf_finish(&q->body);
	buf_finish(&q->out);
	head_finish(&q->answer);
	mem_free(q);
}

static void session_close(struct session *s, enum wire_close_how how)
{
	if (s->closing)
		return;
	s->closing = true;
	if (s->asked && s->gate->service->forget)
		s->gate->service->forget(s->served);
	if (s->served)
		served_free(s);
	wire_close(s->wire, how);
	s->wire = NULL;
	loop_deadline_clear(s->gate->loop, &s->deadline);
	ticket_cancel(&s->again);
	list_unlink(&s->link);
	s->gate->n_sessions--;
	s->gate->env->sessions--;
	if (!s->exchange) /* which reads its request's head to the end */
		turn_bury(&s->gate->loop->turn, &s->reapable);
}

/* A total time for the head, not one between its bytes: however slowly it drips, it ends. */
static void expect(struct session *s, bool head)
{
	const struct limits_conf *l = &s->down.listener->limits;

	s->idle_until = s->gate->loop->now + (head ? l->header_timeout_ns : l->idle_timeout_ns);
	loop_deadline_set(s->gate->loop, &s->deadline, head ? s->idle_until : s->gate->loop->now + TRIM_AFTER);
}

static void trim(struct session *s)
{
	key_memo_forget(&s->down.key);
	h1_trim(&s->codec);
	wire_trim(s->wire);
	loop_deadline_set(s->gate->loop, &s->deadline, s->idle_until);
}

static void answer_and_close(struct session *s, enum fault why, const char *note)
{
	if (strangers_are_too_many(s->gate->env->strangers, why, s->down.peer, s->gate->loop->now)) {
		why = FAULT_RATE_LIMITED;
		note = STRANGER_TOLD;
	}
	session_refuse(&s->codec.base, 1, why, note);
	wire_mark_dirty(s->wire);
	session_close(s, WIRE_CLOSE_LINGER);
}

static void on_deadline(struct deadline *d)
{
	struct session *s = container_of(d, struct session, deadline);

	if (s->exchange || s->asked)
		return;
	if (s->reading_head || s->served)
		answer_and_close(s, FAULT_REQUEST_TIMEOUT, NULL);
	else if (s->gate->loop->now < s->idle_until)
		trim(s);
	else
		session_close(s, WIRE_CLOSE_NOW);
}

/* ---- what the codec reports ---- */

/* ---- what a service answers ---- */

static void answer_served(struct session *s)
{
	struct served *q = s->served;

	s->keep = q->answer.keep_alive = q->head->keep_alive;
	session_answer(&s->codec.base, q->stream, &q->answer, buf_slice(&q->out));
	served_free(s);
	wire_mark_dirty(s->wire);
	s->ready = true;
}

static void ask_service(struct session *s)
{
	s->asked = true;
	if (s->gate->service->serve(s->served) == READY)
		answer_served(s);
}

/* A body has as long as a head. */
static void serve(struct session *s, uint32_t stream, const struct head *head, bool last)
{
	const struct service *service = s->gate->service;

	if (!last && !service->body_max) {
		answer_and_close(s, FAULT_METHOD_NOT_ALLOWED, NULL);
		return;
	}
	s->served = mem_zalloc(sizeof(*s->served));
	if (!s->served) {
		answer_and_close(s, FAULT_OVERLOADED, NULL);
		return;
	}
	*s->served = (struct served){s, s->gate, s->down.listener, head, s->down.peer, stream, BUF_INIT(service->body_max),
		.out = BUF_INIT(SERVED_ANSWER_MAX)};
	head_init(&s->served->answer);
	if (last) {
		ask_service(s);
		return;
	}
	expect(s, true);
	if (head->expects_continue && s->codec.base.ops->put_interim(&s->codec.base, stream, 100) == 0)
		wire_mark_dirty(s->wire);
}

static void on_head(void *owner, uint32_t stream, struct head *head, bool last)
{
	struct session *s = owner;

	s->reading_head = false;
	loop_deadline_clear(s->gate->loop, &s->deadline);
	if (s->view != s->gate->view && s->gate->conf) {
		view_unref(s->view);
		s->view = view_ref(s->gate->view);
		s->down.listener = s->gate->conf;
	}
	if (s->gate->service) {
		serve(s, stream, head, last);
		return;
	}
	s->exchange = exchange_new(s->gate->env, s->view, &s->down, stream, head, last);
	if (s->exchange)
		exchange_wake(s->exchange);
	else
		answer_and_close(s, FAULT_OVERLOADED, NULL);
}

static void on_data(void *owner, uint32_t stream, struct slice data)
{
	struct session *s = owner;

	(void)stream;
	if (s->exchange)
		exchange_on_body(s->exchange, data);
	else if (s->served && buf_put_slice(&s->served->body, data) < 0)
		answer_and_close(s, FAULT_REQUEST_TOO_LARGE, NULL);
}

static void on_end(void *owner, uint32_t stream)
{
	struct session *s = owner;

	(void)stream;
	if (s->exchange)
		exchange_on_body_end(s->exchange);
	else if (s->served)
		ask_service(s);
}

static void on_reset(void *owner, uint32_t stream, enum fault why, const char *note)
{
	struct session *s = owner;

	(void)stream;
	if (s->exchange)
		exchange_on_request_fault(s->exchange, why, note);
	else if (!s->closing)
		answer_and_close(s, why, note);
}

static const struct codec_events codec_events = {
	.head = on_head, .data = on_data, .end = on_end, .reset = on_reset,
};

/* ---- bytes ---- */

/* The request before has been answered: may another be read? */
static bool turn_over(struct session *s)
{
	s->ready = false;
	if (s->keep && s->codec.base.ops->next(&s->codec.base) && !s->ended && !s->gate->env->draining) {
		expect(s, false);
		return true;
	}
	session_close(s, s->ended ? WIRE_CLOSE_FLUSH : WIRE_CLOSE_LINGER);
	return false;
}

/* Feeds until the codec takes no more: a request runs, or all was taken. Returns how much was taken. */
static size_t feed(struct session *s, struct slice in)
{
	size_t taken = 0;

	while (!s->closing) {
		if (s->ready && s->keep && wire_is_full(s->wire)) { /* who takes no answers is given no more: on_wire_drained goes on */
			expect(s, false);
			break;
		}
		if (s->ready && !turn_over(s))
			break;
		if (taken == in.len)
			break;
		bool begins = !s->exchange && !s->served && !s->reading_head;
		s->reading_head |= begins;
		size_t n = s->codec.base.ops->feed(&s->codec.base, slice_skip(in, taken));
		taken += n;
		if (begins && s->reading_head && !s->closing)
			expect(s, true); /* mostly it has come whole */
		if (!n && !s->ready)
			break;
	}
	return taken;
}

/* The agent has left. Its exchange ends, or goes on for others. */
static void abandon(struct session *s, enum wire_close_how how)
{
	if (s->exchange)
		exchange_on_client_gone(s->exchange);
	session_close(s, s->exchange ? WIRE_CLOSE_NOW : how);
}

static void pump(struct session *s, struct slice in)
{
	if (s->pumping)
		return;
	s->pumping = true;
	if (buf_len(&s->ahead)) {
		buf_take(&s->ahead, feed(s, buf_slice(&s->ahead)));
		if (!buf_len(&s->ahead) && !s->closing)
			buf_finish(&s->ahead);
	}
	if (!s->closing && !buf_len(&s->ahead))
		in = slice_skip(in, feed(s, in));
	if (!s->closing && in.len && buf_put_slice(&s->ahead, in) < 0)
		abandon(s, WIRE_CLOSE_NOW);
	if (!s->closing)
		wire_pause(s->wire, PAUSE_SINK_FULL, buf_len(&s->ahead) >= AHEAD_MAX / 2);
	s->pumping = false;
}

static void on_again(struct ticket *t, int result)
{
	struct session *s = container_of(t, struct session, again);

	(void)result;
	pump(s, (struct slice){"", 0});
}

void served_answer(struct served *q)
{
	struct session *s = q->session;

	answer_served(s);
	pump(s, (struct slice){"", 0});
}

static void on_wire_data(void *owner, struct slice in)
{
	pump(owner, in);
}

/* An agent that closes its side while it waits for an answer has left. */
static void on_wire_end(void *owner, int error)
{
	struct session *s = owner;

	s->ended = true;
	abandon(s, error ? WIRE_CLOSE_NOW : WIRE_CLOSE_FLUSH);
}

static void on_wire_drained(void *owner)
{
	struct session *s = owner;

	if (s->exchange)
		exchange_on_room(s->exchange);
	else if (s->ready)
		pump(s, (struct slice){"", 0});
}

static const struct wire_events wire_events = {on_wire_data, on_wire_end, on_wire_drained};

/* ---- what the exchange asks ---- */

static bool down_is_full(struct downstream *d)
{
	struct session *s = container_of(d, struct session, down);

	return !s->closing && wire_is_full(s->wire);
}

static void down_pause(struct downstream *d, enum pause_reason why, bool on)
{
	struct session *s = container_of(d, struct session, down);

	if (!s->closing)
		wire_pause(s->wire, why, on);
}

static void forget_drop(struct ticket *t)
{
	(void)t;
}

static void down_ended(struct downstream *d, struct exchange *x, bool keep)
{
	struct session *s = container_of(d, struct session, down);

	(void)x;
	s->exchange = NULL;
	if (s->closing) {
		turn_bury(&s->gate->loop->turn, &s->reapable);
		return;
	}
	wire_mark_dirty(s->wire);
	s->keep = keep;
	s->ready = true;
	if (s->ended || (!keep && x->aborted)) {
		session_close(s, WIRE_CLOSE_NOW);
		return;
	}
	if (s->pumping || ticket_is_armed(&s->again))
		return;
	ticket_arm(&s->again, &s->gate->loop->turn, forget_drop, s);
	ticket_complete(&s->again, 0);
}

static void down_wrote(struct downstream *d)
{
	struct session *s = container_of(d, struct session, down);

	if (!s->closing)
		wire_mark_dirty(s->wire);
}

static const struct downstream_ops down_ops = {down_is_full, down_pause, down_wrote, down_ended};

/* ---- birth, and the gate ---- */

void session_open(struct session_gate *g, struct wire *w)
{
	struct session *s = mem_zalloc(sizeof(*s));

	if (!s || h1_server_init(&s->codec, &codec_events, s, &w->out, NULL) < 0) {
		mem_free(s);
		wire_close(w, WIRE_CLOSE_NOW);
		return;
	}
	s->reapable.free = session_free;
	list_init(&s->reapable.link);
	list_init(&s->link);
	list_push(&g->sessions, &s->link);
	g->n_sessions++;
	g->env->sessions++;
	s->gate = g;
	s->view = view_ref(g->view);
	address_format(&w->peer, s->peer);
	s->down = (struct downstream){&down_ops, &s->codec.base, g->conf, slice_str(s->peer), NULL};
	buf_init(&s->ahead, AHEAD_MAX + SLAB_READ_MAX);
	deadline_init(&s->deadline, on_deadline);
	ticket_init(&s->again, on_again);
	s->wire = w;
	expect(s, true);
	wire_open(w, &wire_events, s);
}

void session_gate_init(struct session_gate *g, struct exchange_env *env, struct loop *loop)
{
	*g = (struct session_gate){.env = env, .loop = loop};
	list_init(&g->sessions);
}

void session_gate_set_view(struct session_gate *g, struct view *view, const struct listener_conf *conf)
{
	struct view *old = g->view;

	g->view = view_ref(view);
	g->conf = conf;
	view_unref(old);
}

unsigned session_gate_each(
	struct session_gate *g, unsigned max, bool (*fn)(void *arg, const struct exchange *x), void *arg)
{
	unsigned n = 0;

	for (struct list *node = g->sessions.prev; node != &g->sessions && n < max; node = node->prev, n++) {
		const struct session *s = container_of(node, struct session, link);
		if (s->exchange && !fn(arg, s->exchange))
			return n + 1;
	}
	return n;
}

void session_gate_drain(struct session_gate *g)
{
	list_foreach_safe(node, after, &g->sessions) {
		struct session *s = container_of(node, struct session, link);
		if (!s->exchange && !s->served && !s->reading_head)
			session_close(s, WIRE_CLOSE_FLUSH);
	}
}

void session_gate_shutdown(struct session_gate *g)
{
	list_foreach_safe(node, after, &g->sessions) {
		struct session *s = container_of(node, struct session, link);
		if (s->exchange)
			exchange_on_shutdown(s->exchange);
		if (s->exchange)
			exchange_on_client_gone(s->exchange); /* it takes nothing any more */
		if (!s->closing)
			session_close(s, WIRE_CLOSE_FLUSH);
	}
}
