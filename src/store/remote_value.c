/* SPDX-License-Identifier: Apache-2.0 */
/* remote_value: claims and values on the shared store. What a claim is waits for nobody: when its
 * answer never came, it is given up under its id, and the id is used up there; how it ended is said
 * until it is answered, and for a while after that again to a server that has forgotten. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "store/errand.h"
#include "store/remote_core.h"

#define AGAIN_NS (50 * NS_PER_MS)
#define AGAIN_MAX 256u /* a round, so that a server that comes back is not flooded in one turn */

static struct remote *remote_of(struct store *s)
{
	return container_of(s, struct remote, store);
}

static void errand_time(struct errand *e, enum store_op op, int result)
{
	struct remote *r = e->remote;

	store_times_count(&r->times, op, store_outcome_of(result), r->loop->now - e->asked_at);
}

/* ---- what must be said, until it is answered */

static void on_put(struct redis_ask *ask, int result, const struct redis_reply *reply);

static void errand_wait(struct errand *e)
{
	struct remote *r = e->remote;

	list_unlink(&e->wait);
	list_push(&r->errands.waiting, &e->wait);
	if (!r->errands.again.at)
		loop_deadline_after(r->loop, &r->errands.again, AGAIN_NS);
}

static void errand_put(struct errand *e, struct redis_link *on)
{
	list_unlink(&e->wait);
	e->op = e->state == ERRAND_ENDING ? "finish" : "hold";
	if (errand_ask(e, on, on_put) < 0)
		errand_wait(e);
}

static void errand_forget(struct errand *e, unsigned *count)
{
	struct remote *r = e->remote;

	(*count)--;
	r->errands.bytes -= e->bytes.len;
	remote_sure(r, &e->is_doubtful);
	errand_free(e);
}

static void ended_forget(struct remote *r)
{
	struct errands *all = &r->errands;

	while (!list_is_empty(&all->ended)) {
		struct errand *e = container_of(all->ended.next, struct errand, link);
		if (all->n_ended <= REMOTE_SETTLED_MAX && all->bytes <= REMOTE_ENDING_BYTES / 2 &&
		        e->ended_at + REMOTE_SETTLED_NS > r->loop->now)
			break;
		errand_forget(e, &all->n_ended);
	}
}

static void errand_is_ended(struct errand *e)
{
	struct remote *r = e->remote;

	list_unlink(&e->link);
	list_push(&r->errands.ended, &e->link);
	e->state = ERRAND_ENDED;
	e->ended_at = r->loop->now;
	r->errands.n_ending--;
	r->errands.n_ended++;
	remote_sure(r, &e->is_doubtful);
	ended_forget(r);
}

static void on_put(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct errand *e = container_of(ask, struct errand, ask);

	(void)reply;
	errand_time(e, STORE_FINISH, result);
	if (result < 0) {
		errand_wait(e);
	} else if (e->state == ERRAND_ENDING) {
		errand_is_ended(e);
	} else {
		e->state = ERRAND_OWNED;
		remote_sure(e->remote, &e->is_doubtful);
	}
}

/* Where too much waits, what has waited longest is dropped: there its claim is lost in time. */
static void ending_make_room(struct remote *r, size_t bytes)
{
	struct errands *all = &r->errands;

	while (!list_is_empty(&all->ending) && (all->n_ending >= REMOTE_SETTLING_MAX ||
	                                               all->bytes + bytes > REMOTE_ENDING_BYTES)) {
		r->dropped++;
		errand_forget(container_of(all->ending.next, struct errand, link), &all->n_ending);
	}
}

/* Its bytes are there already. */
static void errand_end(struct errand *e, enum claim_end how)
{
	struct remote *r = e->remote;

	ask_cancel(&e->ask);
	list_unlink(&e->link);
	e->claim = NULL;
	e->ticket = NULL;
	e->state = ERRAND_ENDING;
	e->how = how;
	ended_forget(r);
	ending_make_room(r, e->bytes.len);
	r->errands.bytes += e->bytes.len;
	r->errands.n_ending++;
	list_push(&r->errands.ending, &e->link);
	errand_put(e, NULL);
}

/* ---- asking */

/* Of these nobody knows whether it was carried out. */
static bool is_unknown(int result)
{
	return result == -ETIMEDOUT || result == -ECONNRESET || result == -EAGAIN ||
	       result == -EPROTO;
}

static void errand_tell(struct errand *e, int result)
{
	struct ticket *t = e->ticket;

	e->ticket = NULL;
	e->claim = NULL;
	e->value = NULL;
	if (t)
		ticket_complete(t, result);
}

static void on_dropped(struct ticket *t)
{
	struct errand *e = t->provider;
	bool is_claim = e->claim != NULL;

	ask_cancel(&e->ask);
	e->ticket = NULL;
	e->value = NULL;
	if (is_claim)
		errand_end(e, CLAIM_UNUSED);
	else
		errand_free(e);
}

static int errand_begin(struct errand *e, struct ticket *t, enum store_op op,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply))
{
	struct remote *r = e->remote;
	int error;

	e->ticket = t;
	error = errand_ask(e, NULL, done);
	if (error < 0) {
		errand_time(e, op, error);
		errand_free(e);
		return error;
	}
	list_push(&r->errands.asking, &e->link);
	if (t)
		ticket_arm(t, &r->loop->turn, on_dropped, e);
	return PENDING;
}

/* ---- claims */

static void errand_fail_claim(struct errand *e, int result)
{
	errand_tell(e, result);
	if (is_unknown(result))
		errand_end(e, CLAIM_UNUSED);
	else
		errand_free(e);
}

/* What stands there is for the same thing; a mark that no key opens could be anything. */
static int mark_check(struct errand *e, struct slice sealed, enum claim_state *state)
{
	struct blob *mark = NULL, *own = NULL;
	int r = value_open(e->remote, e->key, sealed, &mark);

	if (!r)
		r = value_open(e->remote, e->key, e->mark, &own);
	if (!r && !slice_equals(blob_slice(mark), blob_slice(own)))
		*state = CLAIM_OTHER;
	blob_unref(mark);
	blob_unref(own);
	if (r == -EBADMSG)
		*state = CLAIM_LOST;
	return r == -EBADMSG ? 0 : r;
}

/* 0 or a negative errno. */
static int claim_read(struct errand *e, const struct redis_reply *reply)
{
	struct value_claim *c = e->claim;
	struct errand_answer answer;
	enum claim_state state;
	int r = errand_read(reply, &answer);

	if (r || answer.code == -1)
		return r ? r : -ECANCELED;
	if (answer.code < CLAIM_OWNED || answer.code > CLAIM_CROWDED)
		return -EPROTO;
	state = (enum claim_state)answer.code;
	if (state != CLAIM_OWNED && state != CLAIM_CROWDED)
		r = mark_check(e, answer.mark, &state);
	if (!r && state == CLAIM_FOUND) {
		r = value_open(e->remote, e->key, answer.bytes, &c->found);
		if (r == -EBADMSG) {
			state = CLAIM_LOST;
			r = 0;
		}
	}
	if (!r)
		c->state = state;
	return r;
}

static void on_claimed(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct errand *e = container_of(ask, struct errand, ask);
	struct remote *r = e->remote;

	errand_time(e, STORE_CLAIM, result);
	if (!result)
		result = reply ? claim_read(e, reply) : -EPROTO;
	if (result < 0) {
		errand_fail_claim(e, result);
		return;
	}
	list_unlink(&e->link);
	if (e->claim->state != CLAIM_OWNED) {
		errand_tell(e, READY);
		errand_free(e);
		return;
	}
	e->claim->held = e;
	e->state = ERRAND_OWNED;
	list_push(&r->errands.owned, &e->link);
	r->errands.n_owned++;
	errand_tell(e, READY);
}

int remote_claim(struct store *s, struct value_claim *c)
{
	struct remote *r = remote_of(s);
	struct errand *e;
	int error;

	c->state = CLAIM_NOT_ASKED;
	c->found = NULL;
	c->held = NULL;
	if (r->fenced) {
		store_times_count(&r->times, STORE_CLAIM, STORE_FENCED, 0);
		return -EAGAIN;
	}
	error = errand_of_claim(r, c, &e);
	if (error)
		return error;
	e->claim = c;
	return errand_begin(e, &c->ticket, STORE_CLAIM, on_claimed);
}

void remote_finish(struct store *s, struct value_claim *c, enum claim_end how, struct slice bytes)
{
	struct remote *r = remote_of(s);
	struct errand *e = c->held;

	assert(c->state == CLAIM_OWNED && e);
	c->state = CLAIM_NOT_ASKED;
	c->held = NULL;
	r->errands.n_owned--;
	if (how == CLAIM_RECORDED && (bytes.len > VALUE_MAX || errand_seal(e, bytes)))
		how = CLAIM_UNKNOWN;
	errand_end(e, how);
}

/* ---- values */

static int value_read(struct errand *e, const struct redis_reply *reply)
{
	struct value *v = e->value;
	struct errand_answer answer;
	bool is_put = e->op[0] == 'p';
	int r = errand_read(reply, &answer);

	if (r || answer.code < 0 || answer.code > 1)
		return r ? r : -EPROTO;
	if ((!is_put || !answer.code) && answer.version)
		r = value_open(e->remote, e->key, answer.bytes, &v->found);
	if (r)
		return r;
	v->version = answer.version;
	if (is_put)
		v->state = answer.code ? VALUE_STORED : VALUE_OTHER;
	else
		v->state = answer.code ? VALUE_FOUND : VALUE_ABSENT;
	return 0;
}

static void on_value(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct errand *e = container_of(ask, struct errand, ask);

	errand_time(e, e->op[0] == 'p' ? STORE_PUT : STORE_GET, result);
	if (!result && e->value)
		result = reply ? value_read(e, reply) : -EPROTO;
	if (!e->ticket) {
		e->remote->errands.n_left--;
		e->remote->errands.left -= e->bytes.len + VALUE_AROUND;
	}
	errand_tell(e, result);
	errand_free(e);
}

static int value_begin(struct remote *r, const char *op, struct value *v)
{
	struct errand *e;
	bool is_put = op[0] == 'p';
	int error;

	v->state = VALUE_NOT_ASKED;
	v->found = NULL;
	if (v->bytes.len > VALUE_MAX)
		return -EMSGSIZE;
	error = errand_of_value(r, op, v, &e);
	if (error)
		return error;
	e->value = v;
	error = is_put ? errand_seal(e, v->bytes) : 0;
	if (error) {
		errand_free(e);
		return error;
	}
	return errand_begin(e, &v->ticket, is_put ? STORE_PUT : STORE_GET, on_value);
}

void remote_leave(struct store *s, const struct value *v)
{
	struct remote *r = remote_of(s);
	struct value left = *v;
	struct errand *e;

	left.expected = VALUE_ANY;
	if (left.room && left.bytes.len + SEAL_OVERHEAD + VALUE_AROUND > left.room)
		return;
	if (r->errands.n_left >= REMOTE_LEFT_MAX || left.bytes.len > VALUE_MAX ||
	        r->errands.left + left.bytes.len + SEAL_OVERHEAD + VALUE_AROUND >
	                REMOTE_LEFT_BYTES ||
	        errand_of_value(r, "put", &left, &e))
		return;
	if (errand_seal(e, left.bytes)) {
		errand_free(e);
		return;
	}
	size_t len = e->bytes.len;
	if (errand_begin(e, NULL, STORE_PUT, on_value) == PENDING) {
		r->errands.n_left++;
		r->errands.left += len + VALUE_AROUND;
	}
}

int remote_get(struct store *s, struct value *v)
{
	return value_begin(remote_of(s), "get", v);
}

int remote_put(struct store *s, struct value *v)
{
	struct remote *r = remote_of(s);

	if (r->fenced && v->expected != VALUE_ANY) {
		store_times_count(&r->times, STORE_PUT, STORE_FENCED, 0);
		return -EAGAIN;
	}
	return value_begin(r, "put", v);
}

/* ---- again */

void errands_push(struct remote *r, struct redis_link *on)
{
	struct list now;

	list_init(&now);
	for (unsigned i = 0; i < AGAIN_MAX && !list_is_empty(&r->errands.waiting); i++)
		list_push(&now, list_pop(&r->errands.waiting));
	while (!list_is_empty(&now))
		errand_put(container_of(now.next, struct errand, wait), on);
}

static void on_again(struct deadline *d)
{
	struct remote *r = container_of(d, struct remote, errands.again);

	ended_forget(r);
	errands_push(r, NULL);
	if (!list_is_empty(&r->errands.waiting) && !r->errands.again.at)
		loop_deadline_after(r->loop, &r->errands.again, AGAIN_NS);
}

static void errand_again(struct errand *e)
{
	ask_cancel(&e->ask);
	remote_doubt(e->remote, &e->is_doubtful);
	errand_wait(e);
}

/* All that is owned, and how claims ended a short while ago, is said again before the fence opens.
 */
void errands_failed_over(struct remote *r)
{
	struct errands *all = &r->errands;

	list_foreach_safe(node, after, &all->asking)
	{
		struct errand *e = container_of(node, struct errand, link);
		if (!e->claim)
			continue;
		ask_cancel(&e->ask);
		errand_fail_claim(e, -EAGAIN);
	}
	list_foreach_safe(node, after, &all->owned)
	{
		struct errand *e = container_of(node, struct errand, link);
		e->state = ERRAND_OWNED_AGAIN;
		errand_again(e);
	}
	while (!list_is_empty(&all->ended)) {
		struct errand *e = container_of(all->ended.next, struct errand, link);
		list_unlink(&e->link);
		list_push(&all->ending, &e->link);
		e->state = ERRAND_ENDING;
		all->n_ended--;
		all->n_ending++;
	}
	list_foreach_safe(node, after, &all->ending)
	        errand_again(container_of(node, struct errand, link));
}

/* ---- life */

void errands_init(struct remote *r)
{
	struct errands *all = &r->errands;

	list_init(&all->asking);
	list_init(&all->owned);
	list_init(&all->ending);
	list_init(&all->ended);
	list_init(&all->waiting);
	deadline_init(&all->again, on_again);
}

void errands_finish(struct remote *r)
{
	struct errands *all = &r->errands;
	struct list *const lists[] = {&all->asking, &all->owned, &all->ending, &all->ended};

	for (unsigned i = 0; i < 4; i++)
		while (!list_is_empty(lists[i])) {
			struct errand *e = container_of(lists[i]->next, struct errand, link);
			assert(!e->ticket);
			errand_free(e);
		}
	loop_deadline_clear(r->loop, &all->again);
}
