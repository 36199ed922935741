/* SPDX-License-Identifier: Apache-2.0 */
/* limits: what can be refused before anyone asks who is calling: targets that are not canonical, bodies that are no JSON
 * or too large, browsers from elsewhere, headers that ask for what is not there. */
#include <errno.h>
#include "exchange/repeats.h"
#include "policy/registry.h"
#include "policy/duration.h"
#include "weir/exchange.h"

#define MAX_TOKENS ((uint64_t)1 << 53)

/* Takes what stands before the next semicolon. */
static struct slice next_piece(struct slice *rest)
{
	const char *end = rest->len ? memchr(rest->at, ';', rest->len) : NULL;
	struct slice piece = {rest->at, end ? (size_t)(end - rest->at) : rest->len};

	*rest = slice_skip(*rest, piece.len + 1);
	return slice_trim(piece);
}

static bool is_json(struct slice type)
{
	struct slice charset = SLICE("charset=");

	if (!slice_equals_nocase(next_piece(&type), SLICE("application/json")))
		return false;
	while (type.len) {
		struct slice piece = next_piece(&type);
		if (piece.len < charset.len || !slice_equals_nocase((struct slice){piece.at, charset.len}, charset))
			continue;
		piece = slice_skip(piece, charset.len);
		if (!slice_equals_nocase(piece, SLICE("utf-8")) && !slice_equals_nocase(piece, SLICE("\"utf-8\"")))
			return false;
	}
	return true;
}

static enum verdict check_body(struct call *c, const struct exchange *x)
{
	const struct head *h = x->head;
	struct slice type = head_value(h, HEADER_CONTENT_TYPE);
	struct slice coding = head_value(h, HEADER_CONTENT_ENCODING);
	uint64_t max = x->down->listener->limits.body_bytes;

	if (h->method != METHOD_POST)
		return VERDICT_PASS;
	if (!type.at || !is_json(type))
		return call_refuse(c, FAULT_UNSUPPORTED_MEDIA_TYPE, "content-type",
			"The content-type must be application/json in UTF-8; send that header with a JSON body.");
	if (coding.at && !slice_equals_nocase(coding, SLICE("identity")))
		return call_refuse(c, FAULT_UNSUPPORTED_MEDIA_TYPE, "content-encoding",
			"Coded request bodies are not taken; send the JSON as it is.");
	if (h->framing == FRAMING_LENGTH && h->length > max)
		return call_refuse(c, FAULT_REQUEST_TOO_LARGE, NULL,
			"The body has %llu bytes and this gateway takes %llu; send less.", (unsigned long long)h->length,
			(unsigned long long)max);
	return VERDICT_PASS;
}

/* Browsers share loopback and private networks with agents; only those that the policy lists may call. */
static enum verdict check_origin(struct call *c, const struct exchange *x)
{
	const struct listener_conf *l = x->down->listener;
	struct slice origin = head_value(x->head, HEADER_ORIGIN);

	if (!origin.at)
		return VERDICT_PASS;
	for (unsigned i = 0; i < l->n_cors_origins; i++)
		if (slice_equals(origin, l->cors_origins[i]))
			return VERDICT_PASS;
	return call_refuse(c, FAULT_ORIGIN_DENIED, "origin", NULL);
}

static int read_max_cost(struct call *c, struct slice text)
{
	uint64_t cost;

	if (money_parse(text, 9, &cost) < 0 || cost > INT64_MAX)
		return -EINVAL;
	c->max_cost = (nanousd)cost;
	c->has_max_cost = true;
	return 0;
}

/* A caller may lower its own limits. One that cannot be read must not leave it without. */
static enum verdict check_own_limits(struct call *c, const struct exchange *x)
{
	struct slice timeout = head_value(x->head, HEADER_X_WEIR_TIMEOUT);
	struct slice cost = head_value(x->head, HEADER_X_WEIR_MAX_COST);
	struct slice tokens = head_value(x->head, HEADER_X_WEIR_MAX_TOKENS);

	if (head_find(x->head, HEADER_X_WEIR_APPROVAL))
		return call_refuse(c, FAULT_REQUEST_INVALID, "x-weir-approval",
			"The header x-weir-approval is not supported yet; leave it out.");
	if (cost.at && read_max_cost(c, cost) < 0)
		return call_refuse(c, FAULT_REQUEST_INVALID, "x-weir-max-cost",
			"The header x-weir-max-cost is no amount of USD such as 0.05.");
	if (tokens.at && (slice_to_u64(tokens, MAX_TOKENS, &c->max_tokens) < 0 || !c->max_tokens))
		return call_refuse(c, FAULT_REQUEST_INVALID, "x-weir-max-tokens",
			"The header x-weir-max-tokens is no number of tokens, of at least 1.");
	if (timeout.at && duration_parse(timeout, &c->timeout_ns) < 0)
		return call_refuse(c, FAULT_REQUEST_INVALID, "x-weir-timeout",
			"The header x-weir-timeout is no duration such as 20s or 500ms, of at most a day.");
	return VERDICT_PASS;
}

static bool is_visible(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~')
			return false;
	return s.len;
}

static enum verdict check_key(struct call *c, const struct exchange *x)
{
	const struct header *key = x->route.action == ACTION_TOOL ? head_find(x->head, HEADER_IDEMPOTENCY_KEY) : NULL;

	if (!key || (is_visible(key->value) && key->value.len <= REPEAT_KEY_MAX && !head_is_twice(x->head, HEADER_IDEMPOTENCY_KEY)))
		return VERDICT_PASS;
	return call_refuse(c, FAULT_REQUEST_INVALID, "idempotency-key",
		"The header idempotency-key must stand once and hold 1 to 255 visible ASCII characters.");
}

static enum verdict check_target(struct call *c, const struct exchange *x)
{
	if (x->target_fault != FAULT_NONE)
		return call_refuse(c, x->target_fault, NULL, x->target_note ? "%s" : NULL, x->target_note);
	if (x->route.action == ACTION_TOOL && x->query.at)
		return call_refuse(c, FAULT_REQUEST_INVALID, NULL,
			"The arguments of a tool stand in the body, where they are judged; send no query.");
	if (x->key_in_query)
		return call_refuse(c, FAULT_REQUEST_INVALID, NULL,
			"Credentials do not belong into the query, where they are logged; send a header.");
	return VERDICT_PASS;
}

static enum verdict limits_head(struct policy *p)
{
	static enum verdict (*const checks[])(struct call *, const struct exchange *) = {
		check_target, check_origin, check_body, check_own_limits, check_key,
	};

	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		enum verdict v = checks[i](p->call, p->call->exchange);
		if (v != VERDICT_PASS)
			return v;
	}
	return VERDICT_PASS;
}

const struct policy_ops policy_limits = {.name = "limits", .on_head = limits_head};
