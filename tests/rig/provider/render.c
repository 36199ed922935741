/* SPDX-License-Identifier: Apache-2.0 */
/* render: which answer a request gets, and those that are no conversation: embeddings, moderations,
 * models, errors. */
#include "answer.h"
#include <string.h>

void answer_piece(struct answer *a, uint32_t wait_us)
{
	if (a->n_pieces == a->cap_pieces) {
		a->cap_pieces = a->cap_pieces ? a->cap_pieces * 2 : 16;
		a->pieces = mem_grow(a->pieces, a->cap_pieces * sizeof *a->pieces);
	}
	a->pieces[a->n_pieces++] = (struct piece){a->body.n, wait_us};
}

void answer_finish(struct answer *a)
{
	bytes_finish(&a->headers);
	bytes_finish(&a->body);
	bytes_finish(&a->usage);
	bytes_finish(&a->called);
	mem_give(a->pieces);
}

struct text render_default_text(const struct ask *ask)
{
	static const char words[] =
	        "The order left the warehouse on Tuesday and should arrive within two working "
	        "days; the carrier's page shows each step of its way. ";
	static char text[64 * 1024];
	struct text said = script_text(ask->script, "text");
	int64_t length = script_int(ask->script, "length", 900);
	if (said.at)
		return said;
	if (!text[0])
		for (size_t i = 0; i < sizeof text; i++)
			text[i] = words[i % (sizeof words - 1)];
	if (script_get(ask->script, "tool_calls") || script_get(ask->script, "function_call"))
		length = script_int(ask->script, "length", 0);
	return (struct text){text, length < 0                      ? 0
	                           : length > (int64_t)sizeof text ? sizeof text
	                                                           : (size_t)length};
}

void render_usage(struct answer *a, const struct ask *ask, uint64_t completion_tokens)
{
	const struct json *said = script_get(ask->script, "usage");
	a->usage.n = 0;
	if (json_is(said, JSON_STRING)) /* "none" */
		return;
	if (said) {
		bytes_add(&a->usage, said->raw.at, said->raw.n);
		return;
	}
	bytes_format(&a->usage,
	        "{\"prompt_tokens\":%lu,\"completion_tokens\":%lu,\"total_tokens\":%lu,"
	        "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
	        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
	        "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
	        ask->prompt_tokens, completion_tokens, ask->prompt_tokens + completion_tokens);
}

static void end_with_usage(struct answer *a, const struct ask *ask, const char *plain)
{
	if (json_is(script_get(ask->script, "usage"), JSON_STRING)) {
		bytes_text(&a->body, "}");
	} else {
		const struct json *said = script_get(ask->script, "usage");
		bytes_text(&a->usage, said ? "" : plain);
		if (said)
			bytes_add(&a->usage, said->raw.at, said->raw.n);
		bytes_text(&a->body, ",\"usage\":");
		bytes_add(&a->body, a->usage.at, a->usage.n);
		bytes_text(&a->body, "}");
		a->usage_end = a->body.n;
	}
	answer_piece(a, 0);
}

/* The second number of a vector tells the item, so that one in the wrong place shows. */
static float item_number(struct text item)
{
	uint32_t n = 1;
	for (size_t i = 0; i < item.n; i++)
		n = n * 31 + (unsigned char)item.at[i];
	return (float)(n % 16384) / 16;
}

static const struct json *item_at(const struct json *input, bool many, size_t i)
{
	const struct json *item = many ? input->first : input;
	while (many && i--)
		item = item->next;
	return item;
}

static void render_embeddings(struct answer *a, const struct ask *ask)
{
	bool backwards = script_true(ask->script, "backwards", false);
	const struct json *input = json_get(ask->body, "input");
	bool many = json_is(input, JSON_ARRAY) && input->first && input->first->type != JSON_NUMBER;
	bool base64 = text_is(json_text(json_get(ask->body, "encoding_format")), "base64");
	int64_t dimensions = json_int(json_get(ask->body, "dimensions"), 8);
	size_t n = many ? json_count(input) : 1;
	bytes_text(&a->body, "{\"object\":\"list\",\"data\":[");
	for (size_t at = 0; at < n; at++) {
		struct bytes raw = {0};
		size_t i = backwards ? n - 1 - at : at;
		const struct json *item = item_at(input, many, i);
		bytes_format(&a->body,
		        "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", at ? "," : "",
		        i);
		bytes_text(&a->body, base64 ? "\"" : "[");
		for (int64_t k = 0; k < dimensions; k++) {
			float value = k == 1 && item ? item_number(item->raw) : (float)(k + 1) / 16;
			bytes_add(&raw, &value, sizeof value);
			if (!base64)
				bytes_format(&a->body, "%s%.9g", k ? "," : "", (double)value);
		}
		if (base64)
			bytes_base64(&a->body, raw.at, raw.n);
		bytes_text(&a->body, base64 ? "\"}" : "]}");
		bytes_finish(&raw);
	}
	bytes_text(&a->body, "],\"model\":");
	bytes_json(&a->body, ask->model);
	struct bytes usage = {0};
	bytes_format(&usage, "{\"prompt_tokens\":%lu,\"total_tokens\":%lu}", ask->prompt_tokens,
	        ask->prompt_tokens);
	bytes_add(&usage, "", 1);
	end_with_usage(a, ask, usage.at);
	bytes_finish(&usage);
}

static void render_moderations(struct answer *a, const struct ask *ask)
{
	const struct json *input = json_get(ask->body, "input");
	size_t n = json_is(input, JSON_ARRAY) ? json_count(input) : 1;
	bytes_format(&a->body, "{\"id\":\"modr-%lu\",\"model\":", ask->id);
	bytes_json(&a->body, ask->model);
	bytes_text(&a->body, ",\"results\":[");
	for (size_t i = 0; i < n; i++)
		bytes_format(&a->body,
		        "%s{\"flagged\":false,\"categories\":{\"violence\":false,\"hate\":false},"
		        "\"category_scores\":{\"violence\":0.01,\"hate\":0.001}}",
		        i ? "," : "");
	bytes_text(&a->body, "]}");
	answer_piece(a, 0);
}

static void render_models(struct answer *a)
{
	bytes_text(&a->body, "{\"object\":\"list\",\"data\":["
	                     "{\"id\":\"gpt-4o\",\"object\":\"model\",\"created\":1715367049,"
	                     "\"owned_by\":\"provider\"},"
	                     "{\"id\":\"provider-only\",\"object\":\"model\",\"created\":"
	                     "1715367049,\"owned_by\":\"provider\"}]}");
	answer_piece(a, 0);
}

void render_error(struct answer *a, const struct ask *ask, unsigned status)
{
	const struct json *said = script_get(ask->script, "error");
	a->status = status;
	bytes_text(&a->headers, "content-type: application/json\r\n");
	bytes_text(&a->body, "{\"error\":");
	if (said) {
		bytes_add(&a->body, said->raw.at, said->raw.n);
	} else if (status == 401) {
		/* As providers do: the message repeats the credential's ends. */
		struct text key = ask->credential;
		struct bytes message = {0};
		size_t front = key.n < 12 ? key.n : 12, back = key.n < 16 ? 0 : 4;
		bytes_text(&message, "Incorrect API key provided: ");
		bytes_add(&message, key.at, front);
		bytes_text(&message, "********");
		bytes_add(&message, key.at + key.n - back, back);
		bytes_text(&a->body, "{\"message\":");
		bytes_json(&a->body, bytes_view(&message));
		bytes_text(&a->body, ",\"type\":\"invalid_request_error\",\"param\":null,\"code\":"
		                     "\"invalid_api_key\"}");
		bytes_finish(&message);
	} else {
		bytes_format(&a->body,
		        "{\"message\":\"Scripted answer with status "
		        "%u.\",\"type\":\"%s\",\"param\":null,"
		        "\"code\":%s}",
		        status,
		        status == 429  ? "rate_limit_error"
		        : status < 500 ? "invalid_request_error"
		                       : "server_error",
		        status == 429 ? "\"rate_limit_exceeded\"" : "null");
	}
	bytes_text(&a->body, "}");
	answer_piece(a, 0);
}

static void add_headers(struct answer *a, const struct ask *ask)
{
	const struct json *said = script_get(ask->script, "headers");
	for (const struct json *m = said ? said->first : NULL; m; m = m->next)
		for (const struct json *v = json_is(m, JSON_ARRAY) ? m->first : m; v;
		        v = v == m ? NULL : v->next) {
			bytes_add(&a->headers, m->key.at, m->key.n);
			bytes_text(&a->headers, ": ");
			bytes_add(&a->headers, v->string.at, v->string.n);
			bytes_text(&a->headers, "\r\n");
		}
	int64_t huge = script_int(ask->script, "huge_header", 0),
	        many = script_int(ask->script, "many_headers", 0);
	for (int64_t i = 0; i < many; i++)
		bytes_format(&a->headers, "x-many-%ld: %ld\r\n", (long)i, (long)i);
	if (huge > 0) {
		bytes_text(&a->headers, "x-huge: ");
		bytes_room(&a->headers, (size_t)huge);
		memset(a->headers.at + a->headers.n, 'h', (size_t)huge);
		a->headers.n += (size_t)huge;
		bytes_text(&a->headers, "\r\n");
	}
}

/* The script's own content, word for word. */
static void render_verbatim(struct answer *a, const struct ask *ask, struct text body)
{
	struct text type = script_text(ask->script, "content_type");
	bytes_text(&a->headers, "content-type: ");
	bytes_add(&a->headers, type.at ? type.at : "application/json", type.at ? type.n : 16);
	bytes_text(&a->headers, "\r\n");
	bytes_add(&a->body, body.at, body.n);
	answer_piece(a, 0);
	render_usage(a, ask, 0);
	a->usage_end = a->usage.n && script_get(ask->script, "usage") ? a->body.n : 0;
	if (!a->usage_end)
		a->usage.n = 0;
}

static void render_plain(struct answer *a, const struct ask *ask)
{
	bytes_text(&a->headers, "content-type: application/json\r\n");
	if (text_is(ask->path, "/v1/embeddings"))
		render_embeddings(a, ask);
	else if (text_is(ask->path, "/v1/moderations"))
		render_moderations(a, ask);
	else
		render_models(a);
}

void render(struct answer *a, const struct ask *ask)
{
	int64_t status = script_int(ask->script, "status", 200);
	struct text verbatim = script_text(ask->script, "body");
	a->status = (unsigned)status;
	bytes_format(&a->headers,
	        "x-request-id: req_%016lx\r\nx-provider-id: %lu\r\nopenai-processing-ms: 12\r\n",
	        ask->id, ask->id);
	add_headers(a, ask);
	if (verbatim.at)
		render_verbatim(a, ask, verbatim);
	else if (status >= 400)
		render_error(a, ask, (unsigned)status);
	else if (text_is(ask->path, "/v1/chat/completions"))
		render_chat(a, ask);
	else if (text_is(ask->path, "/v1/completions"))
		render_text_completion(a, ask);
	else if (text_is(ask->path, "/v1/embeddings") || text_is(ask->path, "/v1/moderations") ||
	         text_is(ask->path, "/v1/models"))
		render_plain(a, ask);
	else
		render_error(a, ask, 404);
	if (script_true(ask->script, "gzip", false)) {
		struct bytes coded = {0};
		bytes_gzip(&coded, bytes_view(&a->body));
		bytes_finish(&a->body);
		a->body = coded;
		a->n_pieces = 0;
		answer_piece(a, 0);
		bytes_text(&a->headers, "content-encoding: gzip\r\n");
	}
}
