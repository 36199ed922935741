/* SPDX-License-Identifier: Apache-2.0 */
/* request: one strict reading of the body for all policies, and afterwards their verdicts as edits of the same bytes. */
#include <errno.h>
#include <stdio.h>
#include "exchange/embeddings.h"
#include "exchange/steps.h"

static int no_memory(struct complaint *why)
{
	why->fault = FAULT_OVERLOADED;
	snprintf(why->text, sizeof(why->text), "%s", fault_infos[FAULT_OVERLOADED].text);
	return -ENOMEM;
}

int request_read(struct exchange *x, struct complaint *why)
{
	struct call *c = &x->calls[0];
	int e = x->route.dialect->read_request(x->route.action, buf_slice(&x->body), &x->arena, c->tokens, &c->facts, why);

	c->facts.action = x->route.action;
	if (c->facts.action == ACTION_TOOL)
		c->facts.tool.name = x->route.id;
	return e == -ENOMEM ? no_memory(why) : e;
}

int request_edit(struct exchange *x, struct complaint *why)
{
	struct call *c = &x->calls[0];
	struct slice body = buf_slice(&x->body);
	const struct upstream_conf *u = call_upstream(c);
	struct edit_wishes wishes = {
		.upstream_model = c->upstream_model,
		.want_usage = c->facts.stream && !u->stream_usage_never,
		.output_bound = c->output_bound,
		.output_field = u->output_field,
	};

	edits_init(&x->edits, &x->arena);
	int e = x->route.dialect->edit_request(&c->facts, body, &wishes, &x->edits);
	if (!e)
		e = embeddings_edit(c, &x->edits);
	if (!e)
		e = edits_sort(&x->edits);
	if (!e)
		e = edits_apply(&x->edits, body, &x->sending, &x->n_sending);
	if (e == -ENOMEM)
		return no_memory(why);
	if (e < 0) {
		snprintf(why->text, sizeof(why->text), "The policy's changes to this request contradict each other.");
		return -EPROTO;
	}
	x->sending_len = edits_length(&x->edits, body.len);
	return 0;
}
