/* SPDX-License-Identifier: Apache-2.0 */
/* openai: the dialect's table, and what Weir itself says in OpenAI's shape: refusals and the list
 * of models. */
#include "dialect/openai.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/json_write.h"
#include "dialect/openai_answer.h"
#include "weir/embeddings.h"

int openai_complain(
        struct complaint *why, enum fault fault, const char *pointer, const char *format, ...)
{
	va_list args;

	if (!why)
		return -EPROTO;
	why->fault = fault;
	snprintf(why->param, sizeof(why->param), "%s", pointer);
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return -EPROTO;
}

struct slice openai_quote(struct arena *arena, struct slice s)
{
	/* Six bytes for each is the worst that escaping makes of one; replacement characters take
	 * three. */
	struct buf b = BUF_INIT(6 * s.len + 2);
	struct slice quoted = {0};

	if (!buf_put_char(&b, '"') && !json_escape(&b, s) && !buf_put_char(&b, '"'))
		quoted = arena_dup(arena, buf_slice(&b));
	buf_finish(&b);
	return quoted;
}

static const char *error_type(const struct fault_info *info)
{
	static const char *const types[] = {
	        [KIND_INVALID] = "invalid_request_error",
	        [KIND_AUTHENTICATION] = "authentication_error",
	        [KIND_PERMISSION] = "permission_error",
	        [KIND_RATE] = "rate_limit_error",
	        [KIND_QUOTA] = "insufficient_quota",
	        [KIND_SERVER] = "server_error",
	};

	return types[info->kind];
}

int openai_put_error(const struct refusal *r, struct slice request_id, struct buf *out)
{
	const struct fault_info *info = &fault_infos[r->fault];
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_key(&w, "error");
	json_open(&w, '{');
	json_put_slice(&w, "message", r->sentence);
	json_put_str(&w, "type", error_type(info));
	json_key(&w, "param");
	if (r->param.len)
		json_string(&w, r->param);
	else
		json_null(&w);
	/* Frameworks stop on this word; the code of our own stands below. */
	json_put_str(&w, "code", info->kind == KIND_QUOTA ? "insufficient_quota" : info->code);
	json_key(&w, "weir");
	json_open(&w, '{');
	json_put_str(&w, "code", info->code);
	if (request_id.len)
		json_put_slice(&w, "request_id", request_id);
	if (r->retry_after_ms)
		json_put_u64(&w, "retry_after_ms", r->retry_after_ms);
	json_close(&w, '}');
	json_close(&w, '}');
	json_close(&w, '}');
	return json_end(&w);
}

static int write_refusal(const struct refusal *r, struct slice request_id, struct buf *out)
{
	return openai_put_error(r, request_id, out);
}

static void put_model(struct json_writer *w, const struct model_entry *m)
{
	json_open(w, '{');
	json_put_slice(w, "id", m->id);
	json_put_str(w, "object", "model");
	json_put_u64(w, "created", 0);
	json_put_slice(w, "owned_by", m->owner);
	json_close(w, '}');
}

int openai_write_models(const struct model_entry *models, unsigned n, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "object", "list");
	json_key(&w, "data");
	json_open(&w, '[');
	for (unsigned i = 0; i < n; i++)
		put_model(&w, &models[i]);
	json_close(&w, ']');
	json_close(&w, '}');
	return json_end(&w);
}

int openai_write_model(const struct model_entry *model, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	put_model(&w, model);
	return json_end(&w);
}

const struct dialect_ops dialect_openai = {
        .name = "openai",
        .answer_size = sizeof(struct openai_answer),
        .read_request = openai_read_request,
        .edit_request = openai_edit_request,
        .write_refusal = write_refusal,
        .answer_open = openai_answer_open,
        .answer_feed = openai_answer_feed,
        .answer_render = openai_answer_render,
        .answer_cut = openai_answer_cut,
        .answer_close = openai_answer_close,
        .embeddings = &openai_embeddings,
};
