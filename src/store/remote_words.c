/* SPDX-License-Identifier: Apache-2.0 */
/* remote_words: what is asked of scripts/counters.lua. Whatever is no integer below 2^53 is rounded
 * to one on the side that admits less. */
#include <errno.h>
#include "base/mem.h"
#include "store/errand.h"
#include "store/remote_core.h"
#include "store/remote_lease.h"
#include "store/script_words.h"

#define SPAN_MAX (1ull << 52)
#define OUT_MAX 9000000000000ull
#define HEAD_NUMBERS 14u
#define DEMAND_NUMBERS 10u
#define WORDS_MORE 6u /* beside a key for each demand: three more, the question, ids, a span */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct writer {
	struct slice *words;
	unsigned n;
	char *at;
};

static void word_put(struct writer *w, const char *from)
{
	w->words[w->n++] = slice_from(from, (size_t)(w->at - from));
}

static void number_put(struct writer *w, uint64_t number)
{
	script_double(&w->at, number);
}

static void limit_put(struct writer *w, uint64_t number, uint64_t none)
{
	script_limit(&w->at, number, none);
}

static void key_put(
        struct writer *w, struct slice group, struct slice kind, struct slice name, uint64_t window)
{
	struct slice key = script_key(&w->at, group, kind, name);

	if (window) {
		script_text(&w->at, SLICE(":"));
		w->at += decimal_put(window, w->at);
		key.len = (size_t)(w->at - key.at);
	}
	w->words[w->n++] = key;
}

static uint64_t window_of(const struct demand *d)
{
	return d->kind == DEMAND_BUDGET ? d->budget.window : 0;
}

static void counter_put(struct writer *w, const struct demand *d)
{
	static const struct slice kinds[] = {[DEMAND_RATE] = SLICE_INIT("}:r:"),
	        [DEMAND_SLOT] = SLICE_INIT("}:s:"),
	        [DEMAND_BUDGET] = SLICE_INIT("}:b:")};

	if (d->lessee.len)
		key_put(w, d->lessee, SLICE("}:l:"), d->name, window_of(d));
	else
		key_put(w, d->group, kinds[d->kind], d->name, window_of(d));
}

static bool is_one_counter(const struct demand *a, const struct demand *b)
{
	return a->kind == b->kind && slice_equals(a->name, b->name) &&
	       !a->lessee.len == !b->lessee.len && window_of(a) == window_of(b);
}

/* Each counter once; at[i]: where demand i of the part finds it among the keys, from 1. */
static void counters_put(struct writer *w, const struct hold *h, unsigned *at)
{
	const struct hold_part *p = &h->parts[h->part];

	for (unsigned i = 0; i < p->n; i++) {
		const struct demand *d = &h->demands[p->demands[i]];
		unsigned before = 0;

		while (before < i && !is_one_counter(d, &h->demands[p->demands[before]]))
			before++;
		if (before == i)
			counter_put(w, d);
		at[i] = before < i ? at[before] : w->n;
	}
}

/* Nanoseconds of a unit, rounded up. */
static uint64_t unit_of(const struct demand *d)
{
	if (!d->rate.count)
		return SPAN_MAX;
	return least(d->rate.period_ns / d->rate.count + (d->rate.period_ns % d->rate.count != 0),
	        SPAN_MAX);
}

static uint64_t span_of(uint64_t unit, uint64_t units)
{
	uint64_t span;

	return __builtin_mul_overflow(unit, units, &span) ? SPAN_MAX : least(span, SPAN_MAX);
}

static void rate_put(struct writer *w, const struct demand *d)
{
	uint64_t unit = unit_of(d), burst = d->rate.count ? d->rate.burst : 0;

	number_put(w, unit);
	number_put(w, span_of(unit, burst));
	number_put(w, span_of(unit, d->rate.units));
	number_put(w, burst);
	number_put(w, d->rate.units);
	number_put(w, 0);
}

static void budget_put(struct writer *w, const struct demand *d, const struct hold_lease *l)
{
	limit_put(w, (uint64_t)d->budget.limit_cost, (uint64_t)BUDGET_NO_COST);
	limit_put(w, d->budget.limit_tokens, BUDGET_NO_TOKENS);
	number_put(w, l ? l->granted : d->of_id);
	limit_put(w, d->budget.ends, WINDOW_NEVER_ENDS);
	number_put(w, l ? l->granted_tokens : 0);
	number_put(w, l ? l->born : 0);
}

static void demand_put(
        struct writer *w, const struct hold *h, enum counters_op op, unsigned i, unsigned key)
{
	const struct demand *d = &h->demands[i];
	const struct hold_lease *l = d->lessee.len ? &h->leases[i] : NULL;

	number_put(w, (uint64_t)d->kind + 1 + (l != NULL));
	number_put(w, key);
	number_put(w, d->soft);
	if (op == COUNTERS_SETTLE && l)
		number_put(w, h->is_answered && lease_is_known(h->remote, d));
	else
		number_put(w, l ? l->is_last : d->by_tokens);
	if (d->kind == DEMAND_RATE)
		rate_put(w, d);
	else if (d->kind == DEMAND_BUDGET)
		budget_put(w, d, l);
	else
		for (unsigned n = 0; n < 6; n++)
			number_put(w, n ? 0 : d->slot.limit);
}

static void head_put(struct writer *w, const struct hold *h, enum counters_op op)
{
	const struct hold_part *p = &h->parts[h->part];
	const struct reservation *r = &h->reservation;
	uint64_t now = h->remote->loop->now;
	bool asserts = h->state == HOLD_HELD_ASSERTING;

	number_put(w, op);
	number_put(w, p->n);
	number_put(w, h->id.len);
	number_put(w, h->expires > now ? (h->expires - now) / NS_PER_US : 0);
	number_put(w, (uint64_t)r->fixed_cost);
	number_put(w, r->fixed_tokens);
	number_put(w, r->out_price);
	number_put(w, r->out_tokens_each);
	number_put(w, least(r->out_wanted, OUT_MAX));
	number_put(w, least(r->out_min, OUT_MAX));
	number_put(w, h->used.ran);
	number_put(w, asserts ? p->cost : (uint64_t)h->used.cost);
	number_put(w, asserts ? p->tokens : h->used.tokens);
	number_put(w, h->remote->ids_max);
}

static void question_put(
        struct writer *w, const struct hold *h, enum counters_op op, const unsigned *keys)
{
	const struct hold_part *p = &h->parts[h->part];
	const char *from = w->at;

	head_put(w, h, op);
	for (unsigned i = 0; i < p->n; i++)
		demand_put(w, h, op, p->demands[i], keys[i]);
	word_put(w, from);
}

/* Which keys open a value. */
static void ids_put(struct writer *w, const struct remote *r)
{
	const char *from = w->at;

	for (unsigned i = 0; i < r->n_seals; i++)
		script_text(&w->at, slice_from(r->seals[i].id, SEAL_ID_LEN));
	word_put(w, from);
}

/* The part whose turn it is looks for a value. */
static bool has_cached(const struct hold *h, enum counters_op op)
{
	const struct admission *a = h->admission;
	const struct demand *first = &h->demands[h->parts[h->part].demands[0]];

	return a && a->cached.len && op == COUNTERS_ADMIT && h->remote->n_seals &&
	       a->cached.len <= VALUE_NAME_MAX && slice_equals(a->cached_group, demand_home(first));
}

static bool has_budget(const struct hold *h)
{
	const struct hold_part *p = &h->parts[h->part];

	for (unsigned i = 0; i < p->n; i++)
		if (h->demands[p->demands[i]].kind == DEMAND_BUDGET)
			return true;
	return false;
}

static size_t text_needed(const struct hold *h)
{
	const struct hold_part *p = &h->parts[h->part];
	size_t group = demand_home(&h->demands[p->demands[0]]).len + KEY_AROUND;
	size_t size = 2 * group + h->id.len + HEAD_NUMBERS * sizeof(double);

	for (unsigned i = 0; i < p->n; i++)
		size += group + h->demands[p->demands[i]].name.len + DECIMAL_MAX +
		        DEMAND_NUMBERS * sizeof(double);
	if (h->admission)
		size += group + h->admission->cached.len + REMOTE_KEYS_MAX * SEAL_ID_LEN +
		        DECIMAL_MAX;
	return size;
}

int hold_ask(struct hold *h, enum counters_op op, struct redis_link *on,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply))
{
	const struct hold_part *p = &h->parts[h->part];
	struct slice group = demand_home(&h->demands[p->demands[0]]);
	size_t words = (p->n + WORDS_MORE) * sizeof(*h->words);
	UNINIT unsigned keys[REMOTE_DEMANDS_MAX];
	struct writer w = {0};
	unsigned n_keys;
	int r;

	hold_unword(h);
	h->words = mem_alloc(words + text_needed(h));
	if (!h->words)
		return -ENOMEM;
	w.words = h->words;
	w.at = (char *)h->words + words;
	key_put(&w, group, SLICE("}:i:"), h->id, 0);
	counters_put(&w, h, keys);
	if (has_budget(h))
		key_put(&w, group, SLICE("}:due"), SLICE(""), 0);
	h->cached = (struct slice){"", 0};
	if (has_cached(h, op)) {
		key_put(&w, group, SLICE("}:v:"), h->admission->cached, 0);
		h->cached = w.words[w.n - 1];
	}
	n_keys = w.n;
	question_put(&w, h, op, keys);
	if (h->cached.len) {
		ids_put(&w, h->remote);
		w.words[w.n++] = script_number(&w.at, h->admission->cached_spare_ns / NS_PER_MS);
	}
	h->ask = (struct redis_ask){.args = h->words,
	        .n_args = w.n,
	        .n_keys = n_keys,
	        .script = &redis_script_counters,
	        .done = done};
	r = on ? redis_ask_on(h->remote->redis, on, h->words[0], &h->ask)
	       : redis_ask(h->remote->redis, h->words[0], &h->ask);
	if (r != PENDING)
		hold_unword(h);
	return r;
}
