/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: see attempt.h. */
#include <errno.h>
#include "exchange/admission.h"
#include "exchange/attempt.h"
#include "exchange/attempt_head.h"
#include "exchange/view.h"
#include "upstream/cluster.h"

/* In the exchange's arena, and so there until the turn has ended in which the exchange did. */
struct attempt {
	struct source source;
	struct exchange *exchange; /* borrowed; NULL once closed */
	struct cluster *cluster;   /* borrowed from the view */
	struct claim claim;
	struct channel *channel;   /* owned while set */
	bool whole;                /* the answer has ended: the channel may be used again */
	bool once_more;            /* the one replacement of a stale connection was spent */
};

static void fail(struct attempt *a, enum fault why, const char *note)
{
	struct exchange *x = a->exchange;
	struct slice copy = arena_dup(&x->arena, slice_str(note));

	x->note = copy.at ? copy : x->note;
	exchange_on_source_fault(x, why, NULL); /* what the agent reads is the fault's own sentence: no address leaks */
}

static void take_channel(struct attempt *a);

static void on_head(void *user, struct head *head, bool last)
{
	struct attempt *a = user;

	exchange_on_answer_head(a->exchange, head);
	if (last && a->exchange) {
		a->whole = true;
		exchange_on_answer_end(a->exchange);
	}
}

static void on_data(void *user, struct slice data)
{
	struct attempt *a = user;

	if (a->exchange)
		exchange_on_answer_data(a->exchange, data);
}

static void on_end(void *user)
{
	struct attempt *a = user;

	a->whole = true;
	if (a->exchange)
		exchange_on_answer_end(a->exchange);
}

/* What a tool does, or a provider runs by itself, may have had an effect; a plain inference only cost something. Where budgets
 * hold what one costs, there is no room in them for another. */
static bool may_run_twice(const struct exchange *x)
{
	const struct request_facts *f = &x->calls[0].facts;

	if (x->calls[0].runs_once || x->calls[0].repeat)
		return false;
	if (x->calls[0].admitted && x->calls[0].admitted->bounded && admission_reserved(&x->calls[0]))
		return false;
	if (x->calls[0].tool)
		return x->calls[0].tool->idempotent;
	for (unsigned i = 0; i < f->n_tools; i++)
		if (f->tools[i].kind == TOOL_HOSTED && !f->tools[i].removed)
			return false;
	return true;
}

static void on_fault(void *user, enum fault why, const char *note)
{
	struct attempt *a = user;
	struct channel_facts f = channel_facts(a->channel);

	if (!a->exchange)
		return;
	bool has_run = f.sent && !f.unread; /* it may have */
	if (f.reused && f.closed && !f.answered && !a->once_more && (!has_run || may_run_twice(a->exchange))) {
		a->once_more = true;
		a->exchange->calls[0].repeats += has_run;
		channel_cancel(a->channel);
		a->channel = NULL;
		take_channel(a);
		return;
	}
	if (!has_run && !f.answered && f.closed)
		a->exchange->went_upstream = a->exchange->calls[0].repeats;
	else
		a->exchange->went_upstream |= f.sent;
	if (f.unread && !f.answered)
		why = a->exchange->went_upstream ? FAULT_OUTCOME_UNKNOWN : FAULT_UPSTREAM_UNREACHABLE;
	else if (why == FAULT_UPSTREAM_UNREACHABLE && f.sent)
		why = f.answered ? FAULT_UPSTREAM_CUT : FAULT_OUTCOME_UNKNOWN;
	fail(a, why, note);
}

static const struct channel_ops channel_events = {on_head, on_data, on_end, on_fault, NULL};

static void send_request(struct attempt *a)
{
	struct exchange *x = a->exchange;
	struct head *h = &x->env->scratch;

	x->attempts++;
	channel_use(a->channel, &channel_events, a);
	if (attempt_head(x, a->claim.endpoint, h) < 0 ||
		channel_send(a->channel, h, x->sending, x->n_sending, true) < 0) {
		fail(a, FAULT_OVERLOADED, "There was no memory for the request's head.");
		return;
	}
	x->went_upstream = true;
	x->waits_for_source = true;
	x->quiet_ns = call_first_byte_ns(&x->calls[0]);
	x->quiet_until = exchange_now(x) + x->quiet_ns;
	x->env->set_deadline(x->env, &x->deadline, x->quiet_until < x->give_up_at ? x->quiet_until : x->give_up_at);
}

static void on_claim(struct ticket *t, int result)
{
	struct attempt *a = container_of(t, struct attempt, claim.ticket);

	if (result < 0) {
		fail(a, a->claim.fault, a->claim.note);
		return;
	}
	a->channel = a->claim.channel;
	send_request(a);
}

static void take_channel(struct attempt *a)
{
	ticket_init(&a->claim.ticket, on_claim);
	int r = cluster_take(a->cluster, NULL, &a->claim);

	if (r == PENDING)
		return;
	if (r < 0) {
		fail(a, a->claim.fault, a->claim.note);
		return;
	}
	a->channel = a->claim.channel;
	send_request(a);
}

static void attempt_pause(struct source *s, enum pause_reason why, bool on)
{
	struct attempt *a = container_of(s, struct attempt, source);

	if (a->channel)
		channel_pause(a->channel, why, on);
}

static void attempt_close(struct source *s)
{
	struct attempt *a = container_of(s, struct attempt, source);

	a->exchange = NULL;
	claim_cancel(&a->claim);
	if (a->channel && a->whole)
		channel_release(a->channel);
	else if (a->channel)
		channel_cancel(a->channel);
	a->channel = NULL;
}

static const struct source_ops attempt_ops = {"upstream", attempt_pause, attempt_close};

int attempt_open(struct exchange_env *env, struct exchange *x)
{
	struct attempt *a = arena_zalloc(&x->arena, sizeof(*a));
	const struct upstream_conf *u = call_upstream(&x->calls[0]);

	(void)env;
	if (!a)
		return -ENOMEM;
	a->source = (struct source){&attempt_ops, x};
	a->exchange = x;
	a->cluster = x->view->clusters[u->index];
	x->source = &a->source;
	x->upstream_name = u->name;
	if (!x->give_up_at) /* else it has waited for another's answer, and what is left of its time holds */
		x->give_up_at = exchange_now(x) + call_total_ns(&x->calls[0]);
	x->quiet_until = UINT64_MAX;
	exchange_waits(x);
	take_channel(a);
	if (!x->waits_for_source) /* what was sent has a deadline of its own */
		x->env->set_deadline(x->env, &x->deadline, x->give_up_at);
	return 0;
}
