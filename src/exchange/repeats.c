/* SPDX-License-Identifier: Apache-2.0 */
/* repeats: see repeats.h. The claim is made before rates and budgets are asked, so that a repeat gets its answer where nothing
 * is left of either; who is refused afterwards leaves the key free. */
#include <errno.h>
#include <stdio.h>
#include "base/id.h"
#include "exchange/caching.h"
#include "exchange/repeats.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"
#include "weir/store.h"

#define LIVE_NS (24 * 3600 * NS_PER_S)
#define GRACE_NS (60 * NS_PER_S) /* after a call's own deadline: then whoever owns its key has died */
#define BUSY_WAIT_MS 1000
#define FORM '1'                 /* what stands before an answer that is kept: "1 STATUS TYPE\n" */
#define HEAD_MAX 300u

struct repeat { /* in the exchange's arena */
	struct call *call;
	struct store *by;        /* borrowed */
	struct policy *asker;    /* it waits for the store; NULL: nobody does */
	struct value_claim claim;
	enum fault noted;
	bool owned;
	bool too_long;           /* to be kept */
	unsigned status;         /* of the answer: found, or that comes */
	struct slice type, body; /* found: in the claim's blob */
	struct buf heard;        /* owned: what is kept, as far as it has come */
	char name[2 * SHA256_LEN], id[ID_LEN + 3];
	uint8_t mark[SHA256_LEN];
};

/* ---- claiming ---- */

/* Of whom and of what the key is: with lengths, so that no two lists of parts look alike. */
static int make_name(const struct call *c, struct slice key, char name[2 * SHA256_LEN])
{
	const struct slice parts[] = {c->agent->name, c->by.user, c->tool->name, key};
	struct buf all = BUF_INIT(4096);
	uint8_t sha[SHA256_LEN];
	int e = 0;

	for (unsigned i = 0; !e && i < sizeof(parts) / sizeof(parts[0]); i++)
		e = buf_put_part(&all, parts[i]);
	if (!e) {
		char text[2 * SHA256_LEN + 1];
		sha256(buf_slice(&all), sha);
		hex_encode(sha, SHA256_LEN, text);
		memcpy(name, text, 2 * SHA256_LEN);
	}
	buf_finish(&all);
	return e;
}

/* The agent's own, whatever its team: who is moved to another team must not run again what ran before. */
static struct slice group_of(struct call *c)
{
	struct slice name = c->agent->name;
	char *group = arena_alloc(&c->exchange->arena, 2 + name.len);

	if (!group)
		return (struct slice){NULL, 0};
	memcpy(group, "a:", 2);
	memcpy(group + 2, name.at, name.len);
	return slice_from(group, 2 + name.len);
}

static struct repeat *repeat_new(struct call *c, struct slice key)
{
	struct exchange *x = c->exchange;
	struct repeat *r = arena_zalloc(&x->arena, sizeof(*r));
	uint64_t now = exchange_wall(x);

	if (!r || make_name(c, key, r->name) < 0)
		return NULL;
	struct slice group = group_of(c);
	if (!group.at)
		return NULL;
	r->call = c;
	r->by = x->env->store;
	buf_init(&r->heard, VALUE_MAX);
	sha256(buf_slice(&x->body), r->mark);
	memcpy(r->id, x->request_id, ID_LEN);
	memcpy(r->id + ID_LEN, ":1", 2);
	r->claim = (struct value_claim){
		.group = group,
		.name = slice_from(r->name, sizeof(r->name)),
		.id = slice_from(r->id, ID_LEN + 2),
		.mark = slice_from(r->mark, sizeof(r->mark)),
		.now_wall_ns = now,
		.until = now + call_total_ns(c) + GRACE_NS,
		.ends = now + LIVE_NS,
		.journal = x->env->journal,
	};
	return r;
}

/* "1 STATUS TYPE\n", then the body. False: it is of another form. */
static bool read_found(struct repeat *r)
{
	struct slice all = blob_slice(r->claim.found), head;
	const char *end = all.len ? memchr(all.at, '\n', all.len) : NULL;
	uint64_t status;

	if (!end || all.at[0] != FORM || end - all.at < 6 || all.at[1] != ' ' || all.at[5] != ' ')
		return false;
	head = slice_from(all.at, (size_t)(end - all.at));
	if (slice_to_u64(slice_from(head.at + 2, 3), 599, &status) < 0 || status < 200)
		return false;
	r->status = (unsigned)status;
	r->type = slice_skip(head, 6);
	r->body = slice_skip(all, head.len + 1);
	return true;
}

static enum verdict refuse_lost(struct call *c)
{
	return call_refuse(c, FAULT_OUTCOME_UNKNOWN, "idempotency-key",
		"A call with this idempotency key may have run, and how it ended is not known; find out before you try again.");
}

static enum verdict refuse_busy(struct call *c)
{
	call_refuse(c, FAULT_IDEMPOTENCY_IN_PROGRESS, "idempotency-key", NULL);
	c->refusal.retry_after_ms = BUSY_WAIT_MS;
	return VERDICT_ANSWER;
}

/* What the store has said; error: a negative errno, or 0. */
static enum verdict heed(struct repeat *r, struct policy *p, int error)
{
	struct call *c = r->call;
	enum claim_state state = error < 0 ? CLAIM_NOT_ASKED : r->claim.state;

	r->owned = state == CLAIM_OWNED;
	if (r->owned || (state == CLAIM_FOUND && read_found(r)))
		return r->noted == FAULT_NONE ? VERDICT_PASS : call_refuse(c, r->noted, NULL, NULL);
	p->mode = MODE_ENFORCE; /* it is no list that shadow leaves aside */
	switch (state) {
	case CLAIM_BUSY:
		return refuse_busy(c);
	case CLAIM_OTHER:
		return call_refuse(c, FAULT_IDEMPOTENCY_MISMATCH, "idempotency-key", NULL);
	case CLAIM_FOUND:
	case CLAIM_LOST:
		return refuse_lost(c);
	case CLAIM_CROWDED:
		return call_refuse(c, FAULT_RATE_LIMITED, "idempotency-key",
			"More idempotency keys are in use than this gateway remembers for this agent; send fewer new ones.");
	default:
		return call_refuse(c, FAULT_STORE_UNAVAILABLE, NULL,
			"The store does not answer, and without it nobody knows whether this call has run before; try again with the same key.");
	}
}

static void on_answer(struct ticket *t, int result)
{
	struct repeat *r = container_of(t, struct repeat, claim.ticket);
	struct policy *p = r->asker;

	r->asker = NULL;
	policy_settle(p, heed(r, p, result));
}

enum verdict repeats_claim(struct policy *p, enum fault noted)
{
	struct call *c = p->call;
	struct slice key = head_value(c->exchange->head, HEADER_IDEMPOTENCY_KEY);

	if (!key.at)
		return noted == FAULT_NONE ? VERDICT_PASS : call_refuse(c, noted, NULL, NULL);
	struct repeat *r = repeat_new(c, key);
	if (!r) {
		p->mode = MODE_ENFORCE;
		return call_refuse(c, FAULT_OVERLOADED, NULL, NULL);
	}
	c->repeat = r;
	r->noted = noted;
	ticket_init(&r->claim.ticket, on_answer);
	int e = r->by && r->by->ops->claim ? r->by->ops->claim(r->by, &r->claim) : -ENOTCONN;
	if (e != PENDING)
		return heed(r, p, e);
	r->asker = p;
	return VERDICT_WAIT;
}

void repeats_cancel(struct call *c)
{
	struct repeat *r = c->repeat;

	if (!r || !r->asker)
		return;
	r->asker = NULL;
	ticket_cancel(&r->claim.ticket);
	r->owned = r->claim.state == CLAIM_OWNED; /* it was granted, and nobody had heard of it */
}

/* ---- answering ---- */

bool repeats_is_found(const struct call *c)
{
	return c->repeat && c->repeat->claim.state == CLAIM_FOUND && c->repeat->status;
}

/* As the tool gave it: it is read, judged and recorded like an answer that comes from there now. */
int repeats_reach(struct exchange *x)
{
	const struct call *c = &x->calls[0];
	const struct repeat *r = c->repeat;

	if (reply_open(x, r->status, r->type, r->body) < 0)
		return -ENOMEM;
	x->source_local = x->collect = false;
	x->upstream_status = r->status;
	x->upstream_name = c->tool->upstream->name;
	x->give_up_at = exchange_now(x) + call_total_ns(c);
	return 0;
}

/* ---- keeping ---- */

void repeats_begin(struct exchange *x, unsigned status, struct slice type)
{
	struct repeat *r = x->calls[0].repeat;
	char head[HEAD_MAX];

	if (!r || !r->owned)
		return;
	buf_clear(&r->heard); /* an answer that broke off may have begun before */
	int len = snprintf(head, sizeof(head), "%c %03u %.*s\n", FORM, status, (int)type.len, type.len ? type.at : "");
	r->too_long = len < 0 || (size_t)len >= sizeof(head) || buf_put(&r->heard, head, (size_t)len) < 0;
}

void repeats_hear(struct exchange *x, struct slice in)
{
	struct repeat *r = x->calls[0].repeat;

	if (!r || !r->owned || r->too_long || buf_put_slice(&r->heard, in) == 0)
		return;
	r->too_long = true;
	buf_finish(&r->heard);
}

/* Who says that it does not know the caller, or that there are too many calls, has not looked at this one. */
static bool was_turned_away(unsigned status)
{
	return status == 401 || status == 403 || status == 429;
}

/* Afterwards all that is to be kept has been heard. What the cache has answered is the key's answer too; nothing has run for it. */
static enum claim_end end_of(struct exchange *x, struct repeat *r)
{
	bool was_kept = !x->went_upstream && caching_has_answered(r->call);

	if (!was_kept && (!x->went_upstream || was_turned_away(x->upstream_status)))
		return CLAIM_UNUSED;
	if (x->source_local || !x->answer.complete)
		return was_kept ? CLAIM_UNUSED : CLAIM_UNKNOWN;
	if (x->collect)
		repeats_hear(x, buf_slice(&x->arrived));
	if (r->too_long)
		return was_kept ? CLAIM_UNUSED : CLAIM_UNKNOWN;
	return CLAIM_RECORDED;
}

void repeats_end(struct call *c)
{
	struct repeat *r = c->repeat;

	if (!r)
		return;
	if (r->owned) {
		enum claim_end how = end_of(c->exchange, r);
		r->by->ops->finish(r->by, &r->claim, how, buf_slice(&r->heard));
	}
	r->owned = false;
	blob_unref(r->claim.found);
	r->claim.found = NULL;
	buf_finish(&r->heard);
}
