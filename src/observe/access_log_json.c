/* SPDX-License-Identifier: Apache-2.0 */
/* access_log_json: a record as one JSON object. A text that is not known is left out, also tool
 * where none was called and ttft_ms where there was none; numbers and booleans are always there;
 * cost_usd is null when the price is unknown. tool is a string, or an array where several were
 * called. time is when the call ended. */
#include "base/plain.h"
#include "observe/access_log_line.h"
#include "observe/outcome.h"

#define KEY(name) ",\"" name "\":"
#define PUT_TEXT(line, name, slice)                                                                \
	((slice).len ? (line_put_literal(line, KEY(name) "\""), put_text(line, slice)) : (void)0)
#define PUT_WORD(line, name, slice)                                                                \
	((slice).len ? (line_put_literal(line, KEY(name) "\""), put_word(line, slice)) : (void)0)
#define PUT_STR(line, name, str)                                                                   \
	do {                                                                                       \
		struct slice word = slice_str(str);                                                \
		PUT_WORD(line, name, word);                                                        \
	} while (0)
#define PUT_U64(line, name, n) (line_put_literal(line, KEY(name)), line_put_u64(line, n))
#define PUT_MS(line, name, ns) (line_put_literal(line, KEY(name)), line_put_ms(line, ns))
#define PUT_BOOL(line, name, b)                                                                    \
	((b) ? line_put_literal(line, KEY(name) "true") : line_put_literal(line, KEY(name) "false"))

/* A word of ours, which needs no escaping, and the quote behind it. */
static void put_word(struct line *l, struct slice s)
{
	if (!line_has_room(l, s.len + 1))
		return;
	bytes_copy(l->at, s.at, s.len);
	l->at += s.len;
	*l->at++ = '"';
}

/* Anybody's text. */
static void put_text(struct line *l, struct slice s)
{
	if (s.len <= LINE_TEXT_MAX && bytes_are_plain(s)) {
		put_word(l, s);
		return;
	}
	line_put_escaped(l, s);
	line_put_literal(l, "\"");
}

static void put_who(struct line *l, const struct record *r)
{
	PUT_TEXT(l, "agent", r->agent);
	PUT_TEXT(l, "user", r->user_shown);
	PUT_TEXT(l, "team", r->team);
	PUT_TEXT(l, "workflow_id", r->workflow);
	PUT_TEXT(l, "session", r->session);
	PUT_TEXT(l, "listener", r->listener);
}

static void put_tool_names(struct line *l, const struct record *r)
{
	line_put_literal(l, KEY("tool") "[");
	for (unsigned i = 0; i < r->n_tools && i < LINE_TOOLS_MAX; i++) {
		line_put(l, i ? ",\"" : "\"", i ? 2 : 1);
		line_put_escaped(l, r->tools[i].name);
		line_put_literal(l, "\"");
	}
	if (r->n_tools > LINE_TOOLS_MAX)
		line_put_literal(l, ",\"\xe2\x80\xa6\"");
	line_put_literal(l, "]");
}

static void put_what(struct line *l, const struct record *r)
{
	PUT_WORD(l, "dialect", r->dialect);
	PUT_WORD(l, "action", r->action);
	PUT_TEXT(l, "model", r->model);
	PUT_TEXT(l, "upstream_model", r->upstream_model);
	PUT_TEXT(l, "upstream", r->upstream);
	if (r->n_tools == 1)
		PUT_TEXT(l, "tool", r->tools[0].name);
	else if (r->n_tools)
		put_tool_names(l, r);
	PUT_U64(l, "tools_offered", r->tools_offered);
	PUT_TEXT(l, "tools_removed", r->tools_removed);
}

static void put_how(struct line *l, const struct record *r)
{
	PUT_U64(l, "status", r->status);
	PUT_STR(l, "code", outcome_code(r));
	PUT_STR(l, "verdict", r->verdict);
	PUT_TEXT(l, "policy_version", r->policy_version);
	PUT_U64(l, "attempts", r->attempts);
	PUT_MS(l, "latency_ms", r->latency_ns);
	PUT_MS(l, "gateway_ms", r->gateway_ns);
	if (r->ttft_ns)
		PUT_MS(l, "ttft_ms", r->ttft_ns);
	PUT_U64(l, "bytes_in", r->bytes_in);
	PUT_U64(l, "bytes_out", r->bytes_out);
}

static void put_cost(struct line *l, const struct record *r)
{
	PUT_U64(l, "tokens_input", usage_input_total(&r->usage));
	PUT_U64(l, "tokens_cached", record_tokens_cached(r));
	PUT_U64(l, "tokens_output", usage_output_total(&r->usage));
	PUT_U64(l, "tokens_reasoning", r->usage.out_reasoning);
	PUT_U64(l, "tokens_used", usage_tokens_total(&r->usage));
	line_put_literal(l, KEY("cost_usd"));
	if (r->price_unknown)
		line_put_literal(l, "null");
	else
		line_put_money(l, r->cost);
	if (r->tools_cost) {
		line_put_literal(l, KEY("tools_cost_usd"));
		line_put_money(l, r->tools_cost);
	}
	PUT_BOOL(l, "estimated", r->estimated);
	PUT_STR(l, "cache", r->cache);
	PUT_STR(l, "without_store", r->without_store);
}

void line_as_json(struct line *l, struct line_time *t, const struct record *r)
{
	line_put_literal(l, "{\"time\":\"");
	line_put(l, line_time(t, record_ended_wall(r)), 24);
	line_put_literal(l, "\"");
	PUT_STR(l, "level", outcome_level(r));
	line_put_literal(l, KEY("msg") "\"call\"");
	PUT_STR(l, "request_id", r->request_id);
	PUT_TEXT(l, "trace_id", r->trace_id);
	put_who(l, r);
	put_what(l, r);
	put_how(l, r);
	put_cost(l, r);
	PUT_BOOL(l, "stream", r->stream);
	PUT_STR(l, "ended_by", r->ended_by);
	PUT_TEXT(l, "note", r->note);
	if (r->shadow)
		line_put_literal(l, KEY("shadow") "true");
	line_put_literal(l, "}");
}
