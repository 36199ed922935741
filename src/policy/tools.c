/* SPDX-License-Identifier: Apache-2.0 */
/* tools: the agent's one list, held wherever a tool appears: declared in a request, forced by a choice, called in an
 * answer. Names are compared byte for byte. What a provider runs by itself is denied unless its type is opened. */
#include <errno.h>
#include "exchange/repeats.h"
#include "exchange/snapshot.h"
#include "policy/registry.h"
#include "policy/tools.h"
#include "weir/exchange.h"

/* FAULT_NONE when agent may use the tool under conf. */
static enum fault judge_under(
	const struct conf *conf, const struct agent_conf *agent, enum tool_kind kind, struct slice name)
{
	if (kind == TOOL_HOSTED) {
		for (unsigned i = 0; i < agent->n_hosted_tools; i++)
			if (slice_equals(agent->hosted_tools[i], name))
				return FAULT_NONE;
		return FAULT_HOSTED_TOOL_DENIED;
	}
	const struct tool_conf *tool = conf_tool(conf, name);
	if (!tool)
		return agent->any_local && tool_name_is_valid(name) ? FAULT_NONE : FAULT_TOOL_DENIED;
	if (!agent->tools[tool->index])
		return FAULT_TOOL_DENIED;
	return agent->tool_scopes_held[tool->index] ? FAULT_NONE : FAULT_DATA_ACCESS_DENIED;
}

static enum fault judge(const struct call *c, enum tool_kind kind, struct slice name)
{
	return judge_under(c->exchange->snapshot->conf, c->agent, kind, name);
}

/* A tool that was taken away, or an agent that was stopped, while this call was running: a call is judged by one policy, but
 * nothing is released any more that the newest one forbids. */
static enum fault judge_now(const struct call *c, enum tool_kind kind, struct slice name)
{
	const struct snapshot *now = c->exchange->env->current;
	enum fault f = judge(c, kind, name);

	if (f != FAULT_NONE || !now || now == c->exchange->snapshot)
		return f;
	const struct agent_conf *agent = conf_agent(now->conf, c->agent->name);
	if (!agent || agent->suspended)
		return FAULT_AGENT_SUSPENDED;
	return judge_under(now->conf, agent, kind, name);
}

static int shown(struct slice name)
{
	return (int)(name.len < 128 ? name.len : 128);
}

static enum verdict refuse_tool(struct call *c, enum fault fault, struct slice name)
{
	return call_refuse(c, fault, "tools", "The tool \"%.*s\" is not allowed for this agent; leave it out. %s",
		shown(name), name.at, fault_infos[fault].text);
}

/* Takes the tools out that may not stay; the last verdict tells whether the whole request is to be refused. */
static enum verdict judge_declared(struct policy *p)
{
	struct call *c = p->call;

	for (unsigned i = 0; i < c->facts.n_tools; i++) {
		struct tool_decl *t = &c->facts.tools[i];
		enum fault f = judge(c, t->kind, t->name);
		if (f == FAULT_NONE)
			continue;
		if (c->agent->on_denied_tool == DENIED_REFUSE)
			return refuse_tool(c, f, t->name);
		policy_remove_tool(p, t);
	}
	return VERDICT_PASS;
}

static bool is_left(const struct call *c, struct slice name)
{
	for (unsigned i = 0; i < c->facts.n_tools; i++)
		if (!c->facts.tools[i].removed && slice_equals(c->facts.tools[i].name, name))
			return true;
	return false;
}

static bool any_left(const struct call *c)
{
	for (unsigned i = 0; i < c->facts.n_tools; i++)
		if (!c->facts.tools[i].removed)
			return true;
	return false;
}

/* A choice that cannot be kept: it names a tool that went, or wants one where none is left. */
static enum verdict judge_choice(struct policy *p)
{
	struct call *c = p->call;
	unsigned kept = 0;

	if (c->facts.choice == CHOICE_REQUIRED && c->facts.n_tools && !any_left(c))
		return call_refuse(c, FAULT_TOOL_DENIED, "tool_choice",
			"tool_choice requires a tool and none of the declared ones is allowed for this agent.");
	if (c->facts.choice != CHOICE_NAMED)
		return VERDICT_PASS;
	for (unsigned i = 0; i < c->facts.n_chosen; i++)
		kept += is_left(c, c->facts.chosen[i]);
	if (!kept && c->facts.n_chosen && p->mode == MODE_ENFORCE)
		return refuse_tool(c, FAULT_TOOL_DENIED, c->facts.chosen[0]);
	return VERDICT_PASS;
}

/* Puts the arguments where the tool wants them; what it cannot be asked with, shadow cannot let pass. */
static enum verdict place_arguments(struct policy *p)
{
	struct call *c = p->call;
	struct complaint why UNINIT;

	complaint_init(&why, FAULT_ARGUMENTS_INVALID);
	int e = tool_place(&c->tool->form, buf_slice(&c->exchange->body), &c->exchange->arena, &c->facts.tool, &why);
	if (!e)
		return VERDICT_PASS;
	p->mode = MODE_ENFORCE;
	if (e == -ENOMEM)
		return call_refuse(c, FAULT_OVERLOADED, NULL, NULL);
	return call_refuse(c, why.fault, why.param, *why.text ? "%s" : NULL, why.text);
}

/* The request is itself a tool's call. A tool that nobody declared, one that this agent may not use and one that it runs itself
 * look the same to it; there is nowhere to send the first and the last, in shadow either. */
static enum verdict judge_called(struct policy *p)
{
	struct call *c = p->call;
	const struct tool_conf *tool = conf_tool(c->exchange->snapshot->conf, c->facts.tool.name);
	enum fault f = judge(c, TOOL_FUNCTION, c->facts.tool.name);

	if (!tool || !tool->upstream)
		p->mode = MODE_ENFORCE;
	if (f == FAULT_NONE && (!tool || !tool->upstream))
		f = FAULT_TOOL_DENIED;
	if (f != FAULT_NONE && p->mode == MODE_ENFORCE)
		return call_refuse(c, f, NULL, NULL);
	c->tool = tool;
	enum verdict v = place_arguments(p);
	return v == VERDICT_PASS ? repeats_claim(p, f) : v;
}

static enum verdict tools_request(struct policy *p)
{
	if (p->call->facts.action == ACTION_TOOL)
		return judge_called(p);
	enum verdict v = judge_declared(p);

	return v == VERDICT_PASS ? judge_choice(p) : v;
}

static enum verdict tools_call(struct policy *p, struct toolcall *tc)
{
	enum fault f = judge_now(p->call, tc->kind, tc->name);

	return f == FAULT_NONE ? VERDICT_PASS : tools_deny(p->call, tc, f, fault_infos[f].text);
}

enum verdict tools_deny(struct call *c, struct toolcall *tc, enum fault why, const char *text)
{
	return call_deny_tool(c, tc, why, "The call of the tool \"%.*s\" was not let through. %s", shown(tc->name), tc->name.at, text);
}

bool tools_let_through(const struct call *c, const struct toolcall *tc)
{
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops == &policy_tools && c->policies[i].mode == MODE_SHADOW)
			return true;
	return judge_now(c, tc->kind, tc->name) == FAULT_NONE;
}

static void tools_cancel(struct policy *p)
{
	repeats_cancel(p->call);
}

static void tools_done(struct policy *p)
{
	repeats_end(p->call);
}

const struct policy_ops policy_tools = {
	.name = "tools", .shadow_bit = SHADOW_TOOLS, .on_request = tools_request, .on_tool_call = tools_call,
	.on_cancel = tools_cancel, .on_done = tools_done,
};
