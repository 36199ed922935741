/* SPDX-License-Identifier: Apache-2.0 */
/* embeddings: see embeddings.h. An entry's type is where the item says its number, and then the model as its answer named it;
 * its body is the item as the provider wrote it. */
#include <errno.h>
#include <stdlib.h>
#include "exchange/caching.h"
#include "exchange/embeddings.h"
#include "exchange/shared_items.h"
#include "exchange/sharing.h"
#include "exchange/snapshot.h"
#include "exchange/steps.h"

/* ---- keys ---- */

/* Everything of the body but its items; an item alone and the same one in a list are one. */
static int key_of_rest(struct call *c, const struct embedding_input *in, uint8_t key[CACHE_KEY_LEN])
{
	struct slice body = buf_slice(&c->exchange->body);
	uint8_t rest[2 * SHA256_LEN];

	sha256(slice_from(body.at, in->place.start), rest);
	sha256(slice_skip(body, in->place.end), rest + SHA256_LEN);
	return caching_key(c, slice_from(rest, sizeof(rest)), key);
}

static void key_of_item(const uint8_t rest[CACHE_KEY_LEN], struct slice item, uint8_t key[CACHE_KEY_LEN])
{
	uint8_t both[2 * SHA256_LEN];

	memcpy(both, rest, SHA256_LEN);
	sha256(item, both + SHA256_LEN);
	sha256(slice_from(both, sizeof(both)), key);
}

/* The call's own key is that of all its items in their order. */
static int make_keys(struct call *c, struct embeddings *e)
{
	const char *body = buf_at(&c->exchange->body);
	int r = key_of_rest(c, &e->input, e->rest);

	for (unsigned i = 0; !r && i < e->input.n; i++) {
		struct span at = e->input.items[i];
		uint8_t *key = e->items[i].key, *whole = c->caching->key;
		key_of_item(e->rest, slice_from(body + at.start, at.end - at.start), key);
		key_of_item(i ? whole : e->rest, slice_from(key, CACHE_KEY_LEN), whole);
	}
	return r;
}

/* ---- asking ---- */

static bool is_cacheable(const struct call *c)
{
	const struct exchange *x = c->exchange;

	return c->facts.action == ACTION_EMBEDDING && c->model && c->model->cache.ttl_ns && x->env->cache &&
	       x->snapshot->conf->cache.embeddings_ns;
}

/* In shadow nothing is given: the look is only to say that it would have been. No more is given than an answer may be long. */
static void find_known(struct call *c, struct embeddings *e, bool apply)
{
	struct exchange *x = c->exchange;
	size_t room = x->arrived.max;

	for (unsigned i = 0; i < e->input.n; i++) {
		if (e->items[i].known) { /* from the look before */
			room -= e->items[i].known->body.len;
			continue;
		}
		struct cache_entry *known = cache_find(x->env->cache, e->items[i].key, exchange_now(x));
		c->shadow |= known && !apply;
		if (known && apply && known->body.len <= room) {
			e->items[i].known = known;
			room -= known->body.len;
		} else {
			cache_entry_unref(known);
		}
	}
}

static int compare_keys(const void *left, const void *right)
{
	const struct embedding_item *a = *(struct embedding_item *const *)left, *b = *(struct embedding_item *const *)right;
	int by_key = memcmp(a->key, b->key, CACHE_KEY_LEN);

	return by_key ? by_key : (a > b) - (a < b);
}

/* What stands twice in one call is asked for once. Without memory for it, it is asked for as often as it stands there. */
static void find_same(struct call *c, struct embeddings *e)
{
	unsigned n = e->input.n, first = 0;
	struct embedding_item **sorted = arena_alloc(&c->exchange->arena, n * sizeof(*sorted));

	for (unsigned i = 0; sorted && i < n; i++)
		sorted[i] = &e->items[i];
	if (!sorted || n < 2)
		return;
	qsort(sorted, n, sizeof(*sorted), compare_keys);
	for (unsigned i = 1; i < n; i++) {
		if (memcmp(sorted[i]->key, sorted[first]->key, CACHE_KEY_LEN) != 0)
			first = i;
		else if (!sorted[i]->known)
			sorted[i]->same = sorted[first];
	}
}

static void count_asked(struct embeddings *e)
{
	e->n_asked = 0;
	for (unsigned i = 0; i < e->input.n; i++) {
		struct embedding_item *item = &e->items[i];
		e->left_out[i] = item->known || item->same;
		item->asked = e->left_out[i] ? 0 : e->n_asked++;
	}
}

static struct embeddings *embeddings_new(struct call *c)
{
	struct exchange *x = c->exchange;
	const struct embedding_ops *ops = x->route.dialect->embeddings;
	struct embeddings *e = ops ? arena_zalloc(&x->arena, sizeof(*e)) : NULL;

	if (!e || ops->read_input(buf_slice(&x->body), &x->arena, &e->input) < 0)
		return NULL;
	e->items = arena_zalloc(&x->arena, e->input.n * sizeof(*e->items));
	e->left_out = arena_zalloc(&x->arena, e->input.n * sizeof(*e->left_out));
	return e->items && e->left_out && make_keys(c, e) == 0 ? e : NULL;
}

/* Of a call that asks for no more than is missing, no more is to be reserved and estimated. */
static int weigh(struct call *c, const struct embeddings *e)
{
	struct exchange *x = c->exchange;

	if (!e->n_asked || e->n_asked == e->input.n)
		return 0;
	return x->route.dialect->embeddings->weigh_input(buf_slice(&x->body), e->left_out, &c->facts, c->tokens);
}

static void forget(struct embeddings *e)
{
	for (unsigned i = 0; i < e->input.n; i++) {
		cache_entry_unref(e->items[i].known);
		e->items[i].known = NULL;
		e->items[i].same = NULL;
	}
	count_asked(e);
}

/* Who asks for the same items at the same time waits for what this call brings. Whoever ran before has put its items there
 * before it left. */
static void share(struct call *c, struct embeddings *e)
{
	struct caching *k = c->caching;

	k->keeps = e->keeps;
	sharing_join(k);
	k->keeps = false; /* the document is not kept, its items are */
	if (k->waits || !k->seat)
		return;
	find_known(c, e, true);
	count_asked(e);
}

/* Once: what is asked for is known. */
static void settle_look(struct call *c, struct embeddings *e)
{
	struct caching *k = c->caching;

	e->settled = true;
	if (weigh(c, e) < 0)
		forget(e);
	k->made = !e->n_asked;
	k->result = k->made ? CACHE_HIT : CACHE_MISS;
}

void embeddings_look(struct call *c, bool apply)
{
	struct slice word = head_value(c->exchange->head, HEADER_X_WEIR_CACHE);
	struct caching *k;

	if (c->caching || !is_cacheable(c) || !(k = caching_open(c, &c->model->cache)))
		return;
	if (c->facts.stream || caching_is_private(c) || slice_equals_nocase(word, SLICE("no-store")))
		return;
	struct embeddings *e = c->embeddings = embeddings_new(c);
	if (!e)
		return;
	e->keeps = !c->timeout_ns;
	count_asked(e);
	if (word.len)
		return;
	find_known(c, e, apply);
	if (!apply)
		return;
	find_same(c, e);
	count_asked(e);
	if (e->n_asked)
		share(c, e);
	k->result = CACHE_MISS;
	if (!shared_items_are_wanted(c))
		settle_look(c, e);
}

void embeddings_look_again(struct call *c)
{
	find_known(c, c->embeddings, true);
	count_asked(c->embeddings);
	settle_look(c, c->embeddings);
}

int embeddings_edit(const struct call *c, struct edits *edits)
{
	const struct embeddings *e = c->embeddings;

	if (!e || !e->n_asked || e->n_asked == e->input.n)
		return 0;
	return c->exchange->route.dialect->embeddings->edit_input(&e->input, e->left_out, edits);
}

/* ---- answering ---- */

static struct embedding embedding_of_entry(const struct cache_entry *e)
{
	struct embedding item = {.bytes = e->body};

	memcpy(&item.number, e->type.at, sizeof(item.number));
	return item;
}

static struct slice model_of_entry(const struct cache_entry *e)
{
	return slice_skip(e->type, sizeof(struct span));
}

static int put_items(const struct embeddings *e, struct buf *to)
{
	int r = 0;

	for (unsigned i = 0; !r && i < e->input.n; i++) {
		const struct embedding_item *item = &e->items[i], *asked = item->same ? item->same : item;
		struct embedding got = asked->known ? embedding_of_entry(asked->known) : e->answer.items[asked->asked];
		if (i)
			r = buf_put_char(to, ',');
		if (!r)
			r = embedding_put(to, &got, i);
	}
	return r;
}

/* The document with all items of the call where its list stands. */
static int put_document(const struct embeddings *e, struct slice text, struct span list, struct buf *to)
{
	int r = buf_put(to, text.at, list.start);

	if (!r)
		r = put_items(e, to);
	return r ? r : buf_put_slice(to, slice_skip(text, list.end));
}

static enum fault malformed(struct exchange *x, const char *why)
{
	x->note = arena_dup(&x->arena, slice_str(why));
	return FAULT_UPSTREAM_MALFORMED;
}

/* What is kept are the provider's own bytes, so those stay: what was put together stands in other memory. */
static enum fault put_together(struct exchange *x, struct embeddings *e)
{
	struct buf whole = BUF_INIT(x->arrived.max);
	int r = put_document(e, buf_slice(&x->arrived), e->answer.list, &whole);

	if (!r) {
		struct buf came = x->arrived;
		x->arrived = whole;
		whole = came;
		e->came = whole;
		return FAULT_NONE;
	}
	buf_finish(&whole);
	return r == -ENOMEM ? FAULT_OVERLOADED : malformed(x, "With what is known, the answer is larger than this gateway takes; ask for fewer items at once.");
}

enum fault embeddings_join(struct exchange *x)
{
	struct embeddings *e = x->calls[0].embeddings;
	struct complaint why UNINIT;

	if (!e || e->given || caching_is_hit(&x->calls[0]) || x->upstream_status >= 300)
		return FAULT_NONE;
	complaint_init(&why, FAULT_UPSTREAM_MALFORMED);
	int r = x->route.dialect->embeddings->read_answer(buf_slice(&x->arrived), e->n_asked, &x->arena, &e->answer, &why);
	if (r < 0)
		e->answer.n = 0;
	if (e->n_asked == e->input.n)
		return FAULT_NONE; /* it is passed on as it came, whatever it is */
	if (r < 0)
		return r == -ENOMEM ? FAULT_OVERLOADED : malformed(x, why.text);
	return put_together(x, e);
}

void embeddings_give(struct exchange *x, bool for_nothing)
{
	struct call *c = &x->calls[0];

	c->embeddings->given = true;
	c->embeddings->keeps = false;
	if (for_nothing) {
		c->caching->made = true;
		c->caching->result = CACHE_HIT;
	}
}

int embeddings_document(struct exchange *x, struct slice model, const struct embedding_usage *used, struct buf *to)
{
	const struct call *c = &x->calls[0];
	struct span asked = c->facts.model_place, list;

	if (!model.len)
		model = slice_from(buf_at(&x->body) + asked.start, asked.end - asked.start);
	struct slice text = x->route.dialect->embeddings->empty_answer(model, used, &x->arena, &list);
	return text.at ? put_document(c->embeddings, text, list, to) : -ENOMEM;
}

int embeddings_reach(struct exchange *x)
{
	const struct embedding_usage nothing = {.known = true};
	const struct embeddings *e = x->calls[0].embeddings;

	if (caching_give(x, SLICE("application/json"), (struct slice){"", 0}) < 0)
		return -ENOMEM;
	embeddings_give(x, true);
	return embeddings_document(x, model_of_entry(e->items[0].known), &nothing, &x->arrived);
}

/* ---- keeping ---- */

size_t embeddings_type(char to[EMBEDDING_TYPE_MAX], struct span number, struct slice model)
{
	if (model.len > EMBEDDING_MODEL_MAX)
		model.len = 0;
	memcpy(to, &number, sizeof(number));
	bytes_copy(to + sizeof(number), model.at, model.len);
	return sizeof(number) + model.len;
}

int embeddings_keep(const struct exchange *x, const uint8_t key[CACHE_KEY_LEN], const struct embedding *got, struct slice model,
	struct cache_entry **ret)
{
	char type[EMBEDDING_TYPE_MAX];
	struct slice typed = slice_from(type, embeddings_type(type, got->number, model));

	cache_put(x->env->cache, key, typed, got->bytes, exchange_now(x) + x->snapshot->conf->cache.embeddings_ns);
	shared_items_leave(x, key, got, model);
	if (ret)
		*ret = cache_entry_new(key, typed, got->bytes);
	return ret && !*ret ? -ENOMEM : 0;
}

static bool is_worth_keeping(const struct exchange *x, const struct call *c)
{
	return x->went_upstream && !x->source_local && x->upstream_status == 200 && x->fault == FAULT_NONE && !c->refused &&
	       x->answer.complete && x->answer.closed;
}

/* What others get who wait for it: the same items, for which nothing was used. NULL: there is nothing for them, or no memory. */
static struct cache_entry *make_for_others(struct call *c)
{
	const struct embedding_usage nothing = {.known = true};
	const struct embeddings *e = c->embeddings;
	struct exchange *x = c->exchange;
	struct cache_entry *entry = NULL;
	struct buf whole = BUF_INIT(x->arrived.max);
	bool came = e->keeps && e->answer.n && is_worth_keeping(x, c);

	if ((!came && !e->given && !c->caching->made) || x->fault != FAULT_NONE || c->refused)
		return NULL;
	struct slice model = came ? e->answer.model : model_of_entry(e->items[0].known);
	if (embeddings_document(x, model, &nothing, &whole) == 0)
		entry = cache_entry_new(c->caching->key, SLICE("application/json"), buf_slice(&whole));
	buf_finish(&whole);
	return entry;
}

static void tell_others(struct call *c)
{
	struct cache_entry *e = c->caching->seat ? make_for_others(c) : NULL;

	sharing_end(c->caching, e);
	cache_entry_unref(e);
}

void embeddings_end(struct call *c)
{
	struct embeddings *e = c->embeddings;

	if (!e)
		return;
	for (unsigned i = 0; i < e->input.n; i++)
		if (e->keeps && e->answer.n && !e->left_out[i] && is_worth_keeping(c->exchange, c))
			embeddings_keep(c->exchange, e->items[i].key, &e->answer.items[e->items[i].asked], e->answer.model, NULL);
	tell_others(c);
	for (unsigned i = 0; i < e->input.n; i++) {
		cache_entry_unref(e->items[i].known);
		e->items[i].known = NULL;
	}
	buf_finish(&e->came);
}
