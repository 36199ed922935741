/* SPDX-License-Identifier: Apache-2.0 */
/* chain: see chain.h. The cursor survives a wait, so a run goes on where it stopped. */
#include <assert.h>
#include <errno.h>
#include "exchange/chain.h"
#include "weir/exchange.h"

int chain_init(struct call *c, const struct policy_ops *const *ops, unsigned n, struct arena *arena)
{
	size_t room = sizeof(struct policy) * n;

	assert(n <= RECORD_POLICIES);
	for (unsigned i = 0; i < n; i++)
		room += (ops[i]->state_size + 15) & ~(size_t)15;
	char *at = arena_zalloc(arena, room);
	if (!at)
		return -ENOMEM;
	c->policies = (struct policy *)at;
	c->n_policies = n;
	at += sizeof(struct policy) * n;
	for (unsigned i = 0; i < n; i++) {
		c->policies[i] = (struct policy){.ops = ops[i], .state = at, .call = c};
		at += (ops[i]->state_size + 15) & ~(size_t)15;
	}
	return 0;
}

void chain_set_modes(struct call *c, unsigned shadow_bits)
{
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops->shadow_bit & shadow_bits)
			c->policies[i].mode = c->policies[i].given = MODE_SHADOW;
}

bool chain_reads_text(const struct call *c)
{
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops->on_text)
			return true;
	return false;
}

/* The gravest word of each policy is what the record keeps. */
static void note_verdict(struct call *c, struct policy *p, enum verdict v)
{
	struct record_verdict *r = &c->verdicts[p - c->policies];

	c->n_verdicts = c->n_policies;
	if (!r->policy || v >= r->verdict)
		*r = (struct record_verdict){p->ops->name, v, p->mode};
	if (p->mode == MODE_SHADOW && v >= VERDICT_ANSWER)
		c->shadow = true;
}

/* What a verdict means for the run: CHAIN_DONE when the cursor may move on past this policy. */
static enum chain_result heed(struct call *c, struct policy *p, enum verdict v)
{
	if (v == VERDICT_WAIT) {
		c->parked = p;
		c->resumed = false;
		return CHAIN_WAIT;
	}
	note_verdict(c, p, v);
	if (v == VERDICT_PASS || p->mode == MODE_SHADOW) {
		c->refused = false; /* it may have said why before it waited */
		return CHAIN_DONE;
	}
	return v == VERDICT_ANSWER ? CHAIN_ANSWER : CHAIN_ABORT;
}

void policy_settle(struct policy *p, enum verdict v)
{
	struct call *c = p->call;

	assert(c->parked == p && !c->resumed && v != VERDICT_WAIT);
	p->settled = v;
	c->resumed = true;
	exchange_wake(c->exchange);
}

/* The settled verdict of the policy that was waited for; false while it still waits. */
static bool take_settled(struct call *c, struct policy **ret_p, enum verdict *ret_v)
{
	if (!c->resumed)
		return false;
	*ret_p = c->parked;
	*ret_v = c->parked->settled;
	c->parked = NULL;
	c->resumed = false;
	return true;
}

static enum chain_result run_request(struct call *c, bool head)
{
	struct policy *p;
	enum verdict v;
	enum chain_result r = CHAIN_DONE;

	if (c->parked) {
		if (!take_settled(c, &p, &v))
			return CHAIN_WAIT;
		r = heed(c, p, v);
		c->at++;
	}
	for (; r == CHAIN_DONE && c->at < c->n_policies; c->at += r != CHAIN_WAIT) {
		p = &c->policies[c->at];
		enum verdict (*ask)(struct policy *) = head ? p->ops->on_head : p->ops->on_request;
		if (ask)
			r = heed(c, p, ask(p));
	}
	assert(r != CHAIN_ANSWER || c->refused);
	if (r == CHAIN_DONE)
		c->at = 0;
	return r;
}

void chain_go_back(struct policy *p, const struct policy_ops *to)
{
	struct call *c = p->call;

	assert(&c->policies[c->at] == p);
	while (c->policies[c->at].ops != to)
		c->at--;
	c->at--; /* the runner moves on from here */
}

enum chain_result chain_head(struct call *c)
{
	return run_request(c, true);
}

enum chain_result chain_request(struct call *c)
{
	return run_request(c, false);
}

static int note_tool(struct call *c, const struct toolcall *tc)
{
	struct arena *arena = &c->exchange->arena;

	if (c->n_tools == c->cap_tools) {
		unsigned cap = c->cap_tools ? c->cap_tools * 2 : 4;
		struct record_tool *more = arena_alloc(arena, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		if (c->n_tools)
			memcpy(more, c->tools, c->n_tools * sizeof(*more));
		c->tools = more;
		c->cap_tools = cap;
	}
	struct slice name = arena_dup(arena, tc->name);
	if (!name.at)
		return -ENOMEM;
	c->tools[c->n_tools++] = (struct record_tool){name, !tc->denied, tc->fault, tc->denied ? 0 : tc->cost};
	return 0;
}

/* A refusal of one tool call denies that call and ends its way through the chain, not the answer's. */
static enum chain_result judge_call(struct call *c, struct toolcall *tc)
{
	struct policy *p;
	enum verdict v;
	enum chain_result r = CHAIN_DONE;

	if (c->parked) {
		if (!take_settled(c, &p, &v))
			return CHAIN_WAIT;
		r = heed(c, p, v);
		if (r == CHAIN_DONE)
			tc->denied = false;
		c->at--;
	}
	while (r == CHAIN_DONE && c->at > 0) {
		p = &c->policies[c->at - 1];
		if (p->ops->on_tool_call) {
			r = heed(c, p, p->ops->on_tool_call(p, tc));
			if (r == CHAIN_WAIT)
				return r;
			if (r == CHAIN_DONE)
				tc->denied = false; /* passed, or refused in shadow */
		}
		c->at--;
	}
	if (r == CHAIN_ABORT)
		return r;
	assert(r != CHAIN_ANSWER || tc->denied);
	return note_tool(c, tc) < 0 ? CHAIN_ABORT : CHAIN_DONE;
}

/* One policy's turn with the text in hand. One in shadow hears it, and it goes on as it came. */
static enum chain_result hear(struct call *c, struct policy *p, const struct part *part, bool again)
{
	struct buf *in = &c->hand[0], *out = &c->hand[1];
	struct slice text = again ? (struct slice){"", 0} : buf_slice(in);
	enum chain_result r = heed(c, p, p->ops->on_text(p, part->channel, text, out, part->kind == PART_TEXT_END));

	if (p->mode == MODE_SHADOW) {
		buf_clear(out);
		return r;
	}
	buf_clear(in);
	if (r == CHAIN_DONE) {
		struct buf swap = *in;
		*in = *out;
		*out = swap;
	}
	return r;
}

/* What the policies have made of it. */
static enum chain_result take_text(struct call *c, struct part *part, struct lap *lap)
{
	struct slice text = buf_slice(&c->hand[0]);

	if (slice_equals(text, part->text))
		return CHAIN_DONE;
	part->text = arena_dup(lap->arena, text);
	part->edited = true;
	return part->text.at ? CHAIN_DONE : CHAIN_ABORT;
}

/* Passes a text from policy to policy. After a wait the same policy is asked again with no new input. */
static enum chain_result judge_text(struct call *c, struct part *part, struct lap *lap)
{
	struct policy *p;
	enum verdict v;
	enum chain_result r = CHAIN_DONE;
	bool again = c->parked;

	if (again) {
		if (!take_settled(c, &p, &v))
			return CHAIN_WAIT;
		if (v != VERDICT_PASS)
			r = heed(c, p, v);
	} else {
		buf_clear(&c->hand[0]);
		buf_clear(&c->hand[1]);
		if (buf_put_slice(&c->hand[0], part->text) < 0)
			return CHAIN_ABORT;
	}
	for (; r == CHAIN_DONE && c->at > 0; c->at -= r == CHAIN_DONE) {
		p = &c->policies[c->at - 1];
		if (p->ops->on_text)
			r = hear(c, p, part, again);
		again = false;
	}
	assert(r != CHAIN_ANSWER || c->refused);
	return r == CHAIN_DONE ? take_text(c, part, lap) : r;
}

static enum chain_result judge_part(struct call *c, struct part *part, struct lap *lap)
{
	switch (part->kind) {
	case PART_BYTES:
		return CHAIN_DONE;
	case PART_CALL:
		return judge_call(c, part->call);
	case PART_TEXT:
	case PART_TEXT_END:
		return chain_reads_text(c) ? judge_text(c, part, lap) : CHAIN_DONE;
	}
	return CHAIN_ABORT;
}

enum chain_result chain_lap(struct call *c, struct lap *lap)
{
	if (!c->in_lap) {
		c->in_lap = true;
		c->part = 0;
	}
	for (; c->part < lap->n; c->part++) {
		if (!c->in_part) {
			c->in_part = true;
			c->at = c->n_policies;
		}
		enum chain_result r = judge_part(c, &lap->parts[c->part], lap);
		if (r != CHAIN_DONE)
			return r;
		c->in_part = false;
	}
	c->in_lap = false;
	return CHAIN_DONE;
}

void chain_cancel(struct call *c)
{
	struct policy *p = c->parked;

	c->parked = NULL;
	if (p && !c->resumed && p->ops->on_cancel)
		p->ops->on_cancel(p);
	c->resumed = false;
}

void chain_leave_lap(struct call *c)
{
	chain_cancel(c);
	c->in_lap = c->in_part = false;
	c->n_tools = c->n_released; /* what else it calls the agent does not get */
}

void chain_finish(struct call *c)
{
	chain_cancel(c);
	for (unsigned i = 0; i < c->n_policies; i++)
		if (c->policies[i].ops->on_done)
			c->policies[i].ops->on_done(&c->policies[i]);
	charge_abandon_all(&c->charges);
	buf_finish(&c->hand[0]);
	buf_finish(&c->hand[1]);
}
