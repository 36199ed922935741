/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: birth, what both sides report, death. Reports store a fact and wake the step; nothing is decided here. */
#include <assert.h>
#include <errno.h>
#include "base/id.h"
#include "base/mem.h"
#include "exchange/chain.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"
#include "exchange/unwatched.h"
#include "exchange/view.h"
#include "http/target.h"

#define ARENA_MAX (48u << 20)   /* facts and edits of a body at its ceiling */
#define LAP_ARENA_MAX (96u << 20) /* an answer at its ceiling, edited */
#define TEXT_MAX (4u << 20)     /* of one part, between two policies */
#define BODY_AHEAD (256u << 10) /* bytes made room for because they were promised */
#define BODY_GRACE (30 * NS_PER_S)
#define BODY_RATE (64u << 10)   /* bytes a second that a slow body must reach after its grace */

uint64_t exchange_now(const struct exchange *x)
{
	return *x->env->now;
}

uint64_t exchange_wall(const struct exchange *x)
{
	return x->wall + (exchange_now(x) - x->began);
}

#define SPARE_MAX 128            /* exchanges kept a worker */
#define SPARE_BUF (16u << 10)    /* a buffer larger than this is given back */
#define SPARE_ARENA (32u << 10)

static void exchange_free(struct exchange *x)
{
	buf_finish(&x->body);
	buf_finish(&x->arrived);
	arena_finish(&x->lap_arena);
	arena_finish(&x->arena);
	mem_free(x);
}

static void trim_buf(struct buf *b)
{
	if (b->cap > SPARE_BUF)
		buf_finish(b);
	else
		buf_clear(b);
}

static void trim_arena(struct arena *a)
{
	arena_reset(a);
	if (a->used > SPARE_ARENA)
		arena_finish(a);
}

/* Its memory serves the next exchange: a call then costs hardly an allocation. */
static void exchange_retire(struct reapable *r)
{
	struct exchange *x = container_of(r, struct exchange, reapable);
	struct exchange_env *env = x->env;

	for (unsigned i = 0; i < x->n_calls; i++)
		buf_finish(&x->calls[i].tools_removed);
	view_unref(x->view);
	if (env->n_spare >= SPARE_MAX) {
		exchange_free(x);
		return;
	}
	trim_buf(&x->body);
	trim_buf(&x->arrived);
	trim_arena(&x->arena);
	trim_arena(&x->lap_arena);
	if (!env->n_spare)
		list_init(&env->spare);
	list_push_front(&env->spare, &x->spare);
	env->n_spare++;
}

/* A ceiling for a buffer that may have memory from before. */
static void limit_buf(struct buf *b, size_t max)
{
	if (b->cap > max)
		buf_finish(b);
	b->max = max;
}

/* A zeroed exchange, with whatever memory a finished one had. */
static struct exchange *exchange_take(struct exchange_env *env)
{
	struct list *node = env->n_spare ? list_pop(&env->spare) : NULL;

	if (!node) {
		struct exchange *x = mem_zalloc(sizeof(*x));
		if (!x)
			return NULL;
		arena_init(&x->arena, ARENA_MAX);
		arena_init(&x->lap_arena, LAP_ARENA_MAX);
		return x;
	}
	env->n_spare--;
	struct exchange *x = container_of(node, struct exchange, spare);
	struct buf body = x->body, arrived = x->arrived;
	struct arena arena = x->arena, lap_arena = x->lap_arena;
	memset(x, 0, sizeof(*x));
	x->body = body;
	x->arrived = arrived;
	x->arena = arena;
	x->lap_arena = lap_arena;
	return x;
}

void exchange_env_finish(struct exchange_env *env)
{
	while (env->n_spare) {
		env->n_spare--;
		exchange_free(container_of(list_pop(&env->spare), struct exchange, spare));
	}
}

/* A body that comes in too slowly is refused; one that keeps its rate gets more time. */
static void check_body_rate(struct exchange *x)
{
	uint64_t now = exchange_now(x), late = now - x->body_from - BODY_GRACE;

	if (x->bytes_in / BODY_RATE > late / NS_PER_S)
		x->env->set_deadline(x->env, &x->deadline, now + NS_PER_S);
	else
		exchange_on_request_fault(x, FAULT_REQUEST_TIMEOUT, NULL);
}

/* A stream that is silent for long is dropped by whatever stands between: a comment, which every reader of events skips,
 * keeps it. It stands between two events, since only whole ones are sent. */
static void keep_stream_alive(struct exchange *x, uint64_t now)
{
	static const struct slice comment = SLICE_INIT(":\n\n");
	struct codec *codec = x->down->codec;

	x->comment_at = now + x->snapshot->conf->keep_alive_comment_ns;
	if (!x->head_sent || x->last_sent || x->down->ops->is_full(x->down))
		return;
	if (codec->ops->put_data(codec, x->stream, &comment, 1, false) == 0)
		x->down->ops->wrote(x->down);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A reply has waited for as long as a connection may stay open on which nothing happens. A deadline from before it is none. */
static void check_reply(struct exchange *x, uint64_t now)
{
	if (now < x->give_up_at)
		x->env->set_deadline(x->env, &x->deadline, x->give_up_at);
	else
		exchange_on_client_gone(x);
}

/* A tool that was asked and has not answered: who repeats the call may do the same thing twice. */
static bool may_have_run(const struct exchange *x)
{
	const struct tool_conf *tool = x->calls[0].tool;

	return tool && !tool->idempotent && x->went_upstream;
}

static void on_deadline(struct deadline *d)
{
	struct exchange *x = container_of(d, struct exchange, deadline);
	uint64_t now = exchange_now(x);

	if (x->phase == PHASE_READING) {
		check_body_rate(x);
		return;
	}
	if (x->source_local) {
		check_reply(x, now);
		return;
	}
	if (!x->waits_for_source && x->quiet_ns)
		x->quiet_until = now + x->quiet_ns; /* it is not heard: a policy waits or the agent does not read */
	if (x->comment_at && now >= x->comment_at)
		keep_stream_alive(x, now);
	uint64_t at = sooner(x->quiet_until, x->give_up_at);
	if (now < at) {
		x->env->set_deadline(x->env, d, x->comment_at ? sooner(at, x->comment_at) : at);
		return;
	}
	exchange_on_source_fault(x, may_have_run(x) ? FAULT_OUTCOME_UNKNOWN : FAULT_UPSTREAM_TIMEOUT,
		now >= x->give_up_at        ? "The whole call took longer than its deadline."
		: x->phase == PHASE_REACHING ? "The provider did not begin its answer in time."
					     : "The provider fell silent in the middle of its answer.");
}

/* Asks the clock itself, since the loop's time stands still while Weir works: else its work would count as the other's. */
void exchange_waits(struct exchange *x)
{
	if (!x->waits_since)
		x->waits_since = clock_mono(x->env->clock);
}

void exchange_works(struct exchange *x)
{
	uint64_t now = exchange_now(x);

	if (x->waits_since && now > x->waits_since)
		x->others_ns += now - x->waits_since;
	x->waits_since = 0;
}

void exchange_want_body(struct exchange *x)
{
	x->body_from = exchange_now(x);
	exchange_waits(x);
	x->down->ops->pause(x->down, PAUSE_NOT_YET, false);
	x->env->set_deadline(x->env, &x->deadline, x->body_from + BODY_GRACE);
}

static int make_call(struct exchange *x)
{
	struct call *c = arena_zalloc(&x->arena, sizeof(*c));

	if (!c)
		return -ENOMEM;
	x->calls = c;
	x->n_calls = 1;
	c->exchange = x;
	list_init(&c->charges);
	buf_init(&c->hand[0], TEXT_MAX);
	buf_init(&c->hand[1], TEXT_MAX);
	buf_init(&c->tools_removed, 4096);
	return chain_init(c, x->env->policies, x->env->n_policies, &x->arena);
}

/* The 32 hex digits of a W3C traceparent (version 00, level 1: 2-32-16-2); empty when it is none. */
static struct slice trace_id_of(struct slice value)
{
	if (value.len < 55 || value.at[2] != '-' || value.at[35] != '-' || value.at[52] != '-')
		return (struct slice){"", 0};
	bool any = false;
	for (size_t i = 3; i < 35; i++) {
		char c = value.at[i];
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return (struct slice){"", 0};
		any |= c != '0';
	}
	return any ? (struct slice){value.at + 3, 32} : (struct slice){"", 0};
}

/* Canonical path or none at all: the limits policy refuses the request when there is none. */
static void read_target(struct exchange *x)
{
	const struct head *h = x->head;
	struct target t = {.path = h->path, .query = h->query, .has_key = h->key_in_query};

	if (!t.path.at)
		x->target_fault = target_parse(h->target, head_value(h, HEADER_HOST), &t, &x->target_note);
	if (x->target_fault != FAULT_NONE)
		return;
	x->path = t.path;
	x->query = t.query;
	x->key_in_query = t.has_key;
	x->route = dialect_route(h->method, t.path);
}

struct exchange *exchange_new(struct exchange_env *env, struct view *view, struct downstream *down,
	uint32_t stream, struct head *head, bool last)
{
	struct exchange *x = exchange_take(env);

	if (!x)
		return NULL;
	x->reapable.free = exchange_retire;
	list_init(&x->reapable.link);
	list_init(&x->journal_link);
	list_init(&x->unwatched);
	x->env = env;
	x->view = view_ref(view);
	x->snapshot = view->snapshot;
	x->down = down;
	x->listener_name = down->listener->name;
	x->stream = stream;
	x->head = head;
	x->body_ended = last;
	x->began = x->phase_at = *env->now;
	/* At began, which lies back as long as the turn has lasted: instants that are reckoned from both are never ahead of the clock. */
	x->wall = clock_wall(env->clock) - (clock_mono(env->clock) - *env->now);
	id_new(x->wall, x->request_id);
	limit_buf(&x->body, down->listener->limits.body_bytes);
	limit_buf(&x->arrived, down->listener->limits.answer_bytes);
	deadline_init(&x->deadline, on_deadline);
	if (make_call(x) < 0) {
		exchange_retire(&x->reapable);
		return NULL;
	}
	read_target(x);
	struct slice traceparent = head_value(head, HEADER_TRACEPARENT);
	if (traceparent.at)
		x->trace_id = trace_id_of(traceparent);
	env->in_flight++;
	if (!last)
		down->ops->pause(down, PAUSE_NOT_YET, true);
	return x;
}

void exchange_wake(struct exchange *x)
{
	if (x->phase == PHASE_DONE)
		return;
	if (x->running) {
		x->again = true;
		return;
	}
	x->running = true;
	do {
		x->again = false;
		while (steps[x->phase](x) == STEP_ON)
			;
	} while (x->again && x->phase != PHASE_DONE);
	x->running = false;
}

void exchange_on_body(struct exchange *x, struct slice data)
{
	x->bytes_in += data.len;
	if (x->phase != PHASE_READING || x->fault != FAULT_NONE)
		return;
	int r = 0;
	if (!buf_len(&x->body) && x->head->framing == FRAMING_LENGTH && x->head->length <= x->body.max)
		r = buf_reserve(&x->body, x->head->length < BODY_AHEAD ? x->head->length : BODY_AHEAD);
	if (!r)
		r = buf_put_slice(&x->body, data);
	if (r < 0)
		x->fault = r == -ENOBUFS ? FAULT_REQUEST_TOO_LARGE : FAULT_OVERLOADED;
	if (r < 0)
		exchange_wake(x);
}

void exchange_on_body_end(struct exchange *x)
{
	x->body_ended = true;
	if (x->phase == PHASE_READING)
		exchange_works(x);
	exchange_wake(x);
}

void exchange_on_room(struct exchange *x)
{
	exchange_wake(x);
}

void exchange_on_client_gone(struct exchange *x)
{
	bool goes_on = unwatched_begin(x);

	x->client_gone = true;
	x->aborted |= !goes_on;
	exchange_wake(x);
}

void exchange_on_request_fault(struct exchange *x, enum fault why, const char *note)
{
	if (x->phase == PHASE_READING && x->fault == FAULT_NONE) {
		x->fault = why;
		x->source_note = note;
	} else if (x->phase != PHASE_READING) {
		x->client_gone = x->aborted = true;
	}
	exchange_wake(x);
}

void exchange_on_shutdown(struct exchange *x)
{
	if (x->phase == PHASE_READING)
		exchange_on_request_fault(x, FAULT_SHUTTING_DOWN, NULL);
	else
		exchange_on_source_fault(x, FAULT_SHUTTING_DOWN, NULL);
}

static void source_spoke(struct exchange *x)
{
	exchange_works(x);
	x->waits_for_source = false;
	if (x->quiet_ns)
		x->quiet_until = exchange_now(x) + x->quiet_ns;
}

void exchange_on_answer_head(struct exchange *x, struct head *head)
{
	source_spoke(x);
	x->answer_head = head;
	x->upstream_status = head->status;
	exchange_wake(x);
}

/* What cannot be taken at once is kept. */
static void keep_arriving(struct exchange *x)
{
	struct slice data = x->arriving;
	int r;

	x->arriving = (struct slice){NULL, 0};
	if (!data.len || x->source_local || x->phase >= PHASE_CLOSING)
		return;
	r = buf_put_slice(&x->arrived, data);
	if (r == -ENOBUFS)
		exchange_on_source_fault(
			x, FAULT_UPSTREAM_MALFORMED, "The provider's answer is larger than this gateway takes.");
	else if (r < 0)
		exchange_on_source_fault(x, FAULT_OVERLOADED, NULL);
}

void exchange_on_answer_data(struct exchange *x, struct slice data)
{
	bool later = x->running || buf_len(&x->arrived);

	source_spoke(x);
	if (later)
		keep_arriving(x); /* what came just before it */
	x->arriving = data;
	if (later)
		keep_arriving(x);
	exchange_wake(x);
	keep_arriving(x);
}

void exchange_on_answer_end(struct exchange *x)
{
	source_spoke(x);
	x->end_arrived = true;
	exchange_wake(x);
}

void exchange_on_source_fault(struct exchange *x, enum fault why, const char *note)
{
	source_spoke(x);
	if (x->source_fault == FAULT_NONE) {
		x->source_fault = why;
		x->source_note = note;
	}
	exchange_wake(x);
}
