/* SPDX-License-Identifier: Apache-2.0 */
/* cache: have we this answer already? It is asked while rates puts its question together, since a hit reserves no budget;
 * here it has its place in the order, its word and its shadow. */
#include "exchange/admission.h"
#include "exchange/chain.h"
#include "exchange/demands.h"
#include "exchange/embeddings.h"
#include "exchange/sharing.h"
#include "policy/cache.h"
#include "policy/registry.h"
#include "policy/tokens.h"

static bool is_in_shadow(const struct call *c)
{
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops == &policy_cache)
			return c->policies[i].mode == MODE_SHADOW;
	return true; /* it is no part of this chain */
}

bool cache_answers(struct call *c)
{
	bool apply = !is_in_shadow(c);

	caching_look(c, apply);
	embeddings_look(c, apply);
	return caching_is_hit(c) || sharing_waits(c);
}

static enum verdict cache_head(struct policy *p)
{
	struct slice word = head_value(p->call->exchange->head, HEADER_X_WEIR_CACHE);

	if (!word.at || slice_equals_nocase(word, SLICE("no-store")) || slice_equals_nocase(word, SLICE("no-cache")))
		return VERDICT_PASS;
	p->mode = MODE_ENFORCE;
	return call_refuse(p->call, FAULT_REQUEST_INVALID, "x-weir-cache", "The header x-weir-cache is no-store or no-cache.");
}

/* Who waited has asked for no budget, and nothing of a tool's own. Without an answer it asks anew, for all that a call of its own needs. */
static enum verdict heed_news(struct policy *p)
{
	struct call *c = p->call;

	if (caching_is_hit(c) || (!c->agent->allowance.n_budgets && !tool_has_limits(c)))
		return VERDICT_PASS;
	admission_give_back(c);
	chain_go_back(p, &policy_rates);
	return VERDICT_PASS;
}

static enum verdict cache_request(struct policy *p)
{
	struct call *c = p->call;

	cache_answers(c);
	return c->caching && c->caching->waited && !c->asks_again ? sharing_wait(p, heed_news) : VERDICT_PASS;
}

static void cache_cancel(struct policy *p)
{
	sharing_cancel(p->call);
}

/* A bound that a budget has lowered says nothing about the answer that others would get. */
static void cache_done(struct policy *p)
{
	struct call *c = p->call;

	embeddings_end(c);
	if (c->caching)
		caching_end(c, !c->output_bound || c->output_bound >= tokens_output_wanted(c));
}

const struct policy_ops policy_cache = {
	.name = "cache", .shadow_bit = SHADOW_CACHE, .on_head = cache_head, .on_request = cache_request,
	.on_cancel = cache_cancel, .on_done = cache_done,
};
