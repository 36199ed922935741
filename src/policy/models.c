/* SPDX-License-Identifier: Apache-2.0 */
/* models: may this agent use this model, and which one of whose is meant? Unknown and forbidden look the same. */
#include "exchange/snapshot.h"
#include "exchange/tariff.h"
#include "policy/registry.h"
#include "weir/exchange.h"

static void find_price(struct call *c, const struct snapshot *s)
{
	const struct model_price *p = &s->prices[c->model->index];
	struct slice name = c->upstream_model.at ? c->upstream_model : c->facts.model;

	if (p->fixed)
		c->fixed_price = &p->price;
	else
		c->table_price = p->table ? p->table : snapshot_table_price(s, c->model->upstream, name);
}

/* Where money is limited, what cannot be counted cannot be allowed, unless the policy itself says so. Moderation is free. */
static bool price_must_be_known(const struct call *c, const struct conf *conf)
{
	if (conf->unknown_price_said || c->facts.action == ACTION_MODERATION)
		return conf->unknown_price == UNKNOWN_PRICE_DENY;
	return c->agent->allowance.has_cost_budget || c->has_max_cost;
}

static enum verdict models_request(struct policy *p)
{
	struct call *c = p->call;
	const struct snapshot *s = c->exchange->snapshot;
	const struct model_conf *m = conf_model(s->conf, c->agent, c->facts.model);

	if (!m)
		return call_refuse(c, FAULT_MODEL_DENIED, "model",
			"This agent may not use the model \"%.*s\"; GET /v1/models lists those it may use.",
			(int)(c->facts.model.len < 100 ? c->facts.model.len : 100), c->facts.model.at);
	c->model = m;
	if (m->upstream_name.len && !slice_equals(m->upstream_name, c->facts.model))
		c->upstream_model = m->upstream_name;
	find_price(c, s);
	if (!call_price_is_known(c) && price_must_be_known(c, s->conf))
		return call_refuse(c, FAULT_PRICE_UNKNOWN, "model", NULL);
	if (!tariff_has_all(c) && price_must_be_known(c, s->conf))
		return call_refuse(c, FAULT_PRICE_UNKNOWN, "model",
			"The price of audio is not known for this model; use one that has a price for it, or leave the audio out.");
	return VERDICT_PASS;
}

/* Refusing later than here is what shadow means, and without a model there is nowhere to send the call: in shadow the
 * refusal is noted, and the agent's own list is left aside. */
static enum verdict models_in_shadow(struct policy *p)
{
	struct call *c = p->call;
	const struct snapshot *s = c->exchange->snapshot;
	enum verdict v = models_request(p);

	if (v == VERDICT_PASS || c->model)
		return v;
	const struct model_conf *m = conf_model(s->conf, NULL, c->facts.model);
	if (!m) {
		p->mode = MODE_ENFORCE; /* no upstream is known for it at all */
		return v;
	}
	c->model = m;
	if (m->upstream_name.len && !slice_equals(m->upstream_name, c->facts.model))
		c->upstream_model = m->upstream_name;
	find_price(c, s);
	return v;
}

static enum verdict on_request(struct policy *p)
{
	if (p->call->facts.action == ACTION_TOOL)
		return VERDICT_PASS; /* none is asked */
	return p->mode == MODE_SHADOW ? models_in_shadow(p) : models_request(p);
}

const struct policy_ops policy_models = {
	.name = "models", .shadow_bit = SHADOW_MODELS, .on_request = on_request,
};
