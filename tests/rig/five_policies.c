/* SPDX-License-Identifier: Apache-2.0 */
/* five_policies: see five_policies.h. */
#include "rig/five_policies.h"
#include <assert.h>
#include "exchange/snapshot.h"

struct five five;

void five_begin(struct turn *turn)
{
	five = (struct five){
	        .turn = turn, .rate_limit = 1u << 30, .reserve = 100, .budget = 1u << 30};
	fake_store_init(&five.store, turn);
}

static void count_done(struct policy *p)
{
	(void)p;
	five.n_dones++;
}

/* ---- pick ---- */

static enum verdict pick_head(struct policy *p)
{
	struct conf *conf = p->call->exchange->snapshot->conf;

	p->call->agent = &conf->agents[five.agent];
	for (unsigned i = 0; i < p->call->n_policies; i++)
		if (p->call->policies[i].ops->shadow_bit & five.shadow)
			p->call->policies[i].mode = MODE_SHADOW;
	return VERDICT_PASS;
}

static enum verdict pick_request(struct policy *p)
{
	struct call *c = p->call;
	const struct snapshot *s = c->exchange->snapshot;

	c->model = conf_model(s->conf, NULL, c->facts.model);
	if (!c->model)
		return call_refuse(c, FAULT_MODEL_DENIED, "model", NULL);
	if (s->prices[c->model->index].fixed)
		c->fixed_price = &s->prices[c->model->index].price;
	return VERDICT_PASS;
}

const struct policy_ops policy_pick = {
        .name = "pick",
        .on_head = pick_head,
        .on_request = pick_request,
        .on_done = count_done,
};

/* ---- gate: synchronous ---- */

static enum verdict say(struct policy *p, enum verdict v)
{
	return v == VERDICT_ANSWER ? call_refuse(p->call, FAULT_CONTENT_BLOCKED, "gate",
	                                     "The gate is %s.", "shut")
	                           : v;
}

static enum verdict gate_head(struct policy *p)
{
	five.n_heads++;
	return say(p, five.gate_head);
}

static enum verdict gate_request(struct policy *p)
{
	five.n_requests++;
	return say(p, five.gate_request);
}

static enum verdict gate_tool(struct policy *p, struct toolcall *tc)
{
	five.n_tools++;
	if (!slice_is(tc->name, "evil") || five.gate_tool == VERDICT_PASS)
		return VERDICT_PASS;
	if (five.gate_tool == VERDICT_ANSWER)
		return call_deny_tool(p->call, tc, FAULT_TOOL_DENIED, NULL);
	return five.gate_tool;
}

static enum verdict gate_text(struct policy *p, const struct text_channel *ch, struct slice in,
        struct buf *out, bool last)
{
	(void)p, (void)ch, (void)last;
	five.n_texts++;
	for (size_t i = 0; i < in.len; i++)
		if (buf_put_char(out, in.at[i] == '*' ? '#' : in.at[i]) < 0)
			return VERDICT_ABORT;
	return VERDICT_PASS;
}

const struct policy_ops policy_gate = {
        .name = "gate",
        .shadow_bit = FIVE_GATE,
        .on_head = gate_head,
        .on_request = gate_request,
        .on_tool_call = gate_tool,
        .on_text = gate_text,
        .on_done = count_done,
};

/* ---- rate: asks a store ---- */

struct rate {
	struct admission admission;
	struct demand demand;
	struct policy *policy;
};

static enum verdict rate_verdict(struct policy *p, int result)
{
	if (result < 0)
		return call_refuse(p->call, FAULT_STORE_UNAVAILABLE, NULL, NULL);
	return result ? VERDICT_PASS : call_refuse(p->call, FAULT_RATE_LIMITED, NULL, NULL);
}

static void rate_taken(struct ticket *t, int result)
{
	struct rate *s = container_of(t, struct rate, admission.ticket);

	policy_settle(s->policy, rate_verdict(s->policy, result));
}

static enum verdict rate_request(struct policy *p)
{
	struct rate *s = p->state;
	struct store *store = &five.store.store;

	s->policy = p;
	s->demand = (struct demand){.kind = DEMAND_RATE,
	        .group = SLICE("a:five"),
	        .name = SLICE("rate"),
	        .rate = {.count = five.rate_limit,
	                .period_ns = 1,
	                .burst = five.rate_limit,
	                .units = 1}};
	s->admission = (struct admission){.demands = &s->demand, .n = 1};
	ticket_init(&s->admission.ticket, rate_taken);
	int r = store->ops->admit(store, &s->admission);
	return r == PENDING ? VERDICT_WAIT : rate_verdict(p, r < 0 ? r : s->admission.granted);
}

static void rate_cancel(struct policy *p)
{
	five.n_cancels++;
	ticket_cancel(&((struct rate *)p->state)->admission.ticket);
}

static void rate_done(struct policy *p)
{
	struct rate *s = p->state;
	struct store *store = &five.store.store;

	five.n_dones++;
	if (s->admission.granted)
		store->ops->settle(store, &s->admission, &(struct settlement){.ran = true});
}

const struct policy_ops policy_rate = {
        .name = "rate",
        .state_size = sizeof(struct rate),
        .shadow_bit = FIVE_RATE,
        .on_request = rate_request,
        .on_cancel = rate_cancel,
        .on_done = rate_done,
};

/* ---- hold: an edit that holds back ---- */

struct hold {
	size_t n; /* characters of the word that may have begun */
};

/* Feeds one character to the word; what can no longer be part of it goes on. */
static int hold_char(struct hold *s, char c, struct buf *out)
{
	static const char word[] = "secret";
	int r = 0;

	while (s->n && c != word[s->n]) { /* no border in this word but "s" alone never repeats
		                             inside it */
		r = buf_put(out, word, s->n);
		s->n = 0;
		if (r < 0)
			return r;
	}
	if (c != word[s->n])
		return buf_put_char(out, c);
	if (++s->n < sizeof(word) - 1)
		return 0;
	s->n = 0;
	return buf_put_str(out, "******");
}

static enum verdict hold_text(struct policy *p, const struct text_channel *ch, struct slice in,
        struct buf *out, bool last)
{
	struct hold *s = p->state;

	(void)ch;
	five.lasts += last;
	if (memmem(in.at, in.len, "forbid", 6))
		return call_refuse(p->call, FAULT_CONTENT_BLOCKED, NULL, NULL);
	for (size_t i = 0; i < in.len; i++)
		if (hold_char(s, in.at[i], out) < 0)
			return VERDICT_ABORT;
	if (last && s->n) {
		if (buf_put(out, "secret", s->n) < 0)
			return VERDICT_ABORT;
		s->n = 0;
	}
	return VERDICT_PASS;
}

const struct policy_ops policy_hold = {
        .name = "hold",
        .state_size = sizeof(struct hold),
        .shadow_bit = FIVE_HOLD,
        .on_text = hold_text,
        .on_done = count_done,
};

/* ---- reserve: a charge ---- */

struct reserve {
	struct admission admission;
	struct demand demand;
	struct charge charge;
	struct policy *policy;
};

static void reserve_end(struct reserve *s, bool ran, uint64_t used)
{
	struct store *store = &five.store.store;

	store->ops->settle(store, &s->admission,
	        &(struct settlement){.ran = ran, .cost = (nanousd)used, .tokens = used});
}

static void reserve_settle(struct charge *c, uint64_t used)
{
	five.n_settled++;
	five.used = used;
	reserve_end(container_of(c, struct reserve, charge), true, used);
}

/* Nobody knows what it cost: all of it is spent. */
static void reserve_abandon(struct charge *c)
{
	five.n_abandoned++;
	reserve_end(container_of(c, struct reserve, charge), true, c->reserved);
}

static const struct charge_ops reserve_ops = {"budget", reserve_settle, reserve_abandon};

static enum verdict reserve_verdict(struct policy *p, int result)
{
	struct reserve *s = p->state;

	if (result < 0)
		return call_refuse(p->call, FAULT_STORE_UNAVAILABLE, NULL, NULL);
	if (!result)
		return call_refuse(p->call, FAULT_BUDGET_EXCEEDED, NULL, NULL);
	five.n_taken++;
	charge_take(&s->charge, &reserve_ops, (uint64_t)s->admission.reservation.cost,
	        &p->call->charges);
	return VERDICT_PASS;
}

static void reserve_taken(struct ticket *t, int result)
{
	struct reserve *s = container_of(t, struct reserve, admission.ticket);

	policy_settle(s->policy, reserve_verdict(s->policy, result));
}

static enum verdict reserve_request(struct policy *p)
{
	struct reserve *s = p->state;
	struct store *store = &five.store.store;

	s->policy = p;
	s->demand = (struct demand){.kind = DEMAND_BUDGET,
	        .group = SLICE("a:five"),
	        .name = SLICE("budget"),
	        .budget = {.limit_cost = (nanousd)five.budget,
	                .limit_tokens = BUDGET_NO_TOKENS,
	                .ends = WINDOW_NEVER_ENDS}};
	s->admission = (struct admission){.demands = &s->demand,
	        .n = 1,
	        .reservation = {.fixed_cost = (nanousd)five.reserve}};
	ticket_init(&s->admission.ticket, reserve_taken);
	int r = store->ops->admit(store, &s->admission);
	return r == PENDING ? VERDICT_WAIT : reserve_verdict(p, r < 0 ? r : s->admission.granted);
}

/* What was granted and not heard of yet goes back. */
static void reserve_cancel(struct policy *p)
{
	struct reserve *s = p->state;

	five.n_cancels++;
	ticket_cancel(&s->admission.ticket);
	if (s->admission.granted)
		reserve_end(s, false, 0);
}

static void reserve_done(struct policy *p)
{
	struct reserve *s = p->state;

	five.n_dones++;
	if (p->call->exchange->answer.usage.known)
		charge_settle(&s->charge, p->call->exchange->answer.usage.total);
}

const struct policy_ops policy_reserve = {
        .name = "reserve",
        .state_size = sizeof(struct reserve),
        .shadow_bit = FIVE_RESERVE,
        .on_request = reserve_request,
        .on_cancel = reserve_cancel,
        .on_done = reserve_done,
};

/* ---- ask: a long wait ---- */

struct ask {
	struct ticket ticket;
	struct policy *policy;
	struct toolcall *call; /* that is asked about */
	bool in_text;          /* it is a '@' that is asked about */
	struct buf held;       /* owned: text behind the '@' */
	bool may;              /* the '@' at its front was allowed */
};

static void ask_forget(struct ticket *t)
{
	for (unsigned i = 0; i < five.n_asked; i++) {
		if (five.asked[i] != t)
			continue;
		memmove(&five.asked[i], &five.asked[i + 1],
		        (five.n_asked - i - 1) * sizeof(five.asked[0]));
		five.n_asked--;
		return;
	}
	assert(!"a question that was not asked");
}

static void ask_answered(struct ticket *t, int result)
{
	struct ask *s = container_of(t, struct ask, ticket);
	struct toolcall *tc = s->call;

	s->call = NULL;
	s->may = s->in_text;
	if (result == VERDICT_ANSWER && tc)
		call_deny_tool(s->policy->call, tc, FAULT_APPROVAL_DENIED, NULL);
	else if (result == VERDICT_ANSWER)
		call_refuse(s->policy->call, FAULT_APPROVAL_DENIED, NULL, NULL);
	policy_settle(s->policy, (enum verdict)result);
}

static enum verdict ask(struct policy *p, struct toolcall *tc, bool in_text)
{
	struct ask *s = p->state;

	assert(five.n_asked < FIVE_ASKED_MAX);
	s->policy = p;
	s->call = tc;
	s->in_text = in_text;
	ticket_init(&s->ticket, ask_answered);
	ticket_arm(&s->ticket, five.turn, ask_forget, NULL);
	five.asked[five.n_asked++] = &s->ticket;
	five.n_asks++;
	return VERDICT_WAIT;
}

bool five_answer(enum verdict v)
{
	struct ticket *t = five.asked[0];

	if (!five.n_asked)
		return false;
	ask_forget(t);
	ticket_complete(t, (int)v);
	return true;
}

static enum verdict ask_head(struct policy *p)
{
	return five.ask_head ? ask(p, NULL, false) : VERDICT_PASS;
}

static enum verdict ask_request(struct policy *p)
{
	return five.ask_request ? ask(p, NULL, false) : VERDICT_PASS;
}

static enum verdict ask_tool(struct policy *p, struct toolcall *tc)
{
	return slice_is(tc->name, "ask") ? ask(p, tc, false) : VERDICT_PASS;
}

static enum verdict ask_text(struct policy *p, const struct text_channel *ch, struct slice in,
        struct buf *out, bool last)
{
	struct ask *s = p->state;

	(void)ch, (void)last;
	s->held.max = 1u << 20;
	if (buf_put_slice(&s->held, in) < 0)
		return VERDICT_ABORT;
	while (buf_len(&s->held)) {
		char c = *buf_at(&s->held);
		if (c == '@' && !s->may)
			return ask(p, NULL, true);
		if (c == '@')
			s->may = false;
		if (buf_put_char(out, c) < 0)
			return VERDICT_ABORT;
		buf_take(&s->held, 1);
	}
	s->may = false;
	return VERDICT_PASS;
}

static void ask_cancel(struct policy *p)
{
	five.n_cancels++;
	ticket_cancel(&((struct ask *)p->state)->ticket);
}

static void ask_done(struct policy *p)
{
	five.n_dones++;
	buf_finish(&((struct ask *)p->state)->held);
}

const struct policy_ops policy_ask = {
        .name = "ask",
        .state_size = sizeof(struct ask),
        .shadow_bit = FIVE_ASK,
        .on_head = ask_head,
        .on_request = ask_request,
        .on_tool_call = ask_tool,
        .on_text = ask_text,
        .on_cancel = ask_cancel,
        .on_done = ask_done,
};
