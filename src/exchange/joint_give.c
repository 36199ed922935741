/* SPDX-License-Identifier: Apache-2.0 */
/* joint_give: of a joint call that has ended, each that asked gets its own items and its share of what they used and cost; where
 * there is nothing to share, the error, or it asks for itself. */
#include <assert.h>
#include <errno.h>
#include "exchange/caching.h"
#include "exchange/joint_core.h"

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
	joint_take_attempts(m->joint, x);
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

	joint_take_attempts(j, x);
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
void joint_go_alone(struct joint_member *m)
{
	struct exchange *x = m->source.exchange;
	struct joint *j = m->joint;

	if (j->opened)
		joint_take_attempts(j, x);
	joint_leave(m);
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
void joint_on_ended(struct joint *j)
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
			joint_go_alone(m);
		else if (outcome == JOINT_MALFORMED)
			fail_charged(m, &rest, slice_str(why.text));
		else
			fail(m, j->carrier.fault, j->carrier.note);
	}
	list_unlink(&j->link);
	joint_bury_if_left(j);
}
