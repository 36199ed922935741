/* SPDX-License-Identifier: Apache-2.0 */
/* stale: see stale.h. */
#include <stdio.h>
#include "exchange/sharing.h"
#include "exchange/stale.h"
#include "exchange/steps.h"

/* Of answers: it is not the call that is at fault, and another try might go well. */
static bool status_is_failure(unsigned status)
{
	return status == 408 || status == 429 || status >= 500;
}

static bool upstream_has_failed(const struct exchange *x)
{
	if (x->source_fault != FAULT_NONE)
		return fault_infos[x->source_fault].blame == BLAME_UPSTREAM;
	return x->answer_head && status_is_failure(x->answer_head->status);
}

/* Only who asked the cache and wanted what it has. */
static struct cache_entry *find(const struct exchange *x, const struct call *c)
{
	const struct caching *k = c->caching;

	if (!k || k->result != CACHE_MISS || !k->rule->stale_ns)
		return NULL;
	return cache_find_stale(x->env->cache, k->key, exchange_now(x));
}

/* What the attempt came to is written down and charged: it may have run. */
static void close_attempt(struct exchange *x, struct call *c)
{
	struct caching *k = c->caching;
	char text[64];

	k->failed = x->source_fault;
	k->failed_status = x->source_fault == FAULT_NONE ? x->answer_head->status : 0;
	if (k->failed_status) {
		int len = snprintf(text, sizeof(text), "The provider answered with status %u.", k->failed_status);
		x->note = arena_dup(&x->arena, slice_from(text, (size_t)len));
	}
	settle_lost(x, c);
	k->lost = x->answer.usage;
	x->answer.usage = (struct usage){.known = false};
}

bool stale_stand_in(struct exchange *x)
{
	struct call *c = &x->calls[0];
	struct cache_entry *e = upstream_has_failed(x) ? find(x, c) : NULL;
	enum fault fault = x->source_fault;

	if (!e)
		return false;
	close_attempt(x, c);
	c->caching->hit = e;
	c->caching->result = CACHE_STALE;
	c->answer_tokens = NULL; /* nothing is counted against a bound: it costs nothing */
	x->arriving = (struct slice){NULL, 0};
	x->waits_for_source = false;
	if (caching_reach(x) < 0)
		x->source_fault = fault != FAULT_NONE ? fault : FAULT_OVERLOADED;
	sharing_end(c->caching, e); /* those who wait are spared the same */
	return x->source_fault == FAULT_NONE;
}
