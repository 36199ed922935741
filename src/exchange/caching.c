/* SPDX-License-Identifier: Apache-2.0 */
/* caching: see caching.h. */
#include <errno.h>
#include "exchange/admission.h"
#include "exchange/attempt_head.h"
#include "exchange/caching.h"
#include "exchange/embeddings.h"
#include "exchange/repeats.h"
#include "exchange/results.h"
#include "exchange/shared_cache.h"
#include "exchange/sharing.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"

#define KEY_MAX (1u << 20) /* bytes of what a key is made of, but for the body */

/* ---- the key ---- */

/* They differ from call to call, and no answer depends on them. */
static bool is_of_one_call(const struct header *h)
{
	switch (h->id) {
	case HEADER_TRACEPARENT:
	case HEADER_REQUEST_ID:
	case HEADER_X_REQUEST_ID:
	case HEADER_X_STAINLESS_RETRY_COUNT:
		return true;
	case HEADER_OTHER:
		return slice_equals_nocase(h->name, SLICE("tracestate")) ||
		       slice_equals_nocase(h->name, SLICE("x-client-request-id"));
	default:
		return false;
	}
}

static int put_headers(struct exchange *x, struct buf *b)
{
	struct head *h = &x->env->scratch;
	int e;

	head_reset(h);
	e = attempt_head_agents(x, h);
	for (unsigned i = 0; !e && i < h->n_headers; i++) {
		if (is_of_one_call(&h->headers[i]))
			continue;
		e = buf_put_part(b, h->headers[i].name);
		if (!e)
			e = buf_put_part(b, h->headers[i].value);
	}
	return e;
}

/* What is in shadow now: it may end with the hour, while the policy stays. */
static int put_modes(const struct call *c, struct buf *b)
{
	int e = 0;

	for (unsigned i = 0; !e && i < c->n_policies; i++)
		e = buf_put_char(b, (char)('0' + c->policies[i].mode));
	return e;
}

/* Who shares the answer: the one user of the agent, all of its users, or all agents of its team, if it has one. */
static int put_sharers(const struct call *c, struct buf *b)
{
	enum cache_share share = c->caching->rule->share;
	bool team = share == CACHE_SHARE_TEAM && c->agent->team.len;
	int e = buf_put_part(b, team ? SLICE("team") : SLICE("agent"));

	if (!e)
		e = buf_put_part(b, team ? c->agent->team : c->agent->name);
	return e || share != CACHE_SHARE_USER ? e : buf_put_part(b, c->by.user);
}

/* Where it would go, and with which credential: a policy may leave both to what stands around it, which instances need not have
 * in common, and which changes while the policy stays. */
static int put_upstream(const struct snapshot *s, const struct upstream_conf *u, struct buf *b)
{
	int e = 0;

	for (unsigned i = 0; !e && i < u->n_endpoints; i++) {
		const struct endpoint_conf *at = &u->endpoints[i];
		e = buf_put_part(b, at->tls ? SLICE("https") : SLICE("http"));
		if (!e)
			e = buf_put_part(b, at->authority);
		if (!e)
			e = buf_put_part(b, at->base_path);
	}
	return e ? e : buf_put_part(b, slice_from(s->upstreams[u->index].credential, SHA256_LEN));
}

/* The whole policy stands for the entries that the decision has read. */
static int put_all(struct call *c, struct slice content, struct buf *b)
{
	struct exchange *x = c->exchange;
	const struct slice parts[] = {
		slice_from(x->snapshot->conf->hash, SHA256_LEN), x->path, x->query,
		c->facts.model, c->tool ? c->tool->name : c->model->name, c->upstream_model, call_upstream(c)->name,
		buf_slice(&c->tools_removed), content,
	};
	int e = put_modes(c, b);

	if (!e)
		e = put_sharers(c, b);
	for (unsigned i = 0; !e && i < sizeof(parts) / sizeof(parts[0]); i++)
		e = buf_put_part(b, parts[i]);
	if (!e)
		e = put_upstream(x->snapshot, call_upstream(c), b);
	return e ? e : put_headers(x, b);
}

int caching_key(struct call *c, struct slice content, uint8_t key[CACHE_KEY_LEN])
{
	struct buf all = BUF_INIT(KEY_MAX);
	int e = put_all(c, content, &all);

	if (!e)
		sha256(buf_slice(&all), key);
	buf_finish(&all);
	return e;
}

static int make_key(struct call *c, uint8_t key[CACHE_KEY_LEN])
{
	uint8_t body[SHA256_LEN];
	int e = 0;

	if (c->tool)
		e = results_digest(c, body);
	else
		sha256(buf_slice(&c->exchange->body), body);
	return e ? e : caching_key(c, slice_from(body, sizeof(body)), key);
}

/* ---- asking ---- */

/* By which its answer is kept as a whole; NULL: it is not. A repeat has one of its own (repeats.h). */
static const struct reuse_conf *rule_of(const struct call *c)
{
	enum action action = c->facts.action;
	const struct reuse_conf *rule = NULL;

	if (c->tool && !repeats_is_found(c))
		rule = &c->tool->cache;
	if (c->model && (action == ACTION_CHAT || action == ACTION_COMPLETION))
		rule = &c->model->cache;
	return rule && rule->ttl_ns && c->exchange->env->cache ? rule : NULL;
}

bool caching_is_private(const struct call *c)
{
	return c->has_max_cost || c->max_tokens;
}

struct caching *caching_open(struct call *c, const struct reuse_conf *rule)
{
	struct exchange *x = c->exchange;
	struct caching *k = arena_zalloc(&x->arena, sizeof(*k));

	if (!k)
		return NULL;
	c->caching = k;
	k->exchange = x;
	k->rule = rule;
	k->result = CACHE_BYPASS;
	buf_init(&k->heard, cache_entry_max(x->env->cache));
	return k;
}

void caching_look(struct call *c, bool apply)
{
	struct exchange *x = c->exchange;
	struct slice word = head_value(x->head, HEADER_X_WEIR_CACHE);
	const struct reuse_conf *rule = c->caching ? NULL : rule_of(c);
	struct caching *k = rule ? caching_open(c, rule) : NULL;

	if (!k)
		return;
	if (caching_is_private(c) || slice_equals_nocase(word, SLICE("no-store")) || make_key(c, k->key) < 0)
		return;
	k->keeps = !c->timeout_ns;
	if (word.len)
		return;
	k->hit = cache_find(x->env->cache, k->key, exchange_now(x));
	if (apply) {
		if (!k->hit)
			sharing_join(k);
		k->result = k->hit ? CACHE_HIT : CACHE_MISS;
		return;
	}
	c->shadow |= k->hit != NULL;
	cache_entry_unref(k->hit);
	k->hit = NULL;
}

const char *caching_word(const struct call *c)
{
	static const char *const words[] = {
		[CACHE_BYPASS] = "bypass", [CACHE_MISS] = "miss", [CACHE_HIT] = "hit", [CACHE_STALE] = "stale",
	};

	return c->caching && !c->refused ? words[c->caching->result] : NULL;
}

/* ---- answering ---- */

int caching_give(struct exchange *x, struct slice type, struct slice body)
{
	const struct call *c = &x->calls[0];

	if (reply_open(x, 200, type, body) < 0)
		return -ENOMEM;
	x->source_local = x->collect = false;
	x->upstream_status = 200;
	x->upstream_name = call_upstream(c)->name;
	x->give_up_at = exchange_now(x) + call_total_ns(c);
	return 0;
}

int caching_reach(struct exchange *x)
{
	const struct cache_entry *e = x->calls[0].caching->hit;

	return e ? caching_give(x, e->type, e->body) : embeddings_reach(x);
}

/* ---- keeping ---- */

void caching_begin(struct exchange *x, struct slice type)
{
	struct caching *k = x->calls[0].caching;

	if (!k || !k->keeps || k->hit)
		return;
	if (x->calls[0].tool)
		k->keeps = results_may_be_kept(x->answer_head, k->rule->share);
	k->type = arena_dup(&x->arena, type);
}

void caching_hear(struct caching *k, struct slice in)
{
	struct exchange *x = k->exchange;

	if (k->keeps && !k->hit && buf_put_slice(&k->heard, in) < 0) {
		k->keeps = false;
		buf_finish(&k->heard);
	}
	if (!k->seat || (k->keeps && !x->calls[0].n_tools))
		return;
	sharing_end(k, NULL); /* it is known already that nothing comes of it for others */
	x->aborted |= x->client_gone;
}

/* It came to its own end, nobody has said no, and nothing in it is for this moment alone. */
static bool is_worth_keeping(const struct exchange *x, const struct call *c)
{
	const struct answer *a = &x->answer;

	if (!x->went_upstream || x->source_local || x->upstream_status != 200 || x->fault != FAULT_NONE)
		return false;
	if (!x->last_sent || x->aborted || c->refused || c->n_tools)
		return false;
	return a->complete && a->closed && !a->cut_short && a->n_stopped >= (c->facts.n ? c->facts.n : 1);
}

static void keep(struct exchange *x, struct call *c, struct cache_entry **ret_entry)
{
	const struct caching *k = c->caching;
	const struct cache_content what = {
		.type = k->type,
		.body = buf_slice(x->collect ? &x->arrived : &k->heard),
		.expires = exchange_now(x) + k->rule->ttl_ns,
		.stale_ns = k->rule->stale_ns,
	};

	cache_keep(x->env->cache, k->key, &what, ret_entry);
	shared_cache_leave(c, &what);
}

void caching_end(struct call *c, bool whole)
{
	struct exchange *x = c->exchange;
	struct caching *k = c->caching;

	if (!k)
		return;
	struct cache_entry *kept = NULL;
	if (k->keeps && !k->hit && k->type.at && whole && is_worth_keeping(x, c))
		keep(x, c, &kept);
	sharing_end(k, kept);
	cache_entry_unref(kept);
	cache_entry_unref(k->hit);
	k->hit = NULL;
	buf_finish(&k->heard);
}
