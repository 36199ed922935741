/* SPDX-License-Identifier: Apache-2.0 */
/* tool: the dialect of plain HTTP tools. A request is one JSON object, the tool's arguments; an
 * answer is whatever the tool says, passed on as it comes; refusals are problem details (RFC 9457).
 */
#include <errno.h>
#include <stdio.h>
#include "base/json_write.h"
#include "json/json.h"
#include "weir/dialect.h"

static int tool_read_request(enum action action, struct slice body, struct arena *arena,
        struct token_counter *tokens, struct request_facts *ret, struct complaint *why)
{
	struct json_complaint wrong;
	struct json_doc doc;
	int error = json_read(json_scratch_mine(), body, &json_limits_default, &doc, &wrong);

	(void)arena;
	(void)tokens; /* no model reads it */
	if (error == -EPROTO) {
		why->fault = FAULT_REQUEST_INVALID;
		snprintf(why->text, sizeof(why->text),
		        "The body cannot be read at byte %zu: %s. Send the tool's arguments as one "
		        "JSON object that every parser reads alike.",
		        wrong.at, wrong.text);
	}
	if (error)
		return error;
	json_done(&doc);
	*ret = (struct request_facts){.action = action, .n = 1};
	return 0;
}

static int tool_edit_request(const struct request_facts *facts, struct slice body,
        const struct edit_wishes *wishes, struct edits *edits)
{
	const struct tool_asked *t = &facts->tool;
	int error = 0;

	(void)body;
	(void)wishes;
	for (unsigned i = 0; i < t->n_cuts && !error; i++)
		error = edits_add(edits, t->cuts[i].place, t->cuts[i].bytes, t->cuts[i].who);
	return error;
}

/* RFC 9457 4.2.1: without a type of its own, a problem's title is the status's phrase. */
static int tool_write_refusal(const struct refusal *r, struct slice request_id, struct buf *out)
{
	const struct fault_info *info = &fault_infos[r->fault];
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "type", "about:blank");
	json_put_str(&w, "title", status_phrase(info->status));
	json_put_u64(&w, "status", info->status);
	json_put_slice(&w, "detail", r->sentence);
	json_put_str(&w, "code", info->code);
	if (r->param.len)
		json_put_slice(&w, "param", r->param);
	if (request_id.len)
		json_put_slice(&w, "request_id", request_id);
	if (r->retry_after_ms)
		json_put_u64(&w, "retry_after_ms", r->retry_after_ms);
	json_close(&w, '}');
	return json_end(&w);
}

static int tool_answer_open(struct answer *a)
{
	(void)a;
	return 0;
}

static int tool_answer_feed(
        struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why)
{
	struct part *part = in.len ? lap_add(lap, PART_BYTES) : NULL;

	(void)why;
	if (!part && in.len)
		return -ENOMEM;
	if (part)
		part->bytes = in;
	a->complete |= last;
	a->closed |= last;
	a->n_stopped = a->complete;
	return 0;
}

static int tool_answer_render(struct answer *a, struct lap *lap)
{
	int error = 0;

	(void)a;
	for (unsigned i = 0; i < lap->n && !error; i++)
		error = lap_out(lap, lap->parts[i].bytes);
	return error;
}

/* Nothing that is put behind bytes of any kind would be understood as an end. */
static int tool_answer_cut(struct answer *a, const struct refusal *r, struct lap *lap)
{
	(void)a;
	(void)r;
	(void)lap;
	return -EPROTO;
}

static void tool_answer_close(struct answer *a)
{
	(void)a;
}

const struct dialect_ops dialect_tool = {
        .name = "http",
        .read_request = tool_read_request,
        .edit_request = tool_edit_request,
        .write_refusal = tool_write_refusal,
        .refusal_type = SLICE_INIT("application/problem+json"),
        .answer_open = tool_answer_open,
        .answer_feed = tool_answer_feed,
        .answer_render = tool_answer_render,
        .answer_cut = tool_answer_cut,
        .answer_close = tool_answer_close,
};
