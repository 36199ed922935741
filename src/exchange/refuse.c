/* SPDX-License-Identifier: Apache-2.0 */
/* refuse: Weir says no, in the shape of the API that was called, with a stable code. */
#include <errno.h>
#include <stdio.h>
#include "exchange/chain.h"
#include "exchange/steps.h"
#include "exchange/strangers.h"

#define RETRY_MAX_MS 60000u /* SDKs ignore a longer wait, and then hammer */

/* Which faults no retry of the caller can mend: SDKs retry 408, 409, 429 and 5xx unless told otherwise. */
static bool retry_is_useless(enum fault f)
{
	return f == FAULT_BUDGET_EXCEEDED || f == FAULT_OUTCOME_UNKNOWN || f == FAULT_UPSTREAM_AUTH_FAILED ||
	       f == FAULT_DESTINATION_REFUSED || f == FAULT_UPSTREAM_MALFORMED || f == FAULT_UPSTREAM_TIMEOUT ||
	       f == FAULT_UPSTREAM_CUT;
}

static int add_retry_headers(struct exchange *x, const struct refusal *r)
{
	char text[24];

	if (r->no_retry || retry_is_useless(r->fault) || r->retry_after_ms > RETRY_MAX_MS)
		return reply_header(x, SLICE("x-should-retry"), SLICE("false"));
	if (!r->retry_after_ms)
		return 0;
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)r->retry_after_ms);
	if (reply_header(x, SLICE("retry-after-ms"), slice_from(text, (size_t)n)) < 0)
		return -ENOMEM;
	n = snprintf(text, sizeof(text), "%llu", (unsigned long long)(r->retry_after_ms + 999) / 1000);
	return reply_header(x, SLICE("retry-after"), slice_from(text, (size_t)n));
}

static int add_headers(struct exchange *x, const struct refusal *r)
{
	const struct fault_info *f = &fault_infos[r->fault];

	if (reply_header(x, SLICE("x-weir-code"), slice_str(f->code)) < 0)
		return -ENOMEM;
	if (r->fault == FAULT_METHOD_NOT_ALLOWED && x->route.allow &&
		reply_header(x, SLICE("allow"), slice_str(x->route.allow)) < 0)
		return -ENOMEM;
	if (r->fault == FAULT_UPGRADE_REQUIRED && reply_header(x, SLICE("upgrade"), SLICE("HTTP/1.1")) < 0)
		return -ENOMEM;
	return add_retry_headers(x, r);
}

static int open_refusal(struct exchange *x, const struct refusal *r)
{
	const struct dialect_ops *dialect = x->route.dialect ? x->route.dialect : &dialect_openai;
	struct buf body = BUF_INIT(8192);
	int e = dialect->write_refusal(r, slice_from(x->request_id, 26), &body);

	if (!e)
		e = reply_open(x, fault_infos[r->fault].status,
			dialect->refusal_type.len ? dialect->refusal_type : SLICE("application/json"), buf_slice(&body));
	buf_finish(&body);
	return e ? e : add_headers(x, r);
}

/* Whoever is refused before it is known who calls counts as a stranger of that address; too many of them hear only that. */
static const struct refusal *refuse_stranger(struct exchange *x, const struct refusal *r)
{
	static const struct refusal slower = {
		.fault = FAULT_RATE_LIMITED,
		.sentence = SLICE_INIT(STRANGER_TOLD),
		.retry_after_ms = STRANGER_WAIT_MS,
	};
	bool unknown = !x->calls[0].agent && !x->head_sent && !x->source_local && !x->client_gone;

	return unknown && strangers_are_too_many(x->env->strangers, r->fault, x->down->peer, exchange_now(x)) ? &slower : r;
}

enum step refuse(struct exchange *x, const struct refusal *r)
{
	r = refuse_stranger(x, r);
	if (x->fault == FAULT_NONE || x->phase == PHASE_READING)
		x->fault = r->fault;
	if (!x->note.len)
		x->note = arena_dup(&x->arena, r->sentence);
	for (unsigned i = 0; i < x->n_calls; i++)
		chain_cancel(&x->calls[i]); /* while the lap that it waits in is still there */
	if (x->head_sent)
		return relay_cut(x, r);
	if (open_refusal(x, r) < 0)
		x->aborted = true;
	if (x->aborted)
		return step_to(x, PHASE_CLOSING);
	return x->phase == PHASE_RELAYING ? STEP_ON : step_to(x, PHASE_RELAYING);
}

enum step refuse_fault(struct exchange *x, enum fault fault, const char *sentence)
{
	struct refusal r = {
		.fault = fault,
		.sentence = slice_str(sentence && *sentence ? sentence : fault_infos[fault].text),
	};

	return refuse(x, &r);
}
