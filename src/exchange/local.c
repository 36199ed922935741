/* SPDX-License-Identifier: Apache-2.0 */
/* local: what Weir itself answers to an agent: which models it may use, who it is, what a call of its own cost,
 * what its limits leave. */
#include <errno.h>
#include "base/json_write.h"
#include "exchange/local_budget.h"
#include "exchange/recent.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"

#define LOCAL_MAX (4u << 20)

bool local_is(enum action a)
{
	return a == ACTION_MODELS || a == ACTION_MODEL || a == ACTION_ME || a == ACTION_CALL_STATUS || a == ACTION_BUDGET;
}

static int write_models(struct exchange *x, struct buf *out)
{
	const struct conf *conf = x->snapshot->conf;
	const struct agent_conf *agent = x->calls[0].agent;
	struct model_entry *list = arena_alloc(&x->arena, (conf->n_models + 1) * sizeof(*list));
	unsigned n = 0;

	if (!list)
		return -ENOMEM;
	for (unsigned i = 0; i < conf->n_models; i++)
		if (agent->models[i] && !conf->models[i].is_glob)
			list[n++] = (struct model_entry){conf->models[i].name, conf->models[i].upstream->name};
	return openai_write_models(list, n, out);
}

static int write_model(struct exchange *x, struct buf *out)
{
	const struct model_conf *m = conf_model(x->snapshot->conf, x->calls[0].agent, x->route.id);

	if (!m)
		return -ENOENT;
	struct model_entry e = {x->route.id, m->upstream->name};
	return openai_write_model(&e, out);
}

static void write_names(struct json_writer *w, const struct conf *conf, const struct agent_conf *agent)
{
	json_key(w, "tools");
	json_open(w, '[');
	for (unsigned i = 0; i < conf->n_tools; i++)
		if (agent->tools[i] && agent->tool_scopes_held[i])
			json_string(w, conf->tools[i].name);
	json_close(w, ']');
	json_put_bool(w, "any_local_tool", agent->any_local);
	json_key(w, "models");
	json_open(w, '[');
	for (unsigned i = 0; i < conf->n_models; i++)
		if (agent->models[i])
			json_string(w, conf->models[i].name);
	json_close(w, ']');
}

static int write_me(struct exchange *x, struct buf *out)
{
	const struct call *c = &x->calls[0];
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_slice(&w, "agent", c->agent->name);
	json_key(&w, "team");
	if (c->agent->team.len)
		json_string(&w, c->agent->team);
	else
		json_null(&w);
	if (c->by.user.len)
		json_put_slice(&w, "user", c->by.user);
	write_names(&w, x->snapshot->conf, c->agent);
	json_put_slice(&w, "policy_version", slice_str(x->snapshot->conf->version));
	json_close(&w, '}');
	return json_end(&w);
}

static int write_call(struct exchange *x, struct buf *out)
{
	const struct call *c = &x->calls[0];

	if (!x->env->recent)
		return -ENOENT;
	return recent_write(x->env->recent, x->route.id, c->agent->name, c->by.user, x->wall, out);
}

enum step local_answer(struct exchange *x)
{
	struct buf body = BUF_INIT(LOCAL_MAX);
	int e = -ENOENT;

	switch (x->route.action) {
	case ACTION_MODELS:
		e = write_models(x, &body);
		break;
	case ACTION_MODEL:
		e = write_model(x, &body);
		break;
	case ACTION_ME:
		e = write_me(x, &body);
		break;
	case ACTION_CALL_STATUS:
		e = write_call(x, &body);
		break;
	case ACTION_BUDGET:
		e = local_budget_write(x, &body);
		break;
	default:
		break;
	}
	if (!e)
		e = reply_open(x, 200, SLICE("application/json"), buf_slice(&body));
	buf_finish(&body);
	if (e == PENDING)
		return STEP_WAIT;
	if (e == -ENOTCONN)
		return refuse_fault(x, FAULT_STORE_UNAVAILABLE, NULL);
	if (e == -ENOENT)
		return x->route.action == ACTION_MODEL
			       ? refuse_fault(x, FAULT_MODEL_DENIED, NULL)
			       : refuse_fault(x, FAULT_NOT_FOUND, "This agent made no such call in the last ten minutes.");
	if (e < 0)
		return refuse_fault(x, FAULT_OVERLOADED, NULL);
	return step_to(x, PHASE_RELAYING);
}
