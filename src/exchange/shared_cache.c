/* SPDX-License-Identifier: Apache-2.0 */
/* shared_cache: see shared_cache.h. A value is "1 EXPIRES TYPE\n" and then the answer's body: EXPIRES in ms of the wall, so that
 * nobody who may write to the store, and no store that forgets ends, makes an answer outlive its own. */
#include "exchange/shared_cache.h"
#include <errno.h>
#include "exchange/admission.h"
#include "exchange/demands.h"
#include "exchange/sharing.h"
#include "exchange/snapshot.h"
#include "weir/store.h"

#define FORM SLICE("1 ")
#define HEAD_MAX 300u /* bytes before the body */

struct shared_look { /* in the exchange's arena */
	struct value value;
	struct policy *asker; /* it waits for the answer; NULL: nobody does */
	enum verdict (*then)(struct policy *p);
};

/* The key's keyed hash: of what was asked nobody can make sure who only reads the store. */
void shared_cache_name(const struct exchange *x, const uint8_t key[CACHE_KEY_LEN], char ret[SHARED_NAME_LEN + 1])
{
	uint8_t mac[SHA256_LEN];

	hmac_sha256(slice_from(x->snapshot->user_key, SHA256_LEN), slice_from(key, CACHE_KEY_LEN), mac);
	hex_encode(mac, SHA256_LEN, ret);
}

/* Of the whole answer. False: no memory. */
static bool name(struct call *c)
{
	struct caching *k = c->caching;
	char *text;

	if (k->name.len)
		return true;
	text = arena_alloc(&c->exchange->arena, SHARED_NAME_LEN + 1);
	if (!text)
		return false;
	shared_cache_name(c->exchange, k->key, text);
	k->name = slice_from(text, SHARED_NAME_LEN);
	return true;
}

/* ---- what stands there ---- */

/* "1 EXPIRES TYPE\n" and the body. False: it is of another form. */
static bool parse(struct slice all, struct slice *ret_type, struct slice *ret_body, uint64_t *ret_expires_ms)
{
	const char *end = all.len ? memchr(all.at, '\n', all.len < HEAD_MAX ? all.len : HEAD_MAX) : NULL;
	const char *space;
	struct slice head;

	if (!end || !slice_starts(all, FORM))
		return false;
	head = slice_skip(slice_from(all.at, (size_t)(end - all.at)), FORM.len);
	space = head.len ? memchr(head.at, ' ', head.len) : NULL;
	if (!space || slice_to_u64(slice_from(head.at, (size_t)(space - head.at)), UINT64_MAX / NS_PER_MS, ret_expires_ms) < 0)
		return false;
	*ret_type = slice_skip(head, (size_t)(space - head.at) + 1);
	*ret_body = slice_skip(all, (size_t)(end - all.at) + 1);
	return true;
}

/* Until when it may be given, and stand in. No later than one that is made now: clocks may differ. False: it is over. */
static bool set_ends(const struct exchange *x, const struct reuse_conf *rule, uint64_t expires_ms, struct cache_content *ret)
{
	uint64_t now = exchange_now(x), wall = exchange_wall(x), expires = expires_ms * NS_PER_MS, left;

	*ret = (struct cache_content){.expires = now, .stale_ns = rule->stale_ns};
	if (expires > wall) {
		left = expires - wall;
		ret->expires = now + (left < rule->ttl_ns ? left : rule->ttl_ns);
		return true;
	}
	if (wall - expires >= rule->stale_ns)
		return false;
	ret->stale_ns -= wall - expires;
	return true;
}

int shared_cache_read(
	const struct exchange *x, const struct reuse_conf *rule, struct slice value, struct cache_content *ret)
{
	struct slice type, body;
	uint64_t expires_ms;

	if (!parse(value, &type, &body, &expires_ms))
		return -EBADMSG;
	if (!set_ends(x, rule, expires_ms, ret))
		return -ESTALE;
	ret->type = type;
	ret->body = body;
	return 0;
}

/* In the cache of this process, as far as that has room: the next call finds it there. What has expired takes nobody's place. */
static struct cache_entry *keep_here(struct exchange *x, const uint8_t *key, const struct cache_content *what)
{
	struct cache_entry *e = what->expires > exchange_now(x) ? NULL : cache_find_stale(x->env->cache, key, exchange_now(x));

	if (e || cache_keep(x->env->cache, key, what, &e) == 0)
		return e;
	e = cache_entry_new(key, what->type, what->body);
	if (e)
		e->expires = what->expires;
	return e;
}

/* Counted; NULL: it cannot be read, or is over. */
static struct cache_entry *read_found(struct call *c, const struct blob *found)
{
	struct caching *k = c->caching;
	struct cache_content what;
	int r = shared_cache_read(c->exchange, k->rule, blob_slice(found), &what);

	k->failed_there |= r == -EBADMSG;
	return r ? NULL : keep_here(c->exchange, k->key, &what);
}

/* Whether found is the call's answer now. One that has expired is only kept here. */
static bool take(struct call *c, struct blob *found)
{
	struct exchange *x = c->exchange;
	struct caching *k = c->caching;
	struct cache_entry *e = read_found(c, found);

	blob_unref(found);
	if (!e || cache_entry_is_stale(e, exchange_now(x))) {
		cache_entry_unref(e);
		return false;
	}
	k->hit = e;
	k->result = CACHE_HIT;
	sharing_end(k, e);
	return true;
}

bool shared_cache_take(struct call *c)
{
	struct admission *a = &c->admitted->ask;
	struct blob *found = a->found;

	a->found = NULL;
	return !found || take(c, found) || !a->answers;
}

/* ---- asking ---- */

static bool is_wanted(const struct call *c)
{
	const struct caching *k = c->caching;

	return c->exchange->env->answers && k && k->result == CACHE_MISS && !k->waits && !c->embeddings;
}

/* The admission asks about counters that stand where the value does. */
static bool is_beside(const struct admitted *a, struct slice group)
{
	if (!a || a->hopeless || a->error)
		return false;
	for (unsigned i = 0; i < a->ask.n; i++)
		if (slice_equals(a->ask.demands[i].group, group))
			return true;
	return false;
}

static void heed(struct call *c, struct value *v, int result)
{
	struct blob *found = v->found;

	v->found = NULL;
	c->caching->failed_there |= result < 0;
	if (result == READY && v->state == VALUE_FOUND)
		take(c, found);
	else
		blob_unref(found);
}

static void on_answer(struct ticket *t, int result)
{
	struct shared_look *l = container_of(t, struct shared_look, value.ticket);
	struct policy *p = l->asker;

	l->asker = NULL;
	heed(p->call, &l->value, result);
	enum verdict v = l->then(p);
	if (v != VERDICT_WAIT)
		policy_settle(p, v);
}

static enum verdict ask_alone(struct policy *p, enum verdict (*then)(struct policy *p))
{
	struct call *c = p->call;
	struct store *s = c->exchange->env->answers;
	struct shared_look *l = arena_zalloc(&c->exchange->arena, sizeof(*l));

	if (!l)
		return then(p);
	l->then = then;
	l->value = (struct value){
		.group = c->agent->allowance.group, .name = c->caching->name, .now_wall_ns = exchange_wall(c->exchange)};
	ticket_init(&l->value.ticket, on_answer);
	int r = s->ops->get(s, &l->value);
	if (r != PENDING) {
		heed(c, &l->value, r);
		return then(p);
	}
	l->asker = p;
	c->caching->look = l;
	return VERDICT_WAIT;
}

enum verdict shared_cache_ask(struct policy *p, enum verdict (*then)(struct policy *p))
{
	struct call *c = p->call;
	struct slice group = c->agent->allowance.group;

	if (!is_wanted(c) || !name(c))
		return then(p);
	if (tool_has_limits(c) || !is_beside(c->admitted, group))
		return ask_alone(p, then); /* of a tool's limits a hit takes nothing */
	c->admitted->ask.cached_group = group;
	c->admitted->ask.cached = c->caching->name;
	c->admitted->ask.cached_spare_ns = c->caching->rule->stale_ns;
	return then(p);
}

void shared_cache_cancel(struct call *c)
{
	struct shared_look *l = c->caching ? c->caching->look : NULL;

	if (!l || !l->asker)
		return;
	l->asker = NULL;
	ticket_cancel(&l->value.ticket);
	blob_unref(l->value.found);
	l->value.found = NULL;
}

/* ---- leaving ---- */

void shared_cache_put(const struct exchange *x, struct slice name, const struct cache_content *what)
{
	const struct agent_conf *agent = x->calls[0].agent;
	struct store *s = x->env->answers;
	struct buf all = BUF_INIT(VALUE_MAX);
	uint64_t wall = exchange_wall(x), ends = wall + (what->expires - exchange_now(x));
	uint64_t room = x->snapshot->conf->cache.memory;

	if (!s || !room || what->type.len > HEAD_MAX / 2 || what->body.len > VALUE_MAX - HEAD_MAX)
		return;
	struct value v = {.group = agent->allowance.group, .name = name, .now_wall_ns = wall, .room = room};
	if (__builtin_add_overflow(ends, what->stale_ns, &v.ends))
		v.ends = UINT64_MAX;
	if (buf_reserve(&all, what->body.len + HEAD_MAX) == 0 &&
		buf_printf(&all, "1 %llu %.*s\n", (unsigned long long)(ends / NS_PER_MS), SLICE_FMT(what->type)) == 0 &&
		buf_put_slice(&all, what->body) == 0) {
		v.bytes = buf_slice(&all);
		s->ops->leave(s, &v);
	}
	buf_finish(&all);
}

void shared_cache_leave(struct call *c, const struct cache_content *what)
{
	if (c->exchange->env->answers && name(c))
		shared_cache_put(c->exchange, c->caching->name, what);
}
