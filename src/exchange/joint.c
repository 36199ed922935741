/* SPDX-License-Identifier: Apache-2.0 */
/* joint: see joint.h. Calls gather until the first of them has waited for the window, or they are many enough; who is then alone
 * goes alone. Nothing leaves in the turn in which a call came: its decision is in the journal before. What comes is given out in
 * joint_give.c. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "exchange/caching.h"
#include "exchange/joint.h"
#include "exchange/joint_core.h"
#include "exchange/snapshot.h"

#define ITEM_BYTES_MAX (32u << 10)   /* of the items of a call that counts as small, */
#define JOINT_BYTES_MAX (128u << 10) /* and of a joint one: a token has a byte at least, and providers take 300,000 */

struct joints {
	struct exchange_env env; /* the carriers' */
	struct joint_clock clock;
	struct list gathering;
};

/* ---- leaving ---- */

static void joint_free(struct reapable *r)
{
	struct joint *j = container_of(r, struct joint, reapable);

	for (unsigned i = 0; i < j->n; i++)
		cache_entry_unref(j->items[i].entry);
	if (j->opened)
		carrier_finish(&j->carrier);
	arena_finish(&j->arena);
	mem_free(j);
}

static void stop_gathering(struct joint *j)
{
	j->joints->clock.clear(j->joints->clock.owner, &j->window);
	list_unlink(&j->link);
}

void joint_bury_if_left(struct joint *j)
{
	if (!list_is_empty(&j->members))
		return;
	stop_gathering(j);
	if (j->opened && j->carrier.exchange)
		carrier_cancel(&j->carrier); /* it belongs to its last caller */
	turn_bury(j->joints->env.turn, &j->reapable);
}

/* The attempts are the joint call's: each stands in one record only. */
void joint_take_attempts(struct joint *j, struct exchange *x)
{
	const struct exchange *carried = j->carrier.exchange;
	unsigned attempts = carried ? carried->attempts : j->carrier.attempts;

	x->attempts += attempts - j->attempts;
	j->attempts = attempts;
}

void joint_leave(struct joint_member *m)
{
	struct joint *j = m->joint;

	m->joint = NULL;
	list_unlink(&m->link);
	j->n_asked -= embeddings_of(m)->n_asked;
	j->bytes -= m->bytes;
	j->gone += m->weight;
}

static void member_pause(struct source *s, enum pause_reason why, bool on)
{
	(void)s, (void)why, (void)on;
}

static bool is_alone(const struct joint *j)
{
	return j->members.next->next == &j->members;
}

/* Whoever leaves before the answer came may have had something run for him; and his items stand in what is sent for those who
 * stay. */
static void member_close(struct source *s)
{
	struct joint_member *m = container_of(s, struct joint_member, source);
	struct joint *j = m->joint;
	struct exchange *x = s->exchange;

	if (!j)
		return;
	if (j->opened && j->carrier.exchange) {
		x->went_upstream |= j->carrier.exchange->went_upstream || (m->weight && !is_alone(j));
		joint_take_attempts(j, x);
	}
	joint_leave(m);
	joint_bury_if_left(j);
}

static const struct source_ops member_ops = {"upstream", member_pause, member_close};

/* ---- sending ---- */

/* Its place among the joint call's items; a new one is borne by m. */
static unsigned place_of(struct joint *j, struct joint_member *m, const struct embeddings *e, unsigned i)
{
	struct slice body = buf_slice(&m->source.exchange->body);
	struct span at = e->input.items[i];

	for (unsigned k = 0; k < j->n; k++)
		if (!memcmp(j->items[k].key, e->items[i].key, CACHE_KEY_LEN))
			return k;
	j->items[j->n] = (struct joint_item){
		.text = slice_from(body.at + at.start, at.end - at.start),
		.key = (const uint8_t *)arena_dup(&j->arena, slice_from(e->items[i].key, CACHE_KEY_LEN)).at,
	};
	m->weight += e->input.weights[i];
	return j->n++;
}

static int collect(struct joint *j, struct joint_member *m)
{
	const struct embeddings *e = embeddings_of(m);

	m->items = arena_alloc(&m->source.exchange->arena, e->n_asked * sizeof(*m->items));
	for (unsigned i = 0; m->items && i < e->input.n; i++) {
		if (e->left_out[i])
			continue;
		unsigned at = m->items[e->items[i].asked] = place_of(j, m, e, i);
		if (!j->items[at].key) {
			j->n--;
			return -ENOMEM;
		}
	}
	j->weight += m->weight;
	return m->items ? 0 : -ENOMEM;
}

/* The first one's body with all items where its own stand. */
static int put_body(const struct joint *j, const struct exchange *x, struct buf *to)
{
	const struct embeddings *e = x->calls[0].embeddings;
	struct slice body = buf_slice(&x->body);
	int r = buf_put(to, body.at, e->input.place.start);

	for (unsigned i = 0; !r && i < j->n; i++) {
		r = buf_put_char(to, i ? ',' : '[');
		if (!r)
			r = buf_put_slice(to, j->items[i].text);
	}
	if (!r)
		r = buf_put_char(to, ']');
	return r ? r : buf_put_slice(to, slice_skip(body, e->input.place.end));
}

static void on_carrier_ended(struct carrier *c)
{
	joint_on_ended(container_of(c, struct joint, carrier));
}

static int send(struct joint *j)
{
	struct joint_member *first = container_of(j->members.next, struct joint_member, link);
	struct exchange *x = first->source.exchange;
	struct buf body = BUF_INIT(x->body.max);
	int r = 0;

	j->items = arena_zalloc(&j->arena, j->n_asked * sizeof(*j->items));
	if (!j->items)
		return -ENOMEM;
	list_foreach_safe(node, after, &j->members)
		if (!r)
			r = collect(j, container_of(node, struct joint_member, link));
	if (!r)
		r = put_body(j, x, &body);
	if (!r) {
		j->opened = true;
		r = carrier_open(&j->carrier, &j->joints->env, x, buf_slice(&body), on_carrier_ended);
	}
	buf_finish(&body);
	return r;
}

static void disband(struct joint *j)
{
	struct list *node;

	while (!list_is_empty(&j->members)) {
		node = j->members.next;
		joint_go_alone(container_of(node, struct joint_member, link));
	}
	joint_bury_if_left(j);
}

static void on_window(struct deadline *d)
{
	struct joint *j = container_of(d, struct joint, window);

	stop_gathering(j);
	if (is_alone(j) || send(j) < 0) {
		disband(j);
		return;
	}
	list_foreach_safe(node, after, &j->members)
		exchange_waits(container_of(node, struct joint_member, link)->source.exchange);
	if (!j->carrier.exchange)
		joint_on_ended(j);
}

/* ---- gathering ---- */

static struct joint *joint_new(struct joints *js, const struct call *c, uint64_t window)
{
	struct joint *j = mem_zalloc(sizeof(*j));

	if (!j)
		return NULL;
	j->joints = js;
	j->reapable.free = joint_free;
	list_init(&j->reapable.link);
	list_init(&j->members);
	arena_init(&j->arena, 64u << 20);
	j->agent = c->agent;
	memcpy(j->rest, c->embeddings->rest, CACHE_KEY_LEN);
	deadline_init(&j->window, on_window);
	list_init(&j->link);
	list_push(&js->gathering, &j->link);
	js->clock.set(js->clock.owner, &j->window, *js->env.now + window);
	return j;
}

static uint64_t bytes_asked(const struct embeddings *e)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < e->input.n; i++)
		if (!e->left_out[i])
			bytes += e->input.weights[i];
	return bytes;
}

static struct joint *find_joint(struct joints *js, const struct call *c, uint64_t bytes, unsigned most)
{
	const struct embeddings *e = c->embeddings;

	list_foreach_safe(node, after, &js->gathering) {
		struct joint *j = container_of(node, struct joint, link);
		if (j->agent == c->agent && j->n_asked + e->n_asked <= most && j->bytes + bytes <= JOINT_BYTES_MAX &&
			!memcmp(j->rest, e->rest, CACHE_KEY_LEN))
			return j;
	}
	return NULL;
}

bool joint_takes(const struct exchange *x)
{
	const struct call *c = &x->calls[0];
	const struct embeddings *e = c->embeddings;
	const struct cache_conf *conf = &x->snapshot->conf->cache;

	return x->env->joints && e && e->keeps && c->caching->result == CACHE_MISS && conf->batch_window_ns && e->n_asked < conf->batch_items &&
	       bytes_asked(e) <= ITEM_BYTES_MAX;
}

static void wait(struct exchange *x)
{
	const struct call *c = &x->calls[0];

	x->upstream_name = c->model->upstream->name;
	if (!x->give_up_at)
		x->give_up_at = exchange_now(x) + call_total_ns(c);
	x->quiet_until = UINT64_MAX;
	x->env->set_deadline(x->env, &x->deadline, x->give_up_at);
}

int joint_reach(struct exchange *x)
{
	struct joints *js = x->env->joints;
	const struct call *c = &x->calls[0];
	const struct cache_conf *conf = &x->snapshot->conf->cache;
	struct joint_member *m = arena_zalloc(&x->arena, sizeof(*m));
	uint64_t bytes = bytes_asked(c->embeddings);
	struct joint *j = m ? find_joint(js, c, bytes, conf->batch_items) : NULL;

	if (m && !j)
		j = joint_new(js, c, conf->batch_window_ns);
	if (!j)
		return -ENOMEM;
	m->source = (struct source){&member_ops, x};
	m->joint = j;
	m->bytes = bytes;
	list_push(&j->members, &m->link);
	j->n_asked += c->embeddings->n_asked;
	j->bytes += bytes;
	x->source = &m->source;
	wait(x);
	if (j->n_asked == conf->batch_items)
		js->clock.set(js->clock.owner, &j->window, *js->env.now);
	return 0;
}

struct joints *joints_new(struct exchange_env *others, struct joint_clock clock)
{
	struct joints *js = mem_zalloc(sizeof(*js));

	if (!js)
		return NULL;
	js->clock = clock;
	list_init(&js->gathering);
	carrier_env_init(&js->env, others);
	return js;
}

void joints_free(struct joints *js)
{
	if (!js)
		return;
	assert(list_is_empty(&js->gathering));
	carrier_env_finish(&js->env);
	mem_free(js);
}
