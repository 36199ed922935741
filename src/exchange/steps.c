/* SPDX-License-Identifier: Apache-2.0 */
/* steps: the life of an exchange, top to bottom. Callbacks have stored facts and woken it; every decision stands here or
 * in a policy. READING -> JUDGING -> REACHING -> RELAYING -> CLOSING -> DONE; a refusal goes to RELAYING from anywhere. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "exchange/caching.h"
#include "exchange/chain.h"
#include "exchange/excess.h"
#include "exchange/joint.h"
#include "exchange/journaling.h"
#include "exchange/local_budget.h"
#include "exchange/repeats.h"
#include "exchange/snapshot.h"
#include "exchange/stale.h"
#include "exchange/steps.h"

static const bool may[PHASE_N][PHASE_N] = {
	[PHASE_READING] = {[PHASE_JUDGING] = 1, [PHASE_RELAYING] = 1, [PHASE_CLOSING] = 1},
	[PHASE_JUDGING] = {[PHASE_REACHING] = 1, [PHASE_RELAYING] = 1, [PHASE_CLOSING] = 1},
	[PHASE_REACHING] = {[PHASE_RELAYING] = 1, [PHASE_CLOSING] = 1},
	[PHASE_RELAYING] = {[PHASE_CLOSING] = 1},
	[PHASE_CLOSING] = {[PHASE_DONE] = 1},
};

static const char *const phase_names[PHASE_N] = {
	[PHASE_READING] = "reading", [PHASE_JUDGING] = "judging", [PHASE_REACHING] = "reaching",
	[PHASE_RELAYING] = "relaying", [PHASE_CLOSING] = "closing", [PHASE_DONE] = "done",
};

const char *phase_name(enum phase p)
{
	return phase_names[p];
}

enum step step_to(struct exchange *x, enum phase to)
{
	assert(may[x->phase][to]);
	x->phase = to;
	x->phase_at = exchange_now(x);
	return STEP_ON;
}

enum step step_abort(struct exchange *x)
{
	if (x->fault == FAULT_NONE)
		x->fault = x->calls[0].refused ? x->calls[0].refusal.fault : FAULT_OVERLOADED;
	x->aborted = true;
	return step_to(x, PHASE_CLOSING);
}

/* What a run of the chain means here, unless all have passed. */
static enum step heed_chain(struct exchange *x, enum chain_result r, struct call *c)
{
	if (r == CHAIN_ANSWER)
		return refuse(x, &c->refusal);
	return r == CHAIN_WAIT ? STEP_WAIT : step_abort(x);
}

/* What the dialect has against the request. */
static enum step refuse_complaint(struct exchange *x, const struct complaint *why)
{
	struct refusal r = {
		.fault = why->fault,
		.sentence = slice_str(*why->text ? why->text : fault_infos[why->fault].text),
		.param = slice_str(why->param),
	};

	return refuse(x, &r);
}

/* Asks of a known agent whether there is anything at this path. */
static enum step check_route(struct exchange *x)
{
	if (!x->route.known)
		return refuse_fault(x, FAULT_NOT_FOUND, NULL);
	return refuse_fault(x, FAULT_METHOD_NOT_ALLOWED, NULL);
}

static enum step judge_head(struct exchange *x)
{
	struct call *c = &x->calls[0];
	enum chain_result r = chain_head(c);

	if (r != CHAIN_DONE)
		return heed_chain(x, r, c);
	x->head_judged = true;
	if (c->agent && (!c->agent->shadow_until || c->agent->shadow_until > x->wall))
		chain_set_modes(c, c->agent->shadow);
	if (x->route.action == ACTION_NONE)
		return check_route(x);
	if (x->head->expects_continue && !x->body_ended && !x->bytes_in) {
		x->down->codec->ops->put_interim(x->down->codec, x->stream, 100);
		x->down->ops->wrote(x->down);
	}
	if (!x->body_ended)
		exchange_want_body(x);
	return STEP_ON;
}

static enum step step_reading(struct exchange *x)
{
	if (x->aborted)
		return step_to(x, PHASE_CLOSING);
	if (x->fault != FAULT_NONE)
		return refuse_fault(x, x->fault, x->source_note);
	if (!x->head_judged)
		return judge_head(x);
	if (!x->body_ended)
		return STEP_WAIT;
	x->env->clear_deadline(x->env, &x->deadline);
	if (local_is(x->route.action))
		return local_answer(x);
	return step_to(x, PHASE_JUDGING);
}

/* That it goes on, before a byte of it does. */
static int write_down(struct exchange *x)
{
	int r = 0;

	for (unsigned i = 0; i < x->n_calls && r == 0; i++)
		r = journaling_allow(x, &x->calls[i]);
	return r;
}

static int reach(struct exchange *x)
{
	if (repeats_is_found(&x->calls[0]))
		return repeats_reach(x);
	if (caching_is_hit(&x->calls[0]))
		return caching_reach(x);
	return joint_takes(x) ? joint_reach(x) : x->env->reach(x->env, x);
}

static enum step step_judging(struct exchange *x)
{
	struct complaint why UNINIT;

	complaint_init(&why, FAULT_REQUEST_INVALID);
	if (x->aborted)
		return step_to(x, PHASE_CLOSING);
	if (x->source_fault != FAULT_NONE)
		return refuse_fault(x, x->source_fault, x->source_note);
	if (!journaling_is_ready(x))
		return refuse_fault(x, FAULT_AUDIT_UNAVAILABLE, NULL);
	if (!x->calls[0].facts.action && request_read(x, &why) < 0)
		return refuse_complaint(x, &why);
	for (unsigned i = 0; i < x->n_calls; i++) {
		struct call *c = &x->calls[i];
		if (c->judged)
			continue;
		enum chain_result r = chain_request(c);
		if (r != CHAIN_DONE)
			return heed_chain(x, r, c);
		c->judged = true;
	}
	if (!x->decided && request_edit(x, &why) < 0)
		return refuse_complaint(x, &why);
	if (!x->decided && write_down(x) < 0)
		return refuse_fault(x, FAULT_AUDIT_UNAVAILABLE, NULL);
	if (x->waits_for_disk || x->waits_for_turn)
		return STEP_WAIT;
	if (reach(x) < 0)
		return refuse_fault(x, FAULT_OVERLOADED, NULL);
	return step_to(x, PHASE_REACHING);
}

static enum step step_reaching(struct exchange *x)
{
	if (x->aborted)
		return step_to(x, PHASE_CLOSING);
	stale_stand_in(x);
	if (x->source_fault != FAULT_NONE)
		return refuse_fault(x, x->source_fault, x->source_note);
	if (!x->answer_head)
		return STEP_WAIT;
	return relay_begin(x);
}

static enum step step_relaying(struct exchange *x)
{
	if (x->aborted)
		return step_to(x, PHASE_CLOSING);
	return relay_on(x);
}

static enum step step_closing(struct exchange *x)
{
	x->env->clear_deadline(x->env, &x->deadline);
	exchange_works(x);
	journaling_forget(x);
	local_budget_cancel(x);
	if (x->source)
		x->source->ops->close(x->source);
	x->source = NULL;
	for (unsigned i = 0; i < x->n_calls; i++) {
		settle_cost(x, &x->calls[i]);
		x->calls[i].exceeded = excess_note(x, &x->calls[i]);
		chain_finish(&x->calls[i]);
	}
	settle_record(x);
	if (x->answer_open)
		x->answer.dialect->answer_close(&x->answer);
	return step_to(x, PHASE_DONE);
}

static enum step step_done(struct exchange *x)
{
	struct downstream *down = x->down;

	x->down = NULL;
	x->env->in_flight--;
	turn_bury(x->env->turn, &x->reapable);
	down->ops->pause(down, PAUSE_NOT_YET, false); /* refused by its head, it never wanted its body */
	down->ops->ended(down, x, !x->aborted && x->last_sent && x->body_ended);
	return STEP_WAIT;
}

enum step (*const steps[PHASE_N])(struct exchange *x) = {
	[PHASE_READING] = step_reading,   [PHASE_JUDGING] = step_judging, [PHASE_REACHING] = step_reaching,
	[PHASE_RELAYING] = step_relaying, [PHASE_CLOSING] = step_closing, [PHASE_DONE] = step_done,
};
