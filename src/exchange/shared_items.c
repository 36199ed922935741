/* SPDX-License-Identifier: Apache-2.0 */
/* shared_items: see shared_items.h. What is found goes into the cache of this process, where the call then finds it. A value's type
 * is "START END MODEL": where the item says its number, and the model as its answer named it. */
#include "exchange/shared_items.h"
#include <stdio.h>
#include "base/decimal.h"
#include "exchange/embeddings.h"
#include "exchange/shared_cache.h"
#include "exchange/snapshot.h"
#include "weir/store.h"

struct item_look {
	struct value value;
	struct items_look *look; /* borrowed */
	const uint8_t *key;      /* borrowed: of the item */
	char name[SHARED_NAME_LEN + 1];
};

struct items_look { /* in the exchange's arena */
	struct policy *asker; /* it waits for the answers; NULL: nobody does */
	enum verdict (*then)(struct policy *p);
	struct call *call;
	unsigned n, waiting;
	struct item_look items[];
};

bool shared_items_are_wanted(const struct call *c)
{
	const struct caching *k = c->caching;
	const struct embeddings *e = c->embeddings;

	return c->exchange->env->answers && e && !e->settled && k->result == CACHE_MISS && !k->waits && e->n_asked &&
	       e->n_asked <= SHARED_ITEMS_MAX;
}

/* ---- what stands there ---- */

static bool take_number(struct slice *text, uint64_t max, uint32_t *ret)
{
	const char *space = text->len ? memchr(text->at, ' ', text->len) : NULL;
	uint64_t n;

	if (!space || slice_to_u64(slice_from(text->at, (size_t)(space - text->at)), max, &n) < 0)
		return false;
	*ret = (uint32_t)n;
	*text = slice_skip(*text, (size_t)(space - text->at) + 1);
	return true;
}

static void take(const struct exchange *x, const uint8_t *key, const struct cache_content *what)
{
	struct slice text = what->type, body = what->body;
	char type[EMBEDDING_TYPE_MAX];
	struct span number;

	if (body.len > UINT32_MAX || !take_number(&text, body.len, &number.start) || !take_number(&text, body.len, &number.end) ||
		number.start > number.end)
		return;
	size_t len = embeddings_type(type, number, text);
	cache_put(x->env->cache, key, slice_from(type, len), body, what->expires);
}

static void heed(struct item_look *i, int result)
{
	struct call *c = i->look->call;
	struct exchange *x = c->exchange;
	const struct reuse_conf rule = {.ttl_ns = x->snapshot->conf->cache.embeddings_ns};
	struct cache_content what;

	c->caching->failed_there |= result < 0;
	if (result == READY && i->value.state == VALUE_FOUND &&
		shared_cache_read(x, &rule, blob_slice(i->value.found), &what) == 0)
		take(x, i->key, &what);
	blob_unref(i->value.found);
	i->value.found = NULL;
}

static void on_answer(struct ticket *t, int result)
{
	struct item_look *i = container_of(t, struct item_look, value.ticket);
	struct items_look *all = i->look;

	heed(i, result);
	if (--all->waiting)
		return;
	struct policy *p = all->asker;
	all->asker = NULL;
	embeddings_look_again(all->call);
	enum verdict v = all->then(p);
	if (v != VERDICT_WAIT)
		policy_settle(p, v);
}

static struct items_look *items_look_new(struct call *c)
{
	const struct embeddings *e = c->embeddings;
	struct exchange *x = c->exchange;
	struct items_look *all = arena_zalloc(&x->arena, sizeof(*all) + e->n_asked * sizeof(*all->items));

	if (!all)
		return NULL;
	all->call = c;
	for (unsigned n = 0; n < e->input.n; n++) {
		struct item_look *i = &all->items[all->n];
		if (e->left_out[n])
			continue;
		i->look = all;
		i->key = e->items[n].key;
		shared_cache_name(x, i->key, i->name);
		i->value = (struct value){.group = c->agent->allowance.group,
			.name = slice_from(i->name, SHARED_NAME_LEN),
			.now_wall_ns = exchange_wall(x)};
		ticket_init(&i->value.ticket, on_answer);
		all->n++;
	}
	return all;
}

enum verdict shared_items_ask(struct policy *p, enum verdict (*then)(struct policy *p))
{
	struct call *c = p->call;
	struct items_look *all;

	if (!shared_items_are_wanted(c))
		return then(p);
	all = items_look_new(c);
	for (unsigned n = 0; all && n < all->n; n++) {
		struct store *s = c->exchange->env->answers;
		int r = s->ops->get(s, &all->items[n].value);
		if (r == PENDING)
			all->waiting++;
		else
			heed(&all->items[n], r);
	}
	if (!all || !all->waiting) {
		embeddings_look_again(c);
		return then(p);
	}
	all->asker = p;
	all->then = then;
	c->caching->items = all;
	return VERDICT_WAIT;
}

void shared_items_cancel(struct call *c)
{
	struct items_look *all = c->caching ? c->caching->items : NULL;

	if (!all || !all->asker)
		return;
	all->asker = NULL;
	for (unsigned n = 0; n < all->n; n++) {
		ticket_cancel(&all->items[n].value.ticket);
		blob_unref(all->items[n].value.found);
	}
}

/* ---- leaving ---- */

void shared_items_leave(const struct exchange *x, const uint8_t key[CACHE_KEY_LEN], const struct embedding *got, struct slice model)
{
	char name[SHARED_NAME_LEN + 1], type[2 * DECIMAL_MAX + EMBEDDING_MODEL_MAX];
	struct cache_content what = {.body = got->bytes, .expires = exchange_now(x) + x->snapshot->conf->cache.embeddings_ns};

	if (!x->env->answers || model.len > EMBEDDING_MODEL_MAX)
		return;
	int len = snprintf(type, sizeof(type), "%u %u %.*s", got->number.start, got->number.end, SLICE_FMT(model));
	what.type = slice_from(type, (size_t)len);
	shared_cache_name(x, key, name);
	shared_cache_put(x, slice_from(name, SHARED_NAME_LEN), &what);
}
