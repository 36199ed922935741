/* SPDX-License-Identifier: Apache-2.0 */
/* call: how a policy says why. Sentences live in the exchange's arena. */
#include <stdarg.h>
#include <stdio.h>
#include "weir/exchange.h"

/* The formatted sentence, or the fault's own one when there is none or no memory for it. */
static struct slice sentence_of(struct call *c, enum fault fault, const char *format, va_list args)
{
	char text[512];

	if (!format)
		return slice_str(fault_infos[fault].text);
	int n = vsnprintf(text, sizeof(text), format, args);
	if (n < 0)
		return slice_str(fault_infos[fault].text);
	size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	struct slice copy = arena_dup(&c->exchange->arena, slice_from(text, len));
	return copy.at ? copy : slice_str(fault_infos[fault].text);
}

nanousd call_tools_cost(const struct call *c)
{
	nanousd sum = 0;

	for (unsigned i = 0; i < c->n_released; i++)
		if (__builtin_add_overflow(sum, c->tools[i].cost, &sum))
			return INT64_MAX;
	return sum;
}

nanousd call_whole_cost(const struct call *c)
{
	nanousd sum;

	return __builtin_add_overflow(c->cost, call_tools_cost(c), &sum) ? INT64_MAX : sum;
}

enum verdict call_refuse(struct call *c, enum fault fault, const char *param, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	c->refusal = (struct refusal){
		.fault = fault,
		.sentence = sentence_of(c, fault, format, args),
		.param = arena_dup(&c->exchange->arena, slice_str(param)),
	};
	va_end(args);
	c->refused = true;
	return VERDICT_ANSWER;
}

enum verdict call_deny_tool(struct call *c, struct toolcall *tc, enum fault fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tc->fault = fault;
	tc->sentence = sentence_of(c, fault, format, args);
	tc->denied = true;
	va_end(args);
	return VERDICT_ANSWER;
}

void policy_remove_tool(struct policy *p, struct tool_decl *tool)
{
	struct call *c = p->call;

	if (p->mode == MODE_SHADOW) {
		c->shadow = true;
		return;
	}
	if (tool->removed)
		return;
	tool->removed = true;
	size_t before = buf_len(&c->tools_removed);
	if ((before && buf_put_str(&c->tools_removed, ", ") < 0) || buf_put_slice(&c->tools_removed, tool->name) < 0)
		buf_truncate(&c->tools_removed, before); /* a list that is too long stops; the tool is gone all the same */
}
