/* SPDX-License-Identifier: Apache-2.0 */
/* joint: see joint.h. Calls gather until the first of them has waited for the window, or they are many enough; who is then alone
 * goes alone. Nothing leaves in the turn in which a call came: its decision is in the journal before. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "exchange/caching.h"
#include "exchange/carrier.h"
#include "exchange/embeddings.h"
#include "exchange/joint.h"
#include "exchange/snapshot.h"

#define ITEM_BYTES_MAX (32u << 10)   /* of the items of a call that counts as small, */
#define JOINT_BYTES_MAX (128u << 10) /* and of a joint one: a token has a byte at least, and providers take 300,000 */

struct joints {
	struct exchange_env env; /* the carriers' */
	struct joint_clock clock;
	struct list gathering;
};

/* One item of a joint call, whoever asks for it. */
struct joint_item {
	struct slice text;         /* borrowed from its first asker's body until it was sent */
	const uint8_t *key;        /* in the joint's arena */
	struct cache_entry *entry; /* counted: what came */
};

struct joint {
	struct reapable reapable;
	struct joints *joints; /* borrowed */
	struct list link;      /* in gathering; alone once it was sent */
	struct list members;
	struct arena arena;    /* owned */
	uint8_t rest[CACHE_KEY_LEN];
	const struct agent_conf *agent; /* borrowed from the snapshot of those who ask */
	struct deadline window;
	unsigned n_asked;      /* items, the same ones counted for each who asks */
	uint64_t bytes;
	/* once it was sent */
	struct joint_item *items; /* in arena */
	unsigned n;
	bool opened;           /* the carrier was */
	struct carrier carrier;
	uint64_t weight;       /* of all items; each is borne by whom it was asked for first */
	uint64_t gone;         /* of those whose calls have ended before the answer came */
	unsigned attempts;     /* that stand in somebody's record */
};

/* One call of it, in its exchange's arena. */
struct joint_member {
	struct source source;
	struct list link;
	struct joint *joint;   /* borrowed; NULL once it was left */
	uint64_t weight;       /* of the items that it bears */
	uint64_t bytes;
	unsigned *items;       /* of each that it asks for, the place in the joint */
};

static struct embeddings *embeddings_of(const struct joint_member *m)
{
	return m->source.exchange->calls[0].embeddings;
}

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

static void bury_if_left(struct joint *j)
{
	if (!list_is_empty(&j->members))
		return;
	stop_gathering(j);
	if (j->opened && j->carrier.exchange)
		carrier_cancel(&j->carrier); /* it belongs to its last caller */
	turn_bury(j->joints->env.turn, &j->reapable);
}

/* The attempts are the joint call's: each stands in one record only. */
static void take_attempts(struct joint *j, struct exchange *x)
{
	const struct exchange *carried = j->carrier.exchange;
	unsigned attempts = carried ? carried->attempts : j->carrier.attempts;

	x->attempts += attempts - j->attempts;
	j->attempts = attempts;
}

static void leave(struct joint_member *m)
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
		take_attempts(j, x);
	}
	leave(m);
	bury_if_left(j);
}

static const struct source_ops member_ops = {"upstream", member_pause, member_close};

/* ---- what came ---- */

/* Every call gets the lower part of what is its share; what is left over goes to the one that bears most. */
struct shares {
	uint64_t prompt, total;
	nanousd cost;
	struct joint_member *largest;
};

static uint64_t share(uint64_t of, uint64_t weight, uint64_t all)
{
	return all ? (uint64_t)((unsigned __int128)of * weight / all) : 0;
}

static struct shares rest_of(struct joint *j)
{
	const struct carrier *c = &j->carrier;
	uint64_t prompt = usage_input_total(&c->usage), cost = (uint64_t)c->cost;
	struct shares s = {
		.prompt = prompt - share(prompt, j->gone, j->weight),
		.total = c->usage.total - share(c->usage.total, j->gone, j->weight),
		.cost = (nanousd)(cost - share(cost, j->gone, j->weight)),
	};

	list_foreach_safe(node, after, &j->members) {
		struct joint_member *m = container_of(node, struct joint_member, link);
		s.prompt -= share(prompt, m->weight, j->weight);
		s.total -= share(c->usage.total, m->weight, j->weight);
		s.cost -= (nanousd)share(cost, m->weight, j->weight);
		if (!s.largest || m->weight > s.largest->weight)
			s.largest = m;
	}
	return s;
}

static struct embedding_usage take_share(struct joint_member *m, const struct shares *rest)
{
	const struct joint *j = m->joint;
	const struct carrier *c = &j->carrier;
	struct embeddings *e = embeddings_of(m);
	bool more = rest->largest == m;
	struct embedding_usage u = {
		.prompt = share(usage_input_total(&c->usage), m->weight, j->weight) + (more ? rest->prompt : 0),
		.total = share(c->usage.total, m->weight, j->weight) + (more ? rest->total : 0),
		.known = c->usage.known,
	};

	e->shared = u.known && !c->price_unknown;
	e->cost = (nanousd)share((uint64_t)c->cost, m->weight, j->weight) + (more ? rest->cost : 0);
	return u;
}

static void fail(struct joint_member *m, enum fault why, struct slice note)
{
	struct exchange *x = m->source.exchange;

	x->went_upstream |= m->joint->carrier.went_upstream;
	x->upstream_status = m->joint->carrier.upstream_status;
	take_attempts(m->joint, x);
	x->note = arena_dup(&x->arena, note);
	exchange_on_source_fault(x, why, NULL);
}

/* It cannot be told whose it is, but what it cost is told. */
static void fail_charged(struct joint_member *m, const struct shares *rest, struct slice note)
{
	struct exchange *x = m->source.exchange;
	struct embedding_usage u = take_share(m, rest);

	if (u.known) {
		x->answer.usage = (struct usage){.in_uncached = u.prompt, .total = u.total, .known = true};
		x->answer.complete = true;
	}
	fail(m, FAULT_UPSTREAM_MALFORMED, note);
}

static void give_document(struct joint_member *m, struct slice document)
{
	struct exchange *x = m->source.exchange;
	struct joint *j = m->joint;

	take_attempts(j, x);
	x->went_upstream = !caching_is_hit(&x->calls[0]);
	exchange_on_answer_head(x, &j->carrier.answer);
	if (m->joint)
		exchange_on_answer_data(x, document);
	if (m->joint)
		exchange_on_answer_end(x);
}

/* Whose items were all asked for by others has asked upstream for nothing. */
static void give_items(struct joint_member *m, const struct shares *rest, struct slice model)
{
	struct exchange *x = m->source.exchange;
	struct embedding_usage used = take_share(m, rest);
	struct embeddings *e = embeddings_of(m);
	struct buf document = BUF_INIT(x->arrived.max);

	for (unsigned i = 0; i < e->input.n; i++)
		if (!e->left_out[i])
			e->items[i].known = cache_entry_ref(m->joint->items[m->items[e->items[i].asked]].entry);
	embeddings_give(x, m->weight == 0);
	int r = embeddings_document(x, model, &used, &document);
	if (r < 0)
		fail(m, r == -ENOMEM ? FAULT_OVERLOADED : FAULT_UPSTREAM_MALFORMED, (struct slice){"", 0});
	else
		give_document(m, buf_slice(&document));
	buf_finish(&document);
}

/* Somebody else's item must be nobody's mistake: each asks for himself. */
static void go_alone(struct joint_member *m)
{
	struct exchange *x = m->source.exchange;
	struct joint *j = m->joint;

	if (j->opened)
		take_attempts(j, x);
	leave(m);
	x->source = NULL;
	assert(!x->running);
	x->running = true; /* as where its own step reaches: what happens meanwhile waits for it */
	int r = x->env->reach(x->env, x);
	x->running = false;
	if (r < 0)
		exchange_on_source_fault(x, FAULT_OVERLOADED, NULL);
	else
		exchange_wake(x);
}

/* ---- when it has ended ---- */

static int keep_items(struct joint *j, const struct exchange *x, const struct embedding_answer *a)
{
	int r = 0;

	for (unsigned i = 0; !r && i < j->n; i++)
		r = embeddings_keep(x, j->items[i].key, &a->items[i], a->model, &j->items[i].entry);
	return r;
}

/* What is refused may be one item's fault, and the words about it are for whoever sent that. */
static bool is_of_one_item(unsigned status)
{
	return status >= 400 && status < 500 && status != 408 && status != 429;
}

enum outcome { JOINT_FAILED, JOINT_ALONE, JOINT_PASSED, JOINT_MALFORMED, JOINT_GIVEN };

static enum outcome read_outcome(struct joint *j, const struct exchange *x, struct embedding_answer *a, struct complaint *why)
{
	struct carrier *c = &j->carrier;

	if (c->fault != FAULT_NONE)
		return JOINT_FAILED;
	if (is_of_one_item(c->answer.status))
		return JOINT_ALONE;
	if (c->answer.status >= 300)
		return JOINT_PASSED;
	int r = x->route.dialect->embeddings->read_answer(buf_slice(&c->body), j->n, &j->arena, a, why);
	if (!r)
		r = keep_items(j, x, a);
	if (r == -ENOMEM)
		c->fault = FAULT_OVERLOADED;
	return !r ? JOINT_GIVEN : r == -ENOMEM ? JOINT_FAILED : JOINT_MALFORMED;
}

/* Each call takes its part and may end with that; the joint one is there until the last has let go of it. */
static void on_ended(struct joint *j)
{
	struct joint_member *m = container_of(j->members.next, struct joint_member, link);
	struct embedding_answer answer;
	struct complaint why UNINIT;
	struct shares rest = rest_of(j);
	struct list waiting;

	complaint_init(&why, FAULT_UPSTREAM_MALFORMED);
	enum outcome outcome = read_outcome(j, m->source.exchange, &answer, &why);
	list_init(&waiting);
	list_splice(&waiting, &j->members);
	list_push(&j->members, &j->link); /* so that it is not left while it is given out */
	for (struct list *node; (node = list_pop(&waiting));) {
		m = container_of(node, struct joint_member, link);
		list_push(&j->members, node);
		if (outcome == JOINT_GIVEN)
			give_items(m, &rest, answer.model);
		else if (outcome == JOINT_PASSED)
			give_document(m, buf_slice(&j->carrier.body));
		else if (outcome == JOINT_ALONE)
			go_alone(m);
		else if (outcome == JOINT_MALFORMED)
			fail_charged(m, &rest, slice_str(why.text));
		else
			fail(m, j->carrier.fault, j->carrier.note);
	}
	list_unlink(&j->link);
	bury_if_left(j);
}

static void on_carrier_ended(struct carrier *c)
{
	on_ended(container_of(c, struct joint, carrier));
}

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
		go_alone(container_of(node, struct joint_member, link));
	}
	bury_if_left(j);
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
		on_ended(j);
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
