/* SPDX-License-Identifier: Apache-2.0 */
/* remote_words: what is asked of scripts/counters.lua, and what it answers. Whatever is no integer
 * below 2^53 is rounded to one on the side that admits less. */
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "store/errand.h"
#include "store/remote_core.h"
#include "store/script_words.h"

#define SPAN_MAX (1ull << 52)
#define OUT_MAX 9000000000000ull
#define HEAD_WORDS 12u
#define DEMAND_WORDS 8u
#define NUMBER_MAX 24u
#define ANSWER_HEAD 5u
#define ANSWER_DEMAND 6u

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- holds */

static size_t text_size(const struct demand *demands, unsigned n)
{
	size_t size = 0;

	for (unsigned i = 0; i < n; i++)
		size += demands[i].group.len + demands[i].name.len;
	return size;
}

static bool is_shared(struct slice group)
{
	return !slice_starts(group, SLICE("a:")) && !slice_starts(group, SLICE("t:"));
}

/* Groups that many calls share are asked first: what an agent's own counters refuse is the usual
 * refusal, but what they hold is seen by fewer while it may have to be given back. */
static void hold_divide(struct hold *h)
{
	for (int shared = 1; shared >= 0; shared--)
		for (unsigned i = 0; i < h->n; i++) {
			struct slice group = h->demands[i].group;
			unsigned p = 0;

			if (is_shared(group) != shared)
				continue;
			while (p < h->n_parts &&
			        !slice_equals(h->demands[h->parts[p].demands[0]].group, group))
				p++;
			h->n_parts += p == h->n_parts;
			h->parts[p].demands[h->parts[p].n++] = i;
		}
}

int hold_new(struct remote *r, struct slice id, const struct demand *demands, unsigned n,
        struct hold **ret_hold)
{
	size_t head = sizeof(struct hold) + n * (sizeof(*demands) + sizeof(struct hold_part));
	struct hold *h;
	char *at;

	if (n > REMOTE_DEMANDS_MAX)
		return -EMSGSIZE;
	h = mem_zalloc(head + id.len + text_size(demands, n));
	if (!h)
		return -ENOMEM;
	list_init(&h->link);
	list_init(&h->wait);
	h->remote = r;
	h->demands = (struct demand *)(h + 1);
	h->parts = (struct hold_part *)(h->demands + n);
	h->n = n;
	at = (char *)h + head;
	h->id = script_text(&at, id);
	for (unsigned i = 0; i < n; i++) {
		h->demands[i] = demands[i];
		h->demands[i].group = script_text(&at, demands[i].group);
		h->demands[i].name = script_text(&at, demands[i].name);
	}
	hold_divide(h);
	*ret_hold = h;
	return 0;
}

void hold_unword(struct hold *h)
{
	mem_free(h->words);
	mem_free(h->text);
	h->words = NULL;
	h->text = NULL;
}

void hold_free(struct hold *h)
{
	ask_cancel(&h->ask);
	list_unlink(&h->wait);
	list_unlink(&h->link);
	hold_unword(h);
	mem_free(h);
}

void hold_time(struct hold *h, enum store_op op, int result)
{
	struct remote *r = h->remote;

	store_times_count(&r->times, op, store_outcome_of(result), r->loop->now - h->asked_at);
}

/* ---- asking */

struct writer {
	struct slice *words;
	unsigned n;
	char *at;
};

static void word_put(struct writer *w, struct slice word)
{
	w->words[w->n++] = word;
}

static void number_put(struct writer *w, uint64_t number)
{
	word_put(w, script_number(&w->at, number));
}

/* -1 stands for none. Sums saturate above every limit. */
static void limit_put(struct writer *w, uint64_t number, uint64_t none)
{
	if (number == none)
		word_put(w, SLICE("-1"));
	else
		number_put(w, least(number, EXACT_MAX - 1));
}

static void counter_put(struct writer *w, const struct demand *d)
{
	static const struct slice kinds[] = {[DEMAND_RATE] = SLICE_INIT("}:r:"),
	        [DEMAND_SLOT] = SLICE_INIT("}:s:"),
	        [DEMAND_BUDGET] = SLICE_INIT("}:b:")};
	struct slice key = script_key(&w->at, d->group, kinds[d->kind], d->name);

	if (d->kind == DEMAND_BUDGET && d->budget.window) {
		script_text(&w->at, SLICE(":"));
		w->at += decimal_put(d->budget.window, w->at);
		key.len = (size_t)(w->at - key.at);
	}
	word_put(w, key);
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
}

static void budget_put(struct writer *w, const struct demand *d)
{
	limit_put(w, (uint64_t)d->budget.limit_cost, (uint64_t)BUDGET_NO_COST);
	limit_put(w, d->budget.limit_tokens, BUDGET_NO_TOKENS);
	limit_put(w, d->budget.ends, WINDOW_NEVER_ENDS);
	number_put(w, 0);
	number_put(w, 0);
}

static void demand_put(struct writer *w, const struct demand *d)
{
	static const struct slice kinds[] = {[DEMAND_RATE] = SLICE_INIT("r"),
	        [DEMAND_SLOT] = SLICE_INIT("s"),
	        [DEMAND_BUDGET] = SLICE_INIT("b")};

	word_put(w, kinds[d->kind]);
	number_put(w, d->soft);
	number_put(w, d->by_tokens);
	if (d->kind == DEMAND_RATE)
		rate_put(w, d);
	else if (d->kind == DEMAND_BUDGET)
		budget_put(w, d);
	else
		for (unsigned i = 0; i < 5; i++)
			number_put(w, i ? 0 : d->slot.limit);
}

static void head_put(struct writer *w, const struct hold *h, const char *op)
{
	const struct hold_part *p = &h->parts[h->part];
	const struct reservation *r = &h->reservation;
	uint64_t now = h->remote->loop->now;
	bool asserts = h->state == HOLD_HELD_ASSERTING;

	word_put(w, slice_str(op));
	word_put(w, h->id);
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
}

/* Which keys open a value. */
static void ids_put(struct writer *w, const struct remote *r)
{
	struct slice ids = slice_from(w->at, 0);

	for (unsigned i = 0; i < r->n_seals; i++)
		ids.len += script_text(&w->at, slice_from(r->seals[i].id, SEAL_ID_LEN)).len;
	word_put(w, ids);
}

/* The part whose turn it is looks for a value. */
static bool has_cached(const struct hold *h, const char *op)
{
	const struct admission *a = h->admission;
	const struct demand *first = &h->demands[h->parts[h->part].demands[0]];

	return a && a->cached.len && op[0] == 'a' && h->remote->n_seals &&
	       a->cached.len <= VALUE_NAME_MAX && slice_equals(a->cached_group, first->group);
}

static size_t text_needed(const struct hold *h)
{
	const struct hold_part *p = &h->parts[h->part];
	size_t group = h->demands[p->demands[0]].group.len + KEY_AROUND;
	size_t size = 2 * group + h->id.len + HEAD_WORDS * NUMBER_MAX;

	for (unsigned i = 0; i < p->n; i++)
		size += group + h->demands[p->demands[i]].name.len + DEMAND_WORDS * NUMBER_MAX;
	if (h->admission)
		size += group + h->admission->cached.len + REMOTE_KEYS_MAX * SEAL_ID_LEN + NUMBER_MAX;
	return size;
}

int hold_ask(struct hold *h, const char *op, struct redis_link *on,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply))
{
	const struct hold_part *p = &h->parts[h->part];
	struct slice group = h->demands[p->demands[0]].group;
	struct writer w = {0};
	bool is_cached = has_cached(h, op);
	unsigned n_keys = 2 + p->n + is_cached;
	unsigned n_words = n_keys + HEAD_WORDS + p->n * DEMAND_WORDS + 2 * is_cached;
	int r;

	hold_unword(h);
	h->words = mem_alloc(n_words * sizeof(*h->words));
	h->text = mem_alloc(text_needed(h));
	if (!h->words || !h->text) {
		hold_unword(h);
		return -ENOMEM;
	}
	w.words = h->words;
	w.at = h->text;
	word_put(&w, script_key(&w.at, group, SLICE("}:i:"), h->id));
	word_put(&w, script_key(&w.at, group, SLICE("}:due"), SLICE("")));
	for (unsigned i = 0; i < p->n; i++)
		counter_put(&w, &h->demands[p->demands[i]]);
	h->cached = (struct slice){"", 0};
	if (is_cached) {
		h->cached = script_key(&w.at, group, SLICE("}:v:"), h->admission->cached);
		word_put(&w, h->cached);
	}
	head_put(&w, h, op);
	for (unsigned i = 0; i < p->n; i++)
		demand_put(&w, &h->demands[p->demands[i]]);
	if (is_cached) {
		ids_put(&w, h->remote);
		number_put(&w, h->admission->cached_spare_ns / NS_PER_MS);
	}
	assert(w.n == n_words);
	h->ask = (struct redis_ask){.args = h->words,
	        .n_args = n_words,
	        .n_keys = n_keys,
	        .script = &redis_script_counters,
	        .done = done};
	r = on ? redis_ask_on(h->remote->redis, on, h->words[0], &h->ask)
	       : redis_ask(h->remote->redis, h->words[0], &h->ask);
	if (r != PENDING)
		hold_unword(h);
	return r;
}

/* ---- hearing */

static uint64_t number_at(const struct redis_reply *reply, unsigned i)
{
	int64_t number = reply->list[i].integer;

	return number > 0 ? (uint64_t)number : 0;
}

static bool is_whole(const struct redis_reply *reply, unsigned n)
{
	if (reply->type != REPLY_LIST || reply->n < n)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (reply->list[i].type != REPLY_INTEGER)
			return false;
	return true;
}

static void demand_read(struct demand *d, const struct redis_reply *reply, unsigned at)
{
	uint64_t state = number_at(reply, at);

	d->state = state <= DEMAND_CROWDED ? (enum demand_state)state : DEMAND_REFUSED;
	d->wait_ns = number_at(reply, at + 1);
	if (d->kind == DEMAND_BUDGET) {
		d->spent_cost = (nanousd)number_at(reply, at + 2);
		d->reserved_cost = (nanousd)number_at(reply, at + 3);
		d->spent_tokens = number_at(reply, at + 4);
		d->reserved_tokens = number_at(reply, at + 5);
	} else if (d->kind == DEMAND_RATE) {
		d->left = number_at(reply, at + 2);
		d->reset_ns = number_at(reply, at + 3);
	}
}

/* 0, -EPROTO, -EBADMSG, -ENOMEM. */
static int found_read(struct hold *h, const struct redis_reply *reply, struct blob **ret_found)
{
	const struct redis_reply *last = reply_at(reply, reply->n - 1);

	if (!h->cached.len || !ret_found || last->type != REPLY_TEXT)
		return -EPROTO;
	return value_open(h->remote, h->cached, last->text, ret_found);
}

int hold_read(struct hold *h, const struct redis_reply *reply, unsigned *ret_refused,
        struct blob **ret_found)
{
	struct hold_part *p = &h->parts[h->part];
	unsigned n = ANSWER_HEAD + p->n * ANSWER_DEMAND;
	int64_t code, refused;
	int r;

	if (reply->n == 1 && is_whole(reply, 1) && reply->list[0].integer < 0)
		return -ECANCELED;
	if (!is_whole(reply, n))
		return -EPROTO;
	code = reply->list[0].integer;
	refused = reply->list[1].integer;
	if (code < 0 || code > 2 || reply->n < n + (code == 2) || reply->n > n + (code != 0) ||
	        (!code && (refused < 0 || refused >= p->n)))
		return -EPROTO;
	for (unsigned i = 0; i < p->n; i++)
		demand_read(&h->out[p->demands[i]], reply, ANSWER_HEAD + i * ANSWER_DEMAND);
	if (!code) {
		*ret_refused = p->demands[refused];
		return 0;
	}
	r = reply->n > n ? found_read(h, reply, ret_found) : 0;
	if (r && (code == 2 || r == -EPROTO))
		return r;
	/* What the next group is asked for is what this one has room for. */
	h->reservation.out_granted = h->reservation.out_wanted = number_at(reply, 2);
	h->reservation.cost = (nanousd)(p->cost = number_at(reply, 3));
	h->reservation.tokens = p->tokens = number_at(reply, 4);
	return (int)code;
}
