/* SPDX-License-Identifier: Apache-2.0 */
/* remote_lease: see remote_lease.h. Of each lease one question at a time is under way. */
#include "store/remote_lease.h"
#include <errno.h>
#include "base/mem.h"
#include "store/remote_core.h"
#include "store/script_words.h"

#define RETURN_NUMBERS 13u
#define WHATEVER UINT64_MAX

enum lease_asks { LEASE_TELLS, LEASE_RETURNS, LEASE_SAYS_AGAIN };

struct lease {
	struct list link;      /* in leases.all */
	struct remote *remote; /* borrowed */
	struct slice key;      /* in leases.named */
	struct demand demand;  /* its names are in text */
	struct lease_state state;
	struct pool_answer pool; /* as it was last */
	bool has_pool;
	struct lease_state told;      /* to the pool */
	uint64_t chunk, chunk_tokens; /* granted last */
	uint64_t used_at;             /* loop time */
	bool gives_back;              /* what is free is of no use here */
	bool is_doubtful;             /* to be said again after a fail-over */
	struct redis_ask ask;
	enum lease_asks asks;
	struct slice words[4];
	char *words_text; /* in text: of the words */
	char text[];
};

/* ---- which there are */

static size_t key_room(const struct demand *d)
{
	return d->lessee.len + d->name.len + DECIMAL_MAX + 2;
}

static struct slice key_put(const struct demand *d, char *at)
{
	char *from = at;

	script_text(&at, d->lessee);
	*at++ = '\n';
	script_text(&at, d->name);
	*at++ = '\n';
	at += decimal_put(d->budget.window, at);
	return slice_from(from, (size_t)(at - from));
}

static struct lease *lease_find(struct remote *r, const struct demand *d)
{
	char key[512];

	if (key_room(d) > sizeof(key))
		return NULL;
	return map_get(&r->leases.named, key_put(d, key));
}

static size_t words_room(const struct demand *d)
{
	return pool_room(d) + d->lessee.len + d->name.len + KEY_AROUND + DECIMAL_MAX +
	       RETURN_NUMBERS * sizeof(double);
}

/* NULL: there is no room, or it is too long to be looked after. */
static struct lease *lease_new(struct remote *r, const struct demand *d)
{
	size_t names = d->group.len + d->name.len + d->lessee.len + key_room(d);
	struct lease *l;
	char *at;

	if (r->leases.n >= LEASES_MAX || key_room(d) > 512)
		return NULL;
	l = mem_zalloc(sizeof(*l) + names + words_room(d));
	if (!l)
		return NULL;
	at = l->text;
	l->remote = r;
	l->demand = *d;
	l->demand.group = script_text(&at, d->group);
	l->demand.name = script_text(&at, d->name);
	l->demand.lessee = script_text(&at, d->lessee);
	l->key = key_put(d, at);
	l->words_text = at + l->key.len;
	if (map_add(&r->leases.named, l->key, l)) {
		mem_free(l);
		return NULL;
	}
	l->used_at = r->loop->now;
	list_push(&r->leases.all, &l->link);
	r->leases.n++;
	if (!r->leases.tick.at)
		loop_deadline_after(r->loop, &r->leases.tick, r->leases.tick_ns);
	return l;
}

static void lease_is_sure(struct lease *l)
{
	struct remote *r = l->remote;

	if (!l->is_doubtful)
		return;
	remote_sure(r, &l->is_doubtful);
	if (!--r->leases.n_doubtful)
		remote_push_on(r);
}

static void lease_free(struct lease *l)
{
	struct remote *r = l->remote;

	ask_cancel(&l->ask);
	lease_is_sure(l);
	map_remove(&r->leases.named, l->key);
	list_unlink(&l->link);
	r->leases.n--;
	mem_free(l);
}

/* ---- what is known of one */

void lease_read(struct slice numbers, unsigned at, struct lease_state *ret)
{
	*ret = (struct lease_state){.spent = script_number_at(numbers, at),
	        .reserved = script_number_at(numbers, at + 1),
	        .spent_tokens = script_number_at(numbers, at + 2),
	        .reserved_tokens = script_number_at(numbers, at + 3),
	        .granted = script_number_at(numbers, at + 4),
	        .granted_tokens = script_number_at(numbers, at + 5),
	        .returned = script_number_at(numbers, at + 6),
	        .returned_tokens = script_number_at(numbers, at + 7),
	        .born = script_number_at(numbers, at + 8),
	        .at = script_number_at(numbers, at + 9)};
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Answers may overtake each other. What was granted the pool says before the lease does. */
static void state_merge(struct lease_state *known, const struct lease_state *s)
{
	const struct lease_state was = *known;

	if (s->born < was.born || (s->born == was.born && s->at < was.at))
		return;
	*known = *s;
	if (s->born != was.born)
		return;
	known->granted = most(was.granted, s->granted);
	known->granted_tokens = most(was.granted_tokens, s->granted_tokens);
}

static void tell_sums(const struct lease *l, struct demand *out)
{
	out->spent_cost = (nanousd)l->pool.spent;
	out->reserved_cost = (nanousd)l->pool.reserved;
	out->spent_tokens = l->pool.spent_tokens;
	out->reserved_tokens = l->pool.reserved_tokens;
}

void lease_note(struct remote *r, const struct demand *d, struct demand *out,
        const struct lease_state *s, bool is_used)
{
	struct lease *l;

	if (!s->born)
		return;
	l = lease_find(r, d);
	if (!l)
		l = lease_new(r, d);
	if (!l)
		return;
	if (!l->is_doubtful)
		state_merge(&l->state, s);
	l->demand.budget.ends = most(l->demand.budget.ends, d->budget.ends);
	if (is_used) {
		l->used_at = r->loop->now;
		l->gives_back = false;
		list_unlink(&l->link);
		list_push(&r->leases.all, &l->link);
	}
	if (out && l->has_pool)
		tell_sums(l, out);
}

bool lease_is_known(struct remote *r, const struct demand *d)
{
	return lease_find(r, d) != NULL;
}

void lease_give_back(struct remote *r, const struct demand *d)
{
	struct lease *l = lease_find(r, d);

	if (l)
		l->gives_back = true;
}

static void granted_raise(struct lease *l, const struct pool_answer *a)
{
	l->state.granted = most(l->state.granted, a->granted);
	l->state.granted_tokens = most(l->state.granted_tokens, a->granted_tokens);
}

/* What was granted to a lease that is no more is room for none. */
void lease_granted(struct remote *r, const struct demand *d, uint64_t born,
        const struct pool_answer *a)
{
	struct lease *l = lease_find(r, d);

	if (!l)
		return;
	l->pool = *a;
	l->has_pool = true;
	if (a->state == DEMAND_NOT_ASKED || born != l->state.born)
		return;
	if (a->granted > l->state.granted)
		l->chunk = a->granted - l->state.granted;
	if (a->granted_tokens > l->state.granted_tokens)
		l->chunk_tokens = a->granted_tokens - l->state.granted_tokens;
	granted_raise(l, a);
	l->gives_back = a->state != DEMAND_GRANTED;
}

static bool is_told(const struct lease *l)
{
	return l->told.born == l->state.born && l->told.spent == l->state.spent &&
	       l->told.spent_tokens == l->state.spent_tokens &&
	       l->told.returned == l->state.returned &&
	       l->told.returned_tokens == l->state.returned_tokens;
}

static uint64_t free_cost(const struct lease *l)
{
	const struct lease_state *s = &l->state;

	return less(s->granted, s->returned + s->spent + s->reserved);
}

static uint64_t free_tokens(const struct lease *l)
{
	const struct lease_state *s = &l->state;

	return less(s->granted_tokens, s->returned_tokens + s->spent_tokens + s->reserved_tokens);
}

/* ---- asking */

static void on_told(struct redis_ask *ask, int result, const struct redis_reply *reply);
static void on_lease(struct redis_ask *ask, int result, const struct redis_reply *reply);

static int put(struct lease *l, enum lease_asks asks, const struct redis_script *script,
        unsigned n_words, unsigned n_keys,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply))
{
	l->asks = asks;
	l->ask = (struct redis_ask){.args = l->words,
	        .n_args = n_words,
	        .n_keys = n_keys,
	        .script = script,
	        .done = done};
	return redis_ask(l->remote->redis, l->words[0], &l->ask);
}

static void tell(struct lease *l)
{
	l->told = l->state;
	pool_words(l->words, l->words_text, &l->demand, &l->state, NULL);
	if (put(l, LEASE_TELLS, &redis_script_pool, 4, 2, on_told) != PENDING)
		l->told.born = 0;
}

/* Returns what is free, but for what is kept; or says again what is known. */
static int say(struct lease *l, enum lease_asks asks, uint64_t keep, uint64_t keep_tokens)
{
	const struct demand *d = &l->demand;
	char *at = l->words_text;
	struct slice key = script_key(&at, d->lessee, SLICE("}:l:"), d->name);
	bool is_any = l->gives_back || keep || keep_tokens; /* others may use it meanwhile */

	if (d->budget.window) {
		script_text(&at, SLICE(":"));
		at += decimal_put(d->budget.window, at);
		key.len = (size_t)(at - key.at);
	}
	l->words[0] = key;
	l->words[1].at = at;
	script_double(&at, asks == LEASE_SAYS_AGAIN);
	script_double(&at, l->state.born);
	script_double(&at, l->state.granted);
	script_double(&at, l->state.granted_tokens);
	script_double(&at, l->state.returned);
	script_double(&at, l->state.returned_tokens);
	script_double(&at, l->state.spent);
	script_double(&at, l->state.spent_tokens);
	script_double(&at, keep);
	script_double(&at, keep_tokens);
	script_limit(&at, d->budget.ends, WINDOW_NEVER_ENDS);
	script_limit(&at, is_any ? WHATEVER : l->state.spent + l->state.reserved, WHATEVER);
	script_limit(
	        &at, is_any ? WHATEVER : l->state.spent_tokens + l->state.reserved_tokens, WHATEVER);
	l->words[1].len = (size_t)(at - l->words[1].at);
	return put(l, asks, &redis_script_lease, 2, 1, on_lease);
}

/* First the pool: until it knows of it, others might be granted the same. */
static void on_told(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct lease *l = container_of(ask, struct lease, ask);
	struct pool_answer a;

	if (result || !pool_read(reply, &a)) {
		l->told.born = 0;
		return;
	}
	l->pool = a;
	l->has_pool = true;
	if (a.state != DEMAND_NOT_ASKED && !l->is_doubtful && l->told.born == l->state.born)
		granted_raise(l, &a);
	/* Of an older birth than the pool knows nothing is said again: it counts as spent there. */
	if (l->is_doubtful && a.state == DEMAND_NOT_ASKED)
		lease_is_sure(l);
	else if (l->is_doubtful)
		say(l, LEASE_SAYS_AGAIN, 0, 0);
}

/* By others. */
static bool is_used_since(const struct lease *l, const struct lease_state *s)
{
	return s->spent + s->reserved != l->state.spent + l->state.reserved ||
	       s->spent_tokens + s->reserved_tokens !=
	               l->state.spent_tokens + l->state.reserved_tokens;
}

static void on_lease(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct lease *l = container_of(ask, struct lease, ask);
	struct slice numbers = reply ? reply_text(reply) : (struct slice){"", 0};
	struct lease_state s;

	if (result || numbers.len != LEASE_NUMBERS * sizeof(double))
		return;
	if (l->asks == LEASE_SAYS_AGAIN)
		lease_is_sure(l);
	lease_read(numbers, 0, &s);
	if (!s.born) {
		lease_free(l);
		return;
	}
	if (is_used_since(l, &s))
		l->used_at = l->remote->loop->now;
	state_merge(&l->state, &s);
	l->gives_back = false;
	if (!is_told(l))
		tell(l);
}

/* ---- looking after them */

static bool has_too_much(const struct lease *l)
{
	return (l->chunk && free_cost(l) / 2 > l->chunk) ||
	       (l->chunk_tokens && free_tokens(l) / 2 > l->chunk_tokens);
}

/* What it was granted in its life comes near to what a script's numbers cannot tell apart. */
static bool is_old(const struct lease *l)
{
	return most(l->state.granted, l->state.granted_tokens) > EXACT_MAX / 2;
}

/* False: nothing had to be asked. */
static bool lease_tend(struct lease *l)
{
	uint64_t rests = l->remote->loop->now - l->used_at;
	bool is_free = free_cost(l) || free_tokens(l);

	if (ask_is_under_way(&l->ask))
		return false;
	if (l->is_doubtful)
		tell(l);
	else if (is_free && (rests >= l->remote->leases.idle_ns || l->gives_back))
		say(l, LEASE_RETURNS, 0, 0);
	else if (has_too_much(l))
		say(l, LEASE_RETURNS, l->chunk, l->chunk_tokens);
	else if (!is_told(l))
		tell(l);
	else if (!is_free && is_old(l))
		say(l, LEASE_RETURNS, 0, 0);
	else if (rests > REMOTE_SETTLED_NS)
		lease_free(l);
	else
		return false;
	return true;
}

static void on_tick(struct deadline *d)
{
	struct remote *r = container_of(d, struct remote, leases.tick);
	unsigned asked = 0;
	bool is_doubtful = false;

	list_foreach_safe(node, after, &r->leases.all)
	{
		struct lease *l = container_of(node, struct lease, link);

		is_doubtful |= l->is_doubtful;
		if (asked < LEASE_ASKS && redis_state(r->redis).up)
			asked += lease_tend(l);
	}
	if (r->leases.n)
		loop_deadline_after(
		        r->loop, &r->leases.tick, is_doubtful ? LEASE_AGAIN : r->leases.tick_ns);
}

void leases_failed_over(struct remote *r)
{
	list_foreach_safe(node, after, &r->leases.all)
	{
		struct lease *l = container_of(node, struct lease, link);

		ask_cancel(&l->ask);
		l->told.born = 0;
		r->leases.n_doubtful += !l->is_doubtful;
		remote_doubt(r, &l->is_doubtful);
	}
	if (r->leases.n)
		loop_deadline_after(r->loop, &r->leases.tick, LEASE_AGAIN);
}

void leases_init(struct remote *r)
{
	list_init(&r->leases.all);
	map_init(&r->leases.named);
	deadline_init(&r->leases.tick, on_tick);
	r->leases.tick_ns = LEASE_TICK;
	r->leases.idle_ns = LEASE_IDLE;
}

void leases_finish(struct remote *r)
{
	list_foreach_safe(node, after, &r->leases.all)
	        lease_free(container_of(node, struct lease, link));
	map_finish(&r->leases.named);
	loop_deadline_clear(r->loop, &r->leases.tick);
}
