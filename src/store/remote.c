/* SPDX-License-Identifier: Apache-2.0 */
/* remote: admissions and looks, one script for each group that they name, one after the other. What
 * one group has granted is given back when the next one refuses. */
#include "store/remote.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "store/errand.h"
#include "store/remote_core.h"

static struct remote *remote_of(struct store *s)
{
	return container_of(s, struct remote, store);
}

/* ---- ending */

/* What one part has found is nobody's where the next one refuses. */
static void hold_unfind(struct hold *h)
{
	if (!h->admission)
		return;
	blob_unref(h->admission->found);
	h->admission->found = NULL;
}

/* Whoever asked hears of it, and nothing of the hold is his any more. */
static void hold_tell(struct hold *h, int result)
{
	struct ticket *t = h->ticket;

	hold_time(h, h->admission ? STORE_ADMIT : STORE_LOOK, result);
	if (result != 1)
		hold_unfind(h);
	h->ticket = NULL;
	h->admission = NULL;
	h->out = NULL;
	ticket_complete(t, result);
}

/* Gives back what the first parts hold, or may hold. */
static void hold_abandon(struct hold *h, unsigned parts)
{
	list_unlink(&h->link);
	hold_unword(h);
	h->n_parts = parts;
	if (parts)
		hold_settle(h, &(struct settlement){.ran = false});
	else
		hold_free(h);
}

/* Of these nobody knows whether it was carried out; what a server has refused was not. */
static bool is_unknown(int result, const struct redis_reply *reply)
{
	if (reply && reply->type == REPLY_ERROR)
		return false;
	return result == -ETIMEDOUT || result == -ECONNRESET || result == -EAGAIN ||
	       result == -EPROTO || result == -EBADMSG || result == -ENOMEM;
}

void hold_fail(struct hold *h, int result, const struct redis_reply *reply)
{
	unsigned parts = h->part + is_unknown(result, reply);

	hold_tell(h, result);
	hold_abandon(h, parts);
}

static void hold_grant(struct hold *h)
{
	struct admission *a = h->admission;
	struct remote *r = h->remote;

	a->granted = true;
	a->reservation.out_granted = h->reservation.out_granted;
	a->reservation.cost = h->reservation.cost;
	a->reservation.tokens = h->reservation.tokens;
	for (unsigned i = 0; i < h->n; i++)
		a->demands[i].held = h;
	hold_unword(h);
	h->state = HOLD_HELD;
	list_unlink(&h->link);
	list_push(&r->held, &h->link);
	r->n_held++;
	hold_tell(h, 1);
}

void hold_refuse(struct hold *h, unsigned by)
{
	h->admission->refused_by = by;
	hold_tell(h, 0);
	hold_abandon(h, h->part);
}

/* ---- an admission's answers */

void hold_on_answer(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct hold *h = container_of(ask, struct hold, ask);
	struct blob *found = NULL;
	unsigned refused = h->n;

	if (!result)
		result = reply ? hold_read(h, reply, &refused, &found) : -EPROTO;
	if (result == 0) {
		hold_refuse(h, refused);
		return;
	}
	if (result == 3) {
		result = hold_lease(h);
		if (result == PENDING)
			return;
	}
	if (result < 0) {
		hold_fail(h, result, reply);
		return;
	}
	if (found)
		h->admission->found = found;
	/* Whatever else would be asked, the answer is here. */
	if (result == 2) {
		h->admission->answers = true;
		h->n_parts = h->part + 1;
	}
	if (++h->part == h->n_parts) {
		hold_grant(h);
		return;
	}
	result = hold_ask(h, COUNTERS_ADMIT, NULL, hold_on_answer);
	if (result < 0)
		hold_fail(h, result, NULL);
}

static void on_dropped(struct ticket *t)
{
	struct hold *h = t->provider;

	h->ticket = NULL;
	h->out = NULL;
	ask_cancel(&h->ask);
	if (h->admission) {
		hold_unfind(h);
		h->admission = NULL;
		hold_abandon(h, h->part + 1);
	} else {
		hold_free(h);
	}
}

static void demands_begin(struct demand *demands, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		demands[i].state = DEMAND_NOT_ASKED;
		demands[i].held = NULL;
		demands[i].wait_ns = 0;
	}
}

static int hold_begin(struct hold *h, enum counters_op op, struct demand *out, struct ticket *t,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply))
{
	struct remote *r = h->remote;
	int error;

	h->out = out;
	h->ticket = t;
	h->asked_at = r->loop->now;
	error = hold_ask(h, op, NULL, done);
	if (error < 0) {
		hold_time(h, h->admission ? STORE_ADMIT : STORE_LOOK, error);
		hold_free(h);
		return error;
	}
	list_push(&r->asking, &h->link);
	ticket_arm(t, &r->loop->turn, on_dropped, h);
	return PENDING;
}

static int remote_admit(struct store *s, struct admission *a)
{
	struct remote *r = remote_of(s);
	struct hold *h;
	int error;

	demands_begin(a->demands, a->n);
	a->refused_by = a->n;
	a->granted = a->n == 0;
	a->found = NULL;
	a->answers = false;
	if (a->granted)
		return READY;
	if (r->fenced) {
		store_times_count(&r->times, STORE_ADMIT, STORE_FENCED, 0);
		return -EAGAIN;
	}
	error = hold_new(r, a->id, a->demands, a->n, true, &h);
	if (error)
		return error;
	h->admission = a;
	h->reservation = a->reservation;
	h->expires = r->loop->now;
	if (a->expires > a->now_wall_ns)
		h->expires += a->expires - a->now_wall_ns;
	return hold_begin(h, COUNTERS_ADMIT, a->demands, &a->ticket, hold_on_answer);
}

static void remote_settle(struct store *s, struct admission *a, const struct settlement *used)
{
	struct remote *r = remote_of(s);
	struct hold *h;

	assert(a->granted);
	a->granted = false;
	if (!a->n)
		return;
	h = a->demands[0].held;
	for (unsigned i = 0; i < a->n; i++)
		a->demands[i].held = NULL;
	r->n_held--;
	list_unlink(&h->link);
	hold_settle(h, used);
}

/* ---- looking */

static void on_looked(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct hold *h = container_of(ask, struct hold, ask);
	unsigned refused;

	if (!result)
		result = reply ? hold_read(h, reply, &refused, NULL) : -EPROTO;
	if (result > 0)
		result = ++h->part < h->n_parts ? hold_ask(h, COUNTERS_LOOK, NULL, on_looked)
		                                : READY;
	if (result == PENDING)
		return;
	hold_tell(h, result);
	hold_free(h);
}

static int remote_look(
        struct store *s, struct demand *demands, unsigned n, uint64_t now_wall_ns, struct ticket *t)
{
	struct hold *h;
	int error;

	(void)now_wall_ns;
	demands_begin(demands, n);
	if (!n)
		return READY;
	error = hold_new(remote_of(s), SLICE("look"), demands, n, false, &h);
	if (error)
		return error;
	/* Whether the smallest call there is would fit. */
	h->reservation = (struct reservation){.fixed_cost = 1, .fixed_tokens = 1};
	return hold_begin(h, COUNTERS_LOOK, demands, t, on_looked);
}

static const struct store_ops remote_ops = {
        .name = "redis",
        .admit = remote_admit,
        .settle = remote_settle,
        .look = remote_look,
        .claim = remote_claim,
        .finish = remote_finish,
        .get = remote_get,
        .put = remote_put,
        .leave = remote_leave,
};

/* ---- what the way to it says */

/* What was asked of the server before has gone, or may have. */
static void on_failover(void *owner, uint64_t epoch)
{
	struct remote *r = owner;

	(void)epoch;
	list_foreach_safe(node, after, &r->asking)
	{
		struct hold *h = container_of(node, struct hold, link);
		if (!h->admission)
			continue;
		ask_cancel(&h->ask);
		hold_fail(h, -EAGAIN, NULL);
	}
	remote_failed_over(r);
	errands_failed_over(r);
	leases_failed_over(r);
}

static void on_mend(void *owner, struct redis_link *l)
{
	remote_mend(owner, l);
	errands_push(owner, l);
}

static void on_changed(void *owner)
{
	struct remote *r = owner;

	remote_note_up(r);
	if (!redis_state(r->redis).up)
		return;
	remote_mark_look(r);
	remote_push_on(r);
	errands_push(r, NULL);
}

static const struct redis_events events = {
        .failover = on_failover,
        .mend = on_mend,
        .changed = on_changed,
};

/* ---- life */

int remote_new(struct loop *l, struct resolver *resolver, struct tls_contexts *contexts,
        const struct redis_options *options, struct remote **ret_remote)
{
	struct redis_options all = *options;
	struct remote *r = mem_zalloc(sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	r->store.ops = &remote_ops;
	r->loop = l;
	list_init(&r->asking);
	list_init(&r->held);
	list_init(&r->settling);
	list_init(&r->settled);
	list_init(&r->waiting);
	r->again_max = REMOTE_AGAIN_FIRST;
	r->ids_max = REMOTE_IDS_MAX;
	deadline_init(&r->again, remote_on_again);
	deadline_init(&r->fence, remote_on_fence);
	errands_init(r);
	leases_init(r);
	remote_mark_init(r);
	all.events = &events;
	all.owner = r;
	error = redis_new(l, resolver, contexts, &all, &r->redis);
	if (error) {
		mem_free(r);
		return error;
	}
	*ret_remote = r;
	return 0;
}

static void holds_free(struct list *holds)
{
	while (!list_is_empty(holds))
		hold_free(container_of(holds->next, struct hold, link));
}

int remote_set_keys(struct remote *r, const struct slice *keys, unsigned n)
{
	for (unsigned i = 0; i < n && r->n_seals < REMOTE_KEYS_MAX; i++) {
		int error = seal_init(&r->seals[r->n_seals], keys[i], ERRAND_LABEL);

		if (error)
			return error;
		r->n_seals++;
	}
	return 0;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	assert(list_is_empty(&r->asking));
	holds_free(&r->held);
	holds_free(&r->settling);
	holds_free(&r->settled);
	errands_finish(r);
	leases_finish(r);
	remote_mark_finish(r);
	loop_deadline_clear(r->loop, &r->again);
	loop_deadline_clear(r->loop, &r->fence);
	for (unsigned i = 0; i < r->n_seals; i++)
		seal_finish(&r->seals[i]);
	redis_free(r->redis);
	mem_free(r);
}

struct store *remote_store(struct remote *r)
{
	return &r->store;
}

const struct store_times *remote_times(const struct remote *r)
{
	return &r->times;
}

struct remote_state remote_state(const struct remote *r)
{
	return (struct remote_state){.redis = redis_state(r->redis),
	        .fenced = r->fenced,
	        .held = r->n_held,
	        .settling = r->n_settling,
	        .claims = r->errands.n_owned,
	        .ending = r->errands.n_ending,
	        .dropped = r->dropped,
	        .leases = r->leases.n};
}
