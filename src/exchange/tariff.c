/* SPDX-License-Identifier: Apache-2.0 */
/* tariff: see tariff.h. */
#include "exchange/admission.h"
#include "exchange/snapshot.h"
#include "exchange/tariff.h"
#include "price/cost.h"
#include "price/tier.h"
#include "weir/exchange.h"

static enum tier asked_tier(const struct call *c)
{
	if (c->fixed_price && slice_equals_nocase(c->facts.service_tier, SLICE("auto")))
		return TIER_DEFAULT;
	return tier_asked(c->facts.service_tier);
}

static enum tier due_tier(const struct exchange *x, const struct call *c)
{
	enum tier asked = asked_tier(c);

	if (c->fixed_price && asked == TIER_DEFAULT)
		return TIER_DEFAULT;
	return tier_answered(x->answer.service_tier, asked);
}

/* The table's is copied: it may change with the hour, or with the tier. */
static const struct price *make(struct exchange *x, const struct call *c, const struct price_model *m, enum tier tier)
{
	if (c->fixed_price && tier == TIER_DEFAULT)
		return c->fixed_price;
	struct price *p = c->fixed_price || m ? arena_alloc(&x->arena, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	if (c->fixed_price)
		*p = *c->fixed_price;
	else
		price_at(m, x->wall, p);
	tier_price(p, tier);
	return p;
}

const struct price *tariff_planned(struct call *c)
{
	struct admitted *a = c->admitted;

	if (!a->price)
		a->price = make(c->exchange, c, c->table_price, asked_tier(c));
	return a->price;
}

/* The table's entry: by the model that really answered, since that is what the provider bills; else by the one asked for. */
static const struct price_model *table_price(const struct exchange *x, const struct call *c)
{
	const struct price_model *m = NULL;

	if (!c->fixed_price && x->answer.model.len && !slice_equals(x->answer.model, c->facts.model))
		m = snapshot_table_price(x->snapshot, c->model->upstream, x->answer.model);
	return m ? m : c->table_price;
}

const struct price *tariff_due(struct exchange *x, struct call *c)
{
	enum tier tier = due_tier(x, c);
	const struct price_model *m = table_price(x, c);

	if (c->due && c->due_tier == tier && c->due_model == m)
		return c->due;
	const struct price *p = make(x, c, m, tier);
	c->due = p && p->n ? p : NULL;
	c->due_tier = tier;
	c->due_model = m;
	return c->due;
}

static bool is_about_searching(struct slice name)
{
	return name.len && memmem(name.at, name.len, "search", 6);
}

bool tariff_searches(const struct call *c)
{
	const struct request_facts *f = &c->facts;

	for (unsigned i = 0; i < f->n_tools; i++)
		if (f->tools[i].kind == TOOL_HOSTED && !f->tools[i].removed && is_about_searching(f->tools[i].name))
			return true;
	return is_about_searching(c->upstream_model.at ? c->upstream_model : f->model);
}

bool tariff_has_all(struct call *c)
{
	uint32_t classes = c->facts.has_audio ? USAGE_BIT(in_audio) : 0, unpriced;
	struct price p = {0};
	nanousd fixed;
	picousd output;

	if (c->facts.wants_audio)
		classes |= USAGE_BIT(out_audio);
	if (!classes)
		return true;
	if (c->fixed_price)
		p = *c->fixed_price;
	else if (c->table_price)
		price_at(c->table_price, c->exchange->wall, &p);
	cost_bound_parts(&p, 1, classes, &fixed, &output, &unpriced);
	return !unpriced;
}

bool tariff_is_bound(const struct exchange *x, const struct call *c)
{
	return due_tier(x, c) != TIER_DEFAULT;
}
