/* SPDX-License-Identifier: Apache-2.0 */
/* explain_call: one call, policy by policy, in the order in which they judge it; each verdict with
 * the line that gave it. */
#include <stdio.h>
#include "app/explain_limits.h"
#include "base/clock.h"
#include "config/units.h"
#include "exchange/admission.h"

struct verdict_row {
	const char *policy;
	const char *verdict; /* "pass", "refuse tool_denied", "inactive" */
	char why[200];
	const struct node *line; /* what in the policy gave it; NULL: a default */
	bool refused;
};

static void put_row(struct explain *e, unsigned number, const struct verdict_row *row)
{
	explain_put(e, " %2u %-10s ", number, row->policy);
	if (row->line) {
		explain_put(e, "%-26s %-48s ", row->verdict, row->why);
		explain_origin(e, row->line);
	} else if (*row->why) {
		explain_put(e, "%-26s %s", row->verdict, row->why);
	} else {
		explain_put(e, "%s", row->verdict);
	}
	explain_put(e, "\n");
}

/* What in a list of names or globs lets name through; NULL: nothing. */
static const struct node *item_for(const struct node *list, struct slice name)
{
	for (const struct node *n = list && list->kind == NODE_LIST ? list->first : NULL; n;
	        n = n->next)
		if (n->kind == NODE_SCALAR && slice_matches_glob(name, n->text))
			return n;
	return NULL;
}

static const struct node *word_in(const struct node *list, const char *word)
{
	for (const struct node *n = list && list->kind == NODE_LIST ? list->first : NULL; n;
	        n = n->next)
		if (node_is(n, word))
			return n;
	return NULL;
}

static bool in_shadow(const struct agent_conf *a, enum shadow_bit bit)
{
	return a->shadow & bit && (!a->shadow_until || a->shadow_until > clock_wall(&clock_system));
}

/* A refusal, or what shadow makes of it. */
static void refuse(struct verdict_row *row, const struct agent_conf *a, enum shadow_bit bit,
        const char *verdict, const char *in_shadow_verdict)
{
	bool shadow = in_shadow(a, bit);

	row->verdict = shadow ? in_shadow_verdict : verdict;
	row->refused = !shadow;
}

static void judge_identity(
        const struct agent_conf *a, const struct node *agent, struct verdict_row *row)
{
	row->line = node_member(agent, "identity");
	if (a->suspended) {
		row->verdict = "refuse agent_suspended";
		row->refused = true;
		row->line = node_member(agent, "suspended");
	} else if (a->n_identities) {
		snprintf(row->why, sizeof(row->why), "with %s %u %s",
		        a->n_identities == 1 ? "its" : "one of its", a->n_identities,
		        a->n_identities == 1 ? "key" : "keys");
	} else {
		snprintf(row->why, sizeof(row->why),
		        "as a listener's default_agent only: it has no key");
	}
}

static void judge_model(const struct explain *e, const struct agent_conf *a,
        const struct node *agent, struct slice model, struct verdict_row *row)
{
	const struct model_conf *m = model.len ? conf_model(e->conf, a, model) : NULL;

	if (!model.len) {
		row->verdict = "-";
		snprintf(row->why, sizeof(row->why), "no model was named; see --model");
		return;
	}
	row->line = node_member(agent, "models");
	if (!m) {
		refuse(row, a, SHADOW_MODELS, "refuse model_denied", "shadow model_denied");
		snprintf(row->why, sizeof(row->why), "%.*s is not on its list", SLICE_FMT(model));
		return;
	}
	if (item_for(row->line, m->name))
		row->line = item_for(row->line, m->name);
	snprintf(row->why, sizeof(row->why), "as the model %.*s", SLICE_FMT(m->name));
}

/* Whether the call is one of the tool itself, over HTTP: no model was named that could be offered it. */
static const struct tool_conf *tool_called(const struct explain *e, struct slice model, struct slice tool)
{
	const struct tool_conf *t = tool.len && !model.len ? conf_tool(e->conf, tool) : NULL;

	return t && t->upstream ? t : NULL;
}

/* A tool that a model is offered may be taken out; the call of one is refused. */
static void judge_declared_tool(const struct agent_conf *a, const struct tool_conf *t, bool called,
        const struct node *list, struct verdict_row *row)
{
	bool strips = a->on_denied_tool == DENIED_STRIP && !called;

	if (!a->tools[t->index]) {
		refuse(row, a, SHADOW_TOOLS,
		        strips ? "strip tool_denied" : "refuse tool_denied", "shadow tool_denied");
		snprintf(row->why, sizeof(row->why), "%.*s is not on its list", SLICE_FMT(t->name));
	} else if (!a->tool_scopes_held[t->index]) {
		refuse(row, a, SHADOW_TOOLS,
		        strips ? "strip data_access_denied" : "refuse data_access_denied",
		        "shadow data_access_denied");
		snprintf(row->why, sizeof(row->why), "a scope that it requires is not held");
	} else {
		row->line = item_for(list, t->name);
		snprintf(row->why, sizeof(row->why), "%.*s is on its list", SLICE_FMT(t->name));
	}
}

static bool is_hosted(const struct agent_conf *a, struct slice tool)
{
	for (unsigned i = 0; i < a->n_hosted_tools; i++)
		if (slice_equals(a->hosted_tools[i], tool))
			return true;
	return false;
}

static void judge_tool(const struct explain *e, const struct agent_conf *a,
        const struct node *agent, struct slice tool, bool called, struct verdict_row *row)
{
	const struct tool_conf *t = tool.len ? conf_tool(e->conf, tool) : NULL;
	const struct node *list = node_member(agent, "tools");

	row->line = list;
	if (!tool.len) {
		row->verdict = "-";
		row->line = NULL;
		snprintf(row->why, sizeof(row->why), "no tool was named; see --tool");
	} else if (t) {
		judge_declared_tool(a, t, called, list, row);
	} else if (is_hosted(a, tool)) {
		row->line = node_member(agent, "hosted_tools");
		snprintf(row->why, sizeof(row->why), "a tool of the provider that is on its list");
	} else if (a->any_local) {
		row->line = word_in(list, "any-local");
		snprintf(row->why, sizeof(row->why),
		        "no tool of this policy, and any-local is allowed");
	} else {
		refuse(row, a, SHADOW_TOOLS,
		        a->on_denied_tool == DENIED_STRIP ? "strip tool_denied"
		                                          : "refuse tool_denied",
		        "shadow tool_denied");
		snprintf(row->why, sizeof(row->why), "no tool of this policy");
	}
}

static void route_tool(const struct explain *e, const struct tool_conf *t, struct verdict_row *row)
{
	const struct node *n = load_entry(e->load, "tools", t->index);
	struct slice method = method_name(t->form.method), name = t->upstream_name.len ? t->upstream_name : t->name;

	row->line = node_member(n, "upstream");
	snprintf(row->why, sizeof(row->why), "to %.*s as %.*s %s%.*s", SLICE_FMT(t->upstream->name), SLICE_FMT(method),
	        t->path.len ? "" : "/", SLICE_FMT(t->path.len ? t->path : name));
}

static void judge_route(const struct explain *e, const struct agent_conf *a, struct slice model, struct slice tool,
        struct verdict_row *row)
{
	const struct model_conf *m = model.len ? conf_model(e->conf, a, model) : NULL;
	const struct tool_conf *t = tool_called(e, model, tool);

	if (t) {
		route_tool(e, t, row);
		return;
	}
	if (!m || !m->upstream) {
		row->verdict = "-";
		return;
	}
	row->line = node_member(load_entry(e->load, "models", m->index), "upstream");
	snprintf(row->why, sizeof(row->why), "to %.*s as %.*s", SLICE_FMT(m->upstream->name),
	        SLICE_FMT(m->upstream_name.len ? m->upstream_name : model));
}

static void judge_rates(const struct explain *e, const struct agent_conf *a, const struct node *agent,
        const struct tool_conf *called, struct verdict_row *row)
{
	const struct allowance_conf *all = &a->allowance;

	if (called && (called->n_rates || called->concurrency)) {
		row->line = node_member(
		        load_entry(e->load, "tools", called->index), called->n_rates ? "rate_limit" : "concurrency");
		row->verdict = in_shadow(a, SHADOW_RATES) ? "pass (shadow)" : "pass";
		snprintf(row->why, sizeof(row->why), "if the tool's rates and its own have room");
		return;
	}
	if (!all->n_rates && !all->n_token_rates && !all->concurrency) {
		row->verdict = "-";
		snprintf(row->why, sizeof(row->why), "it has no rates");
		return;
	}
	row->line = node_member(agent, all->n_rates         ? "rate_limit"
				       : all->n_token_rates ? "token_rate_limit"
							    : "concurrency");
	row->verdict = in_shadow(a, SHADOW_RATES) ? "pass (shadow)" : "pass";
	snprintf(row->why, sizeof(row->why), "if its rates have room");
}

/* A time as policies have it. */
static const char *time_text(uint64_t ns, char text[24])
{
	text[duration_format(ns, text)] = '\0';
	return text;
}

static void judge_cache(const struct explain *e, const struct agent_conf *a, struct slice model,
        const struct tool_conf *called, struct verdict_row *row)
{
	static const char *const sharers[] = {[CACHE_SHARE_USER] = "this agent and user",
	        [CACHE_SHARE_AGENT] = "this agent",
	        [CACHE_SHARE_TEAM] = "its team"};
	const struct model_conf *m = model.len ? conf_model(e->conf, a, model) : NULL;
	const struct reuse_conf *rule = called ? &called->cache : m ? &m->cache : NULL;
	char ttl[24], stale[24];

	if (!rule || !rule->ttl_ns) {
		row->verdict = "-";
		snprintf(row->why, sizeof(row->why), "%s",
		        called ? "the tool's results are not kept"
		        : m    ? "its model's answers are not kept"
		               : "");
		return;
	}
	unsigned by = rule->share == CACHE_SHARE_TEAM && !a->team.len ? CACHE_SHARE_AGENT
	                                                              : rule->share;
	row->line = node_member(called ? load_entry(e->load, "tools", called->index)
	                               : load_entry(e->load, "models", m->index),
	        "cache");
	row->verdict = in_shadow(a, SHADOW_CACHE) ? "pass (shadow)" : "pass";
	int len = snprintf(row->why, sizeof(row->why), "a hit if %s had it in the last %s", sharers[by],
	        time_text(rule->ttl_ns, ttl));
	if (rule->stale_ns)
		snprintf(row->why + len, sizeof(row->why) - (size_t)len,
		        "; %s longer if the upstream fails",
		        time_text(rule->stale_ns, stale));
}

/* What no counter has to be asked for is judged. */
static void judge_budget(const struct agent_conf *a, const struct node *agent, const struct planned *p,
        struct verdict_row *row)
{
	const struct admitted *admitted = p ? p->call.admitted : NULL;

	if (!a->allowance.n_budgets) {
		row->verdict = "-";
		snprintf(row->why, sizeof(row->why), "it has no budget");
		return;
	}
	row->line = node_member(agent, "budget");
	row->verdict = in_shadow(a, SHADOW_BUDGET) ? "pass (shadow)" : "pass";
	snprintf(row->why, sizeof(row->why), "if its worst case fits into every budget");
	if (!admitted || !admitted->short_of)
		return;
	refuse(row, a, SHADOW_BUDGET, "refuse budget_exceeded", "shadow budget_exceeded");
	snprintf(row->why, sizeof(row->why), "it alone may pass the %s's budget", admitted->short_of);
}

/* The call's own facts, where a body was given; NULL: none, or it cannot be read, which is said. */
static struct planned *read_body(struct explain *e, const struct agent_conf *a, const struct asked *asked)
{
	const struct tool_conf *t = tool_called(e, asked->model, asked->tool);
	struct planned *p = NULL;

	if (asked->body.at)
		p = t ? planned_of_tool(a, t, asked->body) : planned_new(e, a, asked->model, asked->body);

	if (!p || !p->error)
		return p;
	explain_put(e, "the body would be refused: %s\n", *p->why.text ? p->why.text : "it cannot be read");
	planned_free(p);
	return NULL;
}

void explain_call(struct explain *e, const struct agent_conf *a, const struct asked *asked)
{
	struct planned *p = read_body(e, a, asked);
	struct slice model = p && !asked->model.len && !p->call.tool ? p->call.facts.model : asked->model, tool = asked->tool;
	static const char *const policies[] = {"limits", "identity", "models", "tools", "screening",
	        "approval", "rates", "cache", "budget", "privacy", "route"};
	const struct node *agent = e->load->agents[a->index];
	const char *end = "pass";

	explain_put(e, "a call by %.*s%s%.*s%s%.*s\n", SLICE_FMT(a->name), model.len ? " to " : "",
	        SLICE_FMT(model), tool.len ? " with the tool " : "", SLICE_FMT(tool));
	for (unsigned i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct verdict_row row = {.policy = policies[i], .verdict = "pass"};

		if (i == 0)
			snprintf(row.why, sizeof(row.why), "if it keeps the listener's limits");
		else if (i == 1)
			judge_identity(a, agent, &row);
		else if (i == 2)
			judge_model(e, a, agent, model, &row);
		else if (i == 3)
			judge_tool(e, a, agent, tool, tool_called(e, model, tool), &row);
		else if (i == 6)
			judge_rates(e, a, agent, tool_called(e, model, tool), &row);
		else if (i == 7)
			judge_cache(e, a, model, tool_called(e, model, tool), &row);
		else if (i == 8)
			judge_budget(a, agent, p, &row);
		else if (i == 10)
			judge_route(e, a, model, tool, &row);
		else
			row.verdict = "inactive";
		put_row(e, i + 1, &row);
		if (!row.refused)
			continue;
		end = row.verdict;
		if (*end == 'r')
			break; /* a tool that is taken out does not stop the call */
	}
	explain_put(e, "    verdict: %s\n\n", end);
	if (p && *end != 'r')
		explain_planned(e, p);
	planned_free(p);
}
