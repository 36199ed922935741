/* SPDX-License-Identifier: Apache-2.0 */
/* answer_head: the head that the agent gets: the source's own headers but for what concerns one connection only, and what
 * Weir says beside them. */
#include <errno.h>
#include "base/plain.h"
#include "exchange/admission.h"
#include "exchange/answer_limits.h"
#include "exchange/caching.h"
#include "exchange/header_set.h"
#include "exchange/leak.h"
#include "exchange/repeats.h"
#include "exchange/steps.h"

#define NAMED_MAX 1024 /* bytes of a value that is not ours */

/* What a provider grants us is not what this agent is granted: where Weir has rates of its own, only they are shown. */
static bool is_rate_of_provider(const struct exchange *x, struct slice name)
{
	const struct admitted *a = x->calls[0].admitted;

	return a && a->n_rates && !x->source_local &&
	       (slice_starts(name, SLICE("x-ratelimit-")) || slice_starts(name, SLICE("ratelimit")));
}

static int copy_headers(const struct exchange *x, struct head *to, const struct head *from)
{
	/* How long the answer is and how it is coded is said anew; an upstream may not speak in our name. */
	uint64_t anew = HEADER_BIT(CONTENT_LENGTH) | HEADER_BIT(CONTENT_ENCODING);
	uint64_t left_out = x->source_local ? anew : anew | header_set_of_weir();

	for (unsigned i = 0; i < from->n_headers; i++) {
		const struct header *h = &from->headers[i];
		if (header_set_has(left_out, h->id) || (!x->source_local && leak_keeps_header(x, h)))
			continue;
		if (h->id == HEADER_OTHER && is_rate_of_provider(x, h->name))
			continue;
		if (head_add_header(to, *h) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_other(struct head *to, struct slice name, struct slice value)
{
	return head_add_header(to, (struct header){name, value, HEADER_OTHER});
}

static int add_text(struct exchange *x, struct head *to, struct slice name, const char *text, size_t len)
{
	struct slice copy = arena_dup(&x->arena, slice_from(text, len));

	return copy.at ? add_other(to, name, copy) : -ENOMEM;
}

/* What others have named, as a field can hold it: anything but visible ASCII and blanks becomes a question mark. */
static int add_named(struct exchange *x, struct head *to, struct slice name, struct slice value)
{
	if (!value.len)
		return 0;
	if (value.len > NAMED_MAX)
		value.len = NAMED_MAX;
	if (bytes_are_plain(value))
		return add_other(to, name, value);
	char *text = arena_alloc(&x->arena, value.len);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < value.len; i++)
		text[i] = value.at[i] >= ' ' && value.at[i] < 0x7f ? value.at[i] : '?';
	return add_other(to, name, slice_from(text, value.len));
}

static int add_cost(struct exchange *x, struct head *to)
{
	char text[MONEY_TEXT];

	if (!x->calls[0].tool && (!x->answer.usage.known || x->price_unknown))
		return 0;
	size_t len = money_format(call_whole_cost(&x->calls[0]), text);
	return add_text(x, to, SLICE("x-weir-cost-usd"), text, len);
}

static int add_own(struct exchange *x, struct head *to)
{
	struct call *c = &x->calls[0];
	char digit = (char)('0' + x->attempts % 10);

	if (add_other(to, SLICE("x-weir-request-id"), slice_from(x->request_id, 26)) < 0)
		return -ENOMEM;
	if (add_named(x, to, SLICE("x-weir-tools-removed"), buf_slice(&c->tools_removed)) < 0)
		return -ENOMEM;
	if (c->admitted && answer_limits_add(x, to) < 0)
		return -ENOMEM;
	const char *cache = caching_word(c);
	if (cache && !x->source_local && add_other(to, SLICE("x-weir-cache"), slice_str(cache)) < 0)
		return -ENOMEM;
	if (repeats_is_found(c) && !x->source_local && add_other(to, SLICE("x-weir-idempotency"), SLICE("replayed")) < 0)
		return -ENOMEM;
	if (x->source_local)
		return head_add(to, HEADER_X_REQUEST_ID, SLICE("x-request-id"), slice_from(x->request_id, 26));
	if (add_other(to, SLICE("x-weir-upstream"), x->upstream_name) < 0 ||
		add_text(x, to, SLICE("x-weir-attempts"), &digit, 1) < 0)
		return -ENOMEM;
	struct slice model = x->answer.model.len ? x->answer.model : c->upstream_model.at ? c->upstream_model : c->facts.model;
	return add_named(x, to, SLICE("x-weir-model"), model) < 0 ? -ENOMEM : add_cost(x, to);
}

/* How long the document is that lap_send is about to send. */
static uint64_t document_length(const struct exchange *x)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < x->lap.n_out; i++)
		len += x->lap.out[i].len;
	return len;
}

int answer_head_send(struct exchange *x, bool last)
{
	struct head *h = &x->env->scratch;
	struct codec *codec = x->down->codec;

	head_reset(h);
	if (copy_headers(x, h, x->answer_head) < 0 || add_own(x, h) < 0)
		return -ENOMEM;
	h->status = x->answer_head->status;
	h->framing = x->collect ? FRAMING_LENGTH : FRAMING_CHUNKED;
	h->length = x->collect ? document_length(x) : 0;
	h->keep_alive = x->body_ended && !x->env->draining;
	x->status = h->status;
	x->head_sent = true;
	x->down->ops->wrote(x->down);
	return codec->ops->put_head(codec, x->stream, h, last);
}
