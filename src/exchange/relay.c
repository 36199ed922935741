/* SPDX-License-Identifier: Apache-2.0 */
/* relay: the answer's way from the source to the agent. One lap is in flight at most; what arrives meanwhile waits, and
 * the source is not read while a policy waits or the agent does not take what was sent. */
#include <errno.h>
#include "base/mem.h"
#include "exchange/caching.h"
#include "exchange/chain.h"
#include "exchange/embeddings.h"
#include "exchange/leak.h"
#include "exchange/repeats.h"
#include "exchange/sharing.h"
#include "exchange/snapshot.h"
#include "exchange/stale.h"
#include "exchange/steps.h"

#define OVER_BOUND "The answer has come to the length that its budget allows, and was ended there."

/* The content type without its parameters; empty: none was said. */
static struct slice type_of(const struct head *h)
{
	struct slice type = head_value(h, HEADER_CONTENT_TYPE);
	const char *end = type.len ? memchr(type.at, ';', type.len) : NULL;

	if (end)
		type.len = (size_t)(end - type.at);
	return slice_trim(type);
}

/* A tool that was shown no key of ours speaks of what the agent has asked for. */
static bool is_the_tools_own_no(const struct call *c)
{
	return c->tool && c->tool->upstream->credential != CREDENTIAL_API_KEY &&
	       c->tool->upstream->credential != CREDENTIAL_HEADER;
}

/* Whether the answer is one that can be passed on; the sentence says why not. */
static enum fault check_answer_head(const struct call *c, const struct head *h, const char **ret_why)
{
	struct slice coding = head_value(h, HEADER_CONTENT_ENCODING);

	if ((h->status == 401 || h->status == 403) && !is_the_tools_own_no(c)) {
		*ret_why = NULL; /* its body may repeat part of our key */
		return FAULT_UPSTREAM_AUTH_FAILED;
	}
	if (coding.at && !slice_equals_nocase(coding, SLICE("identity"))) {
		*ret_why = "The provider coded its answer although it was asked not to.";
		return FAULT_UPSTREAM_MALFORMED;
	}
	if (h->status >= 300 && h->status < 400) {
		*ret_why = "The provider answered with a redirect; those are not followed.";
		return FAULT_UPSTREAM_MALFORMED;
	}
	return FAULT_NONE;
}

static int open_answer(struct exchange *x, const struct head *h)
{
	struct answer *a = &x->answer;
	struct call *c = &x->calls[0];
	struct slice include = head_value(x->head, HEADER_X_WEIR_INCLUDE);

	*a = (struct answer){
		.dialect = x->route.dialect,
		.facts = &c->facts,
		.arena = &x->arena,
		.stream = !x->collect,
		.want_text = chain_reads_text(c),
		.tokens = c->answer_tokens,
		.include_cost = include.at && slice_equals_nocase(include, SLICE("cost")),
		.usage_rules = x->snapshot->upstreams[call_upstream(c)->index].usage_rules,
		.status = h->status,
	};
	a->state = arena_zalloc(&x->arena, a->dialect->answer_size);
	if (!a->state)
		return -ENOMEM;
	int e = a->dialect->answer_open(a);
	x->answer_open = e == 0;
	return e;
}

/* Whether an answer is taken whole or streamed; FAULT_NONE, or why it is neither. */
static enum fault choose_of_model(struct exchange *x, const struct head *h, struct slice type, const char **ret_why)
{
	x->collect = !slice_equals_nocase(type, SLICE("text/event-stream"));
	*ret_why = "The provider's answer is neither JSON nor an event stream.";
	if (x->collect && h->status < 300 && h->status != 204 && !slice_equals_nocase(type, SLICE("application/json")))
		return FAULT_UPSTREAM_MALFORMED;
	*ret_why = "The provider streams an answer that was not asked for as one.";
	if (!x->collect && h->status < 300 && !x->calls[0].facts.stream)
		return FAULT_UPSTREAM_MALFORMED;
	if (!x->collect && h->status >= 300)
		x->collect = true;
	return FAULT_NONE;
}

/* What a tool says is passed on as it comes, of whatever type; documents whole, so that none arrives in part. */
static bool is_document(const struct head *h, struct slice type)
{
	struct slice suffix = SLICE("+json");

	return h->status == 204 || slice_equals_nocase(type, SLICE("application/json")) ||
	       (type.len > suffix.len && slice_equals_nocase(slice_skip(type, type.len - suffix.len), suffix));
}

enum step relay_begin(struct exchange *x)
{
	const struct head *h = x->answer_head;
	struct slice type = type_of(h);
	struct call *c = &x->calls[0];
	const char *why = NULL;
	enum fault f = check_answer_head(c, h, &why);

	if (f == FAULT_NONE && !c->tool)
		f = choose_of_model(x, h, type, &why);
	if (f != FAULT_NONE)
		return refuse_fault(x, f, why);
	if (c->tool) {
		x->collect = is_document(h, type);
		settle_cost(x, c);
	}
	x->quiet_ns = call_upstream(c)->stream_idle_ns;
	x->quiet_until = exchange_now(x) + x->quiet_ns;
	uint64_t at = x->quiet_until < x->give_up_at ? x->quiet_until : x->give_up_at;
	if (!x->collect && c->facts.stream && x->snapshot->conf->keep_alive_comment_ns)
		x->comment_at = exchange_now(x) + x->snapshot->conf->keep_alive_comment_ns;
	x->env->set_deadline(x->env, &x->deadline, x->comment_at && x->comment_at < at ? x->comment_at : at);
	caching_begin(x, head_value(h, HEADER_CONTENT_TYPE));
	repeats_begin(x, h->status, head_value(h, HEADER_CONTENT_TYPE));
	if (open_answer(x, h) < 0)
		return refuse_fault(x, FAULT_OVERLOADED, NULL);
	return x->phase == PHASE_RELAYING ? STEP_ON : step_to(x, PHASE_RELAYING);
}

static void lap_start(struct exchange *x)
{
	struct lap *l = &x->lap;

	if (x->lap_turn != x->env->turn->number)
		arena_reset(&x->lap_arena);
	*l = (struct lap){.arena = &x->lap_arena};
	x->in_lap = true;
	x->lap_kept = false;
}

/* The lap as the agent gets it; last: nothing follows. */
static int lap_send(struct exchange *x, bool last)
{
	struct codec *codec = x->down->codec;
	struct lap *l = &x->lap;

	for (unsigned i = 0; i < l->n_out && !x->client_gone; i++)
		x->bytes_out += l->out[i].len;
	if (!x->first_byte && l->n_out)
		x->first_byte = exchange_now(x);
	x->last_sent = last;
	if (!l->n_out && !last)
		return 0;
	x->lap_turn = x->env->turn->number;
	if (x->comment_at)
		x->comment_at = exchange_now(x) + x->snapshot->conf->keep_alive_comment_ns;
	x->down->ops->wrote(x->down);
	return codec->ops->put_data(codec, x->stream, l->out, l->n_out, last);
}

static void pause_source(struct exchange *x, enum pause_reason why, bool on)
{
	if (x->source)
		x->source->ops->pause(x->source, why, on);
}

/* Now it is the source that everything waits for. */
static enum step source_wait(struct exchange *x)
{
	if (!x->waits_for_source)
		x->quiet_until = exchange_now(x) + x->quiet_ns;
	x->waits_for_source = true;
	exchange_waits(x);
	return STEP_WAIT;
}

/* The agent has to take what was sent first: the source's time stands still. Behind a reply there is no source whose deadline
 * would end this. */
static enum step agent_wait(struct exchange *x)
{
	if (x->source_local)
		x->env->set_deadline(x->env, &x->deadline, x->give_up_at);
	x->waits_for_source = false;
	exchange_waits(x);
	return STEP_WAIT;
}

/* Takes the lap on through the chain. While a policy waits nothing more is read, and nothing of the lap stays lent. */
static enum chain_result lap_judge(struct exchange *x)
{
	enum chain_result r = chain_lap(&x->calls[0], &x->lap);

	if (r == CHAIN_WAIT && !x->lap_kept) {
		x->lap_kept = true;
		pause_source(x, PAUSE_POLICY_WAITS, true);
		return lap_keep(&x->lap) < 0 ? CHAIN_ABORT : CHAIN_WAIT;
	}
	if (r != CHAIN_WAIT && x->lap_kept)
		pause_source(x, PAUSE_POLICY_WAITS, false);
	return r;
}

/* Feeds what has come to the dialect. FAULT_NONE, or why it cannot go on. */
static enum fault lap_feed(struct exchange *x, struct slice in, bool last)
{
	struct complaint why UNINIT;

	complaint_init(&why, FAULT_UPSTREAM_MALFORMED);
	x->lap.last = last;
	x->calls[0].priced = false; /* there may be usage in it */
	int e = x->answer.dialect->answer_feed(&x->answer, in, last, &x->lap, &why);
	if (!e)
		return FAULT_NONE;
	x->in_lap = false;
	if (e == -ENOMEM)
		return FAULT_OVERLOADED;
	x->note = arena_dup(&x->arena, slice_str(why.text));
	return FAULT_UPSTREAM_MALFORMED;
}

static int lap_render(struct exchange *x)
{
	struct answer *a = &x->answer;
	struct call *c = &x->calls[0];
	unsigned released = c->n_released;

	if (!x->client_gone)
		c->n_released = c->n_tools;
	if (a->usage.known) {
		settle_cost(x, c);
		a->cost_known = !x->price_unknown;
		a->cost = call_whole_cost(c);
	}
	int e = a->dialect->answer_render(a, &x->lap);
	if (e < 0)
		c->n_released = released;
	return e;
}

/* A local reply, or an answer that is passed on unread. */
static enum step send_unread(struct exchange *x)
{
	lap_start(x);
	if (lap_out(&x->lap, buf_slice(&x->arrived)) < 0 || answer_head_send(x, false) < 0 || lap_send(x, true) < 0)
		return step_abort(x);
	x->in_lap = false;
	return step_to(x, PHASE_CLOSING);
}

static enum step leak_refuse(struct exchange *x)
{
	x->in_lap = false;
	x->note = SLICE("The provider's answer repeats this gateway's credential and was not passed on.");
	return refuse_fault(x, FAULT_UPSTREAM_MALFORMED, NULL);
}

static enum step relay_document(struct exchange *x)
{
	if (x->source_local)
		return send_unread(x);
	if (!x->end_arrived)
		return source_wait(x);
	if (!x->in_lap && leak_is_in(x, buf_slice(&x->arrived)))
		return leak_refuse(x);
	if (!x->in_lap) {
		enum fault torn = embeddings_join(x);
		lap_start(x);
		enum fault f = lap_feed(x, buf_slice(&x->arrived), true);
		x->in_lap &= torn == FAULT_NONE;
		if (f != FAULT_NONE || torn != FAULT_NONE)
			return refuse_fault(x, f != FAULT_NONE ? f : torn, NULL);
	}
	enum chain_result r = lap_judge(x);
	if (r == CHAIN_WAIT)
		return STEP_WAIT;
	x->in_lap = false;
	if (r == CHAIN_ANSWER)
		return refuse(x, &x->calls[0].refusal);
	if (r == CHAIN_ABORT)
		return step_abort(x);
	if (lap_render(x) < 0)
		return refuse_fault(x, FAULT_OVERLOADED, NULL);
	if (answer_head_send(x, false) < 0 || lap_send(x, true) < 0)
		return step_abort(x);
	return step_to(x, PHASE_CLOSING);
}

/* Takes what has arrived for a new lap: lent by the source, or kept from before. */
static int take_arrived(struct exchange *x, struct slice *ret)
{
	*ret = x->arriving;
	x->arriving = (struct slice){NULL, 0};
	if (!buf_len(&x->arrived))
		return 0;
	*ret = arena_dup(&x->lap_arena, buf_slice(&x->arrived));
	buf_finish(&x->arrived);
	return ret->at ? 0 : -ENOMEM;
}

/* A provider that keeps to the bound it was given ends by itself; what is counted here is an estimate, so one that seems to go
 * a little beyond it is let be. */
static bool is_over_bound(const struct call *c)
{
	picosum bound = (picosum)c->output_bound * (c->facts.n ? c->facts.n : 1);

	if (!c->answer_tokens || !bound)
		return false;
	return tokens_estimate(c->answer_tokens, tokens_family(c->facts.model)) > bound + bound * 15 / 100 + 16;
}

/* Takes the lap to its end, unless a policy waits. */
static enum step lap_finish(struct exchange *x)
{
	enum chain_result r = lap_judge(x);

	if (r == CHAIN_WAIT)
		return STEP_WAIT;
	x->in_lap = false;
	if (r == CHAIN_ANSWER)
		return refuse(x, &x->calls[0].refusal);
	if (r == CHAIN_ABORT || lap_render(x) < 0 || lap_send(x, x->lap.last) < 0)
		return step_abort(x);
	if (x->lap.last)
		return step_to(x, PHASE_CLOSING);
	return is_over_bound(&x->calls[0]) ? refuse_fault(x, FAULT_BUDGET_EXCEEDED, OVER_BOUND) : STEP_ON;
}

static enum step relay_stream(struct exchange *x)
{
	struct slice in;

	if (!x->head_sent && answer_head_send(x, false) < 0)
		return step_abort(x);
	if (x->in_lap)
		return lap_finish(x);
	if (!x->arriving.len && !buf_len(&x->arrived) && !x->end_arrived)
		return source_wait(x);
	lap_start(x);
	int leaks = take_arrived(x, &in);
	if (leaks == 0)
		leaks = leak_streams(x, in);
	if (leaks)
		return leaks > 0 ? leak_refuse(x) : step_abort(x);
	if (x->calls[0].caching)
		caching_hear(x->calls[0].caching, in);
	repeats_hear(x, in);
	enum fault f = lap_feed(x, in, x->end_arrived);
	return f == FAULT_NONE ? lap_finish(x) : refuse_fault(x, f, NULL);
}

/* The agent has got nothing of a document that broke off: an old one may stand in for it. */
static bool begin_anew(struct exchange *x)
{
	if (x->head_sent || !x->collect || !stale_stand_in(x))
		return false;
	chain_leave_lap(&x->calls[0]);
	x->answer.dialect->answer_close(&x->answer);
	x->answer_open = false;
	return true;
}

enum step relay_on(struct exchange *x)
{
	if (x->source_fault != FAULT_NONE && !x->source_local) {
		x->in_lap = false;
		if (begin_anew(x))
			return relay_begin(x);
		return refuse_fault(x, x->source_fault, x->source_note);
	}
	bool full = x->down->ops->is_full(x->down);
	sharing_stalls(x, full);
	pause_source(x, PAUSE_SINK_FULL, full);
	if (full)
		return agent_wait(x);
	if (!x->waits_for_source)
		exchange_works(x);
	return x->collect ? relay_document(x) : relay_stream(x);
}

enum step relay_cut(struct exchange *x, const struct refusal *r)
{
	if (x->fault == FAULT_NONE)
		x->fault = r->fault;
	if (x->last_sent || !x->answer_open)
		return step_abort(x);
	lap_start(x);
	if (x->answer.dialect->answer_cut(&x->answer, r, &x->lap) < 0 || lap_send(x, true) < 0)
		return step_abort(x);
	x->in_lap = false;
	return step_to(x, PHASE_CLOSING);
}
