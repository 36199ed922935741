/* SPDX-License-Identifier: Apache-2.0 */
/* access_log_text: a record as one line for people: when, how grave, the outcome, then what is
 * worth knowing, in words that are left out where there is nothing to say. Texts are escaped as in
 * JSON, so that none can pretend to be two lines. */
#include "observe/access_log_line.h"
#include "observe/outcome.h"

/* Letters, digits and what model and user names are made of. */
static bool needs_no_quotes(struct slice s)
{
	static const char more[] = "-_.:/@+";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i], low = c | 0x20;

		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') &&
		        !memchr(more, c, sizeof(more) - 1))
			return false;
	}
	return s.len;
}

static void put_value(struct line *l, struct slice s)
{
	bool bare = needs_no_quotes(s);

	if (!bare)
		line_put_literal(l, "\"");
	line_put_escaped(l, s);
	if (!bare)
		line_put_literal(l, "\"");
}

static void put_field(struct line *l, const char *key, struct slice s)
{
	if (!s.len)
		return;
	line_put(l, key, strlen(key));
	put_value(l, s);
}

static void put_word(struct line *l, const char *word, size_t width)
{
	size_t len = strlen(word);

	line_put(l, word, len);
	for (; len < width; len++)
		line_put_literal(l, " ");
}

static void put_number(struct line *l, const char *key, uint64_t n)
{
	line_put(l, key, strlen(key));
	line_put_u64(l, n);
}

static void put_what(struct line *l, const struct record *r)
{
	put_field(l, " agent=", r->agent);
	put_field(l, " user=", r->user_shown);
	put_field(l, " action=", r->action);
	put_field(l, " model=", r->model);
	if (!slice_equals(r->upstream_model, r->model))
		put_field(l, " upstream_model=", r->upstream_model);
	put_field(l, " upstream=", r->upstream);
	for (unsigned i = 0; i < r->n_tools && i < LINE_TOOLS_MAX; i++)
		put_field(l, r->tools[i].allowed ? " tool=" : " tool_denied=", r->tools[i].name);
	put_field(l, " tools_removed=", r->tools_removed);
}

static void put_times(struct line *l, const struct record *r)
{
	line_put_literal(l, " ms=");
	line_put_ms(l, r->latency_ns);
	line_put_literal(l, " own_ms=");
	line_put_ms(l, r->gateway_ns);
	if (r->ttft_ns) {
		line_put_literal(l, " first_ms=");
		line_put_ms(l, r->ttft_ns);
	}
	if (r->attempts > 1)
		put_number(l, " attempts=", r->attempts);
}

static void put_cost(struct line *l, const struct record *r)
{
	if (!r->usage_known && !r->estimated)
		return;
	put_number(l, " tokens=", usage_input_total(&r->usage));
	put_number(l, "+", usage_output_total(&r->usage));
	if (record_tokens_cached(r))
		put_number(l, " cached=", record_tokens_cached(r));
	line_put_literal(l, " usd=");
	if (r->price_unknown)
		line_put_literal(l, "?");
	else
		line_put_money(l, r->cost);
	if (r->estimated)
		line_put_literal(l, " estimated");
}

void line_as_text(struct line *l, struct line_time *t, const struct record *r)
{
	line_put(l, line_time(t, record_ended_wall(r)), 24);
	line_put_literal(l, " ");
	put_word(l, outcome_level(r), 5);
	put_number(l, " ", r->status);
	line_put_literal(l, " ");
	put_word(l, outcome_code(r), 0);
	put_what(l, r);
	if (r->stream)
		line_put_literal(l, " stream");
	put_times(l, r);
	put_cost(l, r);
	put_field(l, " cache=", slice_str(r->cache));
	if (r->ended_by && strcmp(r->ended_by, "upstream"))
		put_field(l, " ended_by=", slice_str(r->ended_by));
	if (r->shadow)
		line_put_literal(l, " shadow");
	put_field(l, " id=", slice_str(r->request_id));
	put_field(l, " note=", r->note);
}
