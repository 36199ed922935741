/* SPDX-License-Identifier: Apache-2.0 */
/* remote_pool: a call whose group's lease lacks room asks the pool for more, see remote_lease.h. */
#include <errno.h>
#include "base/mem.h"
#include "store/budget.h"
#include "store/remote_core.h"
#include "store/remote_lease.h"
#include "store/script_words.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- words */

size_t pool_room(const struct demand *d)
{
	return 2 * (d->group.len + d->name.len + KEY_AROUND + DECIMAL_MAX) +
	       POOL_NUMBERS * sizeof(double);
}

static struct slice key_put(char **at, const struct demand *d, struct slice kind)
{
	struct slice key = script_key(at, d->group, kind, d->name);

	if (d->budget.window) {
		script_text(at, SLICE(":"));
		*at += decimal_put(d->budget.window, *at);
		key.len = (size_t)(*at - key.at);
	}
	return key;
}

static void lease_put(char **at, const struct lease_state *l)
{
	script_double(at, l->born);
	script_double(at, l->at);
	script_double(at, l->granted);
	script_double(at, l->granted_tokens);
	script_double(at, l->returned);
	script_double(at, l->returned_tokens);
	script_double(at, l->spent);
	script_double(at, l->spent_tokens);
	script_double(at, l->spent + l->reserved);
	script_double(at, l->spent_tokens + l->reserved_tokens);
}

void pool_words(struct slice words[4], char *text, const struct demand *d,
        const struct lease_state *l, const struct pool_wish *wish)
{
	static const struct pool_wish none;
	const struct pool_wish *w = wish ? wish : &none;
	char *from;

	words[0] = key_put(&text, d, SLICE("}:b:"));
	words[1] = key_put(&text, d, SLICE("}:l:"));
	from = text;
	script_double(&text, wish != NULL);
	lease_put(&text, l);
	script_double(&text, w->cost);
	script_double(&text, w->tokens);
	script_double(&text, w->least_cost);
	script_double(&text, w->least_tokens);
	script_limit(&text, w->limit_cost, (uint64_t)BUDGET_NO_COST);
	script_limit(&text, w->limit_tokens, BUDGET_NO_TOKENS);
	script_limit(&text, d->budget.ends, WINDOW_NEVER_ENDS);
	script_double(&text, w->is_soft);
	words[2] = slice_from(from, (size_t)(text - from));
	words[3] = d->lessee;
}

bool pool_read(const struct redis_reply *reply, struct pool_answer *ret)
{
	struct slice n = reply ? reply_text(reply) : (struct slice){"", 0};

	if (n.len != POOL_ANSWER * sizeof(double))
		return false;
	*ret = (struct pool_answer){
	        .state = (enum demand_state)least(script_number_at(n, 0), DEMAND_RESERVED),
	        .is_whole = script_number_at(n, 1) == 1,
	        .granted = script_number_at(n, 2),
	        .granted_tokens = script_number_at(n, 3),
	        .spent = script_number_at(n, 4),
	        .reserved = script_number_at(n, 5),
	        .spent_tokens = script_number_at(n, 6),
	        .reserved_tokens = script_number_at(n, 7)};
	return true;
}

/* ---- asking */

static void price(const struct hold *h, uint64_t out, uint64_t *ret_cost, uint64_t *ret_tokens)
{
	struct reservation r = h->reservation;

	r.out_granted = out;
	reservation_price(&r);
	*ret_cost = (uint64_t)r.cost;
	*ret_tokens = r.tokens;
}

static void on_granted(struct redis_ask *ask, int result, const struct redis_reply *reply);

static int pool_ask(struct hold *h, unsigned i)
{
	const struct demand *d = &h->demands[i];
	const struct reservation *r = &h->reservation;
	struct pool_wish wish = {.limit_cost = (uint64_t)d->budget.limit_cost,
	        .limit_tokens = d->budget.limit_tokens,
	        .is_soft = d->soft};
	const size_t words = 4 * sizeof(*h->words);
	int error;

	price(h, r->out_granted, &wish.cost, &wish.tokens);
	price(h, least(least(r->out_min, r->out_wanted), r->out_granted), &wish.least_cost,
	        &wish.least_tokens);
	hold_unword(h);
	h->words = mem_alloc(words + pool_room(d));
	if (!h->words)
		return -ENOMEM;
	pool_words(h->words, (char *)h->words + words, d, &h->leases[i].seen, &wish);
	h->leasing = i;
	h->ask = (struct redis_ask){.args = h->words,
	        .n_args = 4,
	        .n_keys = 2,
	        .script = &redis_script_pool,
	        .done = on_granted};
	error = redis_ask(h->remote->redis, h->words[0], &h->ask);
	if (error != PENDING)
		hold_unword(h);
	return error;
}

/* One after the other; it is rare that there are several. */
static int lease_next(struct hold *h)
{
	const struct hold_part *p = &h->parts[h->part];

	for (unsigned i = 0; i < p->n; i++) {
		unsigned d = p->demands[i];

		if (h->demands[d].lessee.len && h->out[d].state == DEMAND_LACKS &&
		        !h->leases[d].is_asked)
			return pool_ask(h, d);
	}
	return hold_ask(h, COUNTERS_ADMIT, NULL, hold_on_answer);
}

int hold_lease(struct hold *h)
{
	h->rounds++;
	for (unsigned i = 0; i < h->n; i++)
		h->leases[i].is_asked = false;
	/* Whatever others do with the room meanwhile, the call is answered. */
	if (h->rounds > LEASE_ROUNDS)
		for (unsigned i = 0; i < h->n; i++)
			h->leases[i].is_last = true;
	return lease_next(h);
}

static void refuse(struct hold *h, const struct pool_answer *a)
{
	struct demand *out = &h->out[h->leasing];

	/* What others were granted for this call is of no use any more. */
	for (unsigned i = 0; i < h->n; i++)
		if (i != h->leasing && h->leases[i].is_asked)
			lease_give_back(h->remote, &h->demands[i]);
	out->state = a->state;
	out->wait_ns = a->state == DEMAND_RESERVED ? LEASE_TICK : 0;
	out->spent_cost = (nanousd)a->spent;
	out->reserved_cost = (nanousd)a->reserved;
	out->spent_tokens = a->spent_tokens;
	out->reserved_tokens = a->reserved_tokens;
	hold_refuse(h, h->leasing);
}

static void on_granted(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct hold *h = container_of(ask, struct hold, ask);
	const struct demand *d = &h->demands[h->leasing];
	struct hold_lease *l = &h->leases[h->leasing];
	struct pool_answer a;

	if (!result && !pool_read(reply, &a))
		result = -EPROTO;
	if (result) {
		hold_fail(h, result, reply);
		return;
	}
	lease_granted(h->remote, d, l->seen.born, &a);
	if ((a.state == DEMAND_REFUSED || a.state == DEMAND_RESERVED) && !d->soft) {
		refuse(h, &a);
		return;
	}
	l->granted = a.granted;
	l->granted_tokens = a.granted_tokens;
	l->born = a.state == DEMAND_NOT_ASKED ? 0 : l->seen.born;
	l->state = a.state;
	l->is_last = !a.is_whole || h->rounds >= LEASE_ROUNDS;
	l->is_asked = true;
	result = lease_next(h);
	if (result < 0)
		hold_fail(h, result, NULL);
}
