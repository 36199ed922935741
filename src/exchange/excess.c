/* SPDX-License-Identifier: Apache-2.0 */
/* excess: see excess.h. A table that only grows; a policy that is loaded anew begins an empty one. */
#include <stdatomic.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "exchange/admission.h"
#include "exchange/excess.h"
#include "exchange/snapshot.h"
#include "weir/exchange.h"

#define PLACES 1024u /* a power of two */
#define FULL (PLACES / 2)
#define MARGIN 2u    /* what was seen may be more the next time */

struct seen {
	_Atomic uint64_t combination; /* 0: the place is free */
	_Atomic uint64_t input;       /* tokens that its provider adds */
	atomic_bool blocked;
};

struct excess {
	struct seen places[PLACES];
	atomic_uint n;
	atomic_bool full; /* what else went beyond is not known: nothing is bounded any more */
};

struct excess *excess_new(void)
{
	return mem_zalloc(sizeof(struct excess));
}

void excess_free(struct excess *e)
{
	mem_free(e);
}

/* ---- which combination ---- */

/* What of the request decides about its price and how far it can be bounded, beside its model. */
struct traits {
	unsigned upstream, action;
	uint64_t tools, tier;
	bool media_in, media_out, predicted;
};

static uint64_t hosted_tools(const struct request_facts *f)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < f->n_tools; i++)
		if (f->tools[i].kind == TOOL_HOSTED && !f->tools[i].removed)
			sum += hash_bytes(f->tools[i].name);
	return sum;
}

static uint64_t combination_of(const struct call *c)
{
	const struct request_facts *f = &c->facts;
	struct traits t;

	memset(&t, 0, sizeof(t)); /* its gaps are hashed too */
	t.upstream = c->model->upstream->index;
	t.action = f->action;
	t.tools = hosted_tools(f);
	t.tier = hash_bytes(f->service_tier);
	t.media_in = f->has_media;
	t.media_out = f->wants_media;
	t.predicted = f->predicted_bytes;
	uint64_t hash = hash_bytes(c->upstream_model.at ? c->upstream_model : f->model) ^ hash_bytes(slice_from(&t, sizeof(t)));
	return hash ? hash : 1;
}

static struct seen *find(struct excess *e, uint64_t combination)
{
	for (unsigned at = combination & (PLACES - 1);; at = (at + 1) & (PLACES - 1)) {
		uint64_t there = atomic_load_explicit(&e->places[at].combination, memory_order_acquire);
		if (there == combination)
			return &e->places[at];
		if (!there)
			return NULL;
	}
}

/* NULL: there is no place for it. */
static struct seen *find_or_add(struct excess *e, uint64_t combination)
{
	struct seen *s = find(e, combination);

	if (s)
		return s;
	if (atomic_load(&e->full) || atomic_fetch_add(&e->n, 1) >= FULL)
		return NULL;
	for (unsigned at = combination & (PLACES - 1);; at = (at + 1) & (PLACES - 1)) {
		uint64_t there = 0;
		if (atomic_compare_exchange_strong(&e->places[at].combination, &there, combination) || there == combination)
			return &e->places[at];
	}
}

/* ---- asking ---- */

static struct seen *seen_of(const struct call *c)
{
	struct excess *e = c->exchange->snapshot->excess; /* NULL: what is asked is only explained */

	return e && atomic_load_explicit(&e->n, memory_order_relaxed) ? find(e, combination_of(c)) : NULL;
}

bool excess_blocks(const struct call *c)
{
	const struct seen *s = seen_of(c);
	const struct excess *e = c->exchange->snapshot->excess;

	return (s && atomic_load(&s->blocked)) || (e && excess_is_full(e));
}

bool excess_is_full(const struct excess *e)
{
	return atomic_load_explicit(&e->full, memory_order_relaxed);
}

uint64_t excess_input(const struct call *c)
{
	const struct seen *s = seen_of(c);

	return s ? atomic_load(&s->input) : 0;
}

/* ---- noting ---- */

static bool limits_tokens(const struct call *c)
{
	for (unsigned i = 0; i < c->agent->allowance.n_budgets; i++)
		if (c->agent->allowance.budgets[i].limit_tokens != UINT64_MAX)
			return true;
	return c->max_tokens;
}

static bool is_within(const struct call *c, nanousd cost, uint64_t tokens)
{
	bool limits_cost = c->agent->allowance.has_cost_budget || c->has_max_cost;

	return (!limits_cost || c->cost <= cost) && (!limits_tokens(c) || c->charged_tokens <= tokens);
}

/* Whether all that is too much is input: that can be reserved the next time. ret: how many tokens. */
static bool is_input_alone(const struct exchange *x, const struct call *c, const struct reservation *r, uint64_t *ret)
{
	uint64_t in = usage_input_total(&x->answer.usage), more = in > r->fixed_tokens ? in - r->fixed_tokens : 0;
	uint64_t each = r->fixed_tokens ? (uint64_t)r->fixed_cost / r->fixed_tokens + 1 : 0, cost, tokens;

	*ret = more;
	if (!more || __builtin_mul_overflow(each, more, &cost) || cost > (uint64_t)(INT64_MAX - r->cost))
		return false;
	return !__builtin_add_overflow(r->tokens, more, &tokens) && is_within(c, r->cost + (nanousd)cost, tokens);
}

static void say_blocked(const struct exchange *x, const struct call *c, nanousd reserved)
{
	struct slice asked = c->facts.model, answered = x->answer.model.len ? x->answer.model : asked;
	char was[MONEY_TEXT], held[MONEY_TEXT];

	money_format(c->cost, was);
	money_format(reserved, held);
	log_error("a call of model %.*s at upstream %.*s, which %.*s answered, cost %s USD where %s were reserved: until the policy is "
		  "loaded again, agents with a budget are refused calls like it. Correct the model's price in the policy.",
		SLICE_FMT(asked), SLICE_FMT(c->model->upstream->name), SLICE_FMT(answered), was, held);
}

static void say_full(struct excess *e)
{
	if (!atomic_exchange(&e->full, true))
		log_warn("more than %u kinds of calls cost more than was reserved for them, and no more of them can be told apart: until "
			 "the policy is loaded again, agents with a budget are refused all calls of models. Correct the prices of the "
			 "models that the log names before this line.", FULL);
}

static void keep(const struct exchange *x, struct call *c, const struct reservation *r)
{
	struct seen *s = find_or_add(x->snapshot->excess, combination_of(c));
	uint64_t none = 0, more;

	if (!s) {
		say_full(x->snapshot->excess);
		return;
	}
	if (is_input_alone(x, c, r, &more) && more < UINT64_MAX / MARGIN &&
		atomic_compare_exchange_strong(&s->input, &none, more * MARGIN))
		return;
	if (!atomic_exchange(&s->blocked, true))
		say_blocked(x, c, r->cost);
}

bool excess_note(const struct exchange *x, struct call *c)
{
	const struct reservation *r = c->admitted && c->admitted->bounded ? admission_reserved(c) : NULL;

	if (!r || !x->went_upstream || is_within(c, r->cost, r->tokens))
		return false;
	if (x->answer.usage.known && !x->answer.usage.estimated) /* an estimate says nothing about a price */
		keep(x, c, r);
	return true;
}
