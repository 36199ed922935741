/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_store: admissions and settlements in any order against the embedded store, beside books that
 * are kept by hand. Bytes: what to do, to which of eight calls, and with what. */
#include <assert.h>
#include "rig/fake_clock.h"
#include "store/embedded.h"

#define CALLS 8u
#define DEMANDS 4u
#define GROUPS 3u
#define NAMES 3u
#define SLOTS 2u

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const char *const groups[GROUPS] = {"a:one", "tool:x", "g"};
static const char *const names[NAMES] = {"p", "q", "r"};
static const uint8_t *in;
static size_t left;

struct call {
	struct admission admission;
	struct demand demands[DEMANDS];
	uint8_t counter[DEMANDS]; /* of each demand */
	bool took[DEMANDS];
};

static struct book {
	uint64_t spent, reserved, slots;
} books[GROUPS * NAMES];

static unsigned byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static void fill(struct call *c, struct fake_clock *clock)
{
	unsigned n = byte() % (DEMANDS + 1);

	*c = (struct call){.admission = {.demands = c->demands,
	                           .n = n,
	                           .now_wall_ns = clock->wall,
	                           .expires = clock->wall + NS_PER_S,
	                           .reservation = {.fixed_cost = (nanousd)byte(),
	                                   .out_price = byte() * 100,
	                                   .out_wanted = byte(),
	                                   .out_min = byte() % 32}}};
	for (unsigned i = 0; i < n; i++) {
		unsigned what = byte(), which = byte() % (GROUPS * NAMES);
		struct demand *d = &c->demands[i];

		c->counter[i] = (uint8_t)which;
		*d = (struct demand){.kind = (enum demand_kind)(what % 3),
		        .soft = what & 0x80,
		        .by_tokens = what & 0x40,
		        .group = slice_str(groups[which % GROUPS]),
		        .name = slice_str(names[which / GROUPS])};
		if (d->kind == DEMAND_BUDGET) {
			d->budget.limit_cost = (nanousd)byte() * 8;
			d->budget.limit_tokens = BUDGET_NO_TOKENS;
			d->budget.ends = WINDOW_NEVER_ENDS;
		} else if (d->kind == DEMAND_SLOT) {
			d->slot.limit = SLOTS;
		} else {
			d->rate.count = d->rate.burst = byte();
			d->rate.period_ns = NS_PER_S;
			d->rate.units = byte() % 16;
		}
	}
}

/* What the store has taken is what the states say, of each counter once. */
static void book_taken(struct call *c)
{
	for (unsigned i = 0; i < c->admission.n; i++) {
		struct demand *d = &c->demands[i];
		struct book *b = &books[c->counter[i]];
		bool again = false;

		assert(d->state == DEMAND_GRANTED || d->soft);
		for (unsigned k = 0; k < i; k++)
			again |= c->took[k] && c->counter[k] == c->counter[i] &&
			         c->demands[k].kind == d->kind;
		c->took[i] = !again && (d->kind == DEMAND_BUDGET || d->state == DEMAND_GRANTED);
		if (!c->took[i])
			continue;
		if (d->kind == DEMAND_BUDGET)
			b->reserved += (uint64_t)c->admission.reservation.cost;
		else if (d->kind == DEMAND_SLOT)
			assert(++b->slots <= SLOTS);
	}
	for (unsigned i = 0; i < c->admission.n; i++) {
		const struct demand *d = &c->demands[i];
		const struct book *b = &books[c->counter[i]];

		if (d->kind == DEMAND_BUDGET && !d->soft)
			assert(b->spent + b->reserved <= (uint64_t)d->budget.limit_cost);
	}
}

static void settle(struct store *s, struct call *c)
{
	struct settlement used = {.ran = byte() % 4, .cost = (nanousd)byte(), .tokens = byte()};

	for (unsigned i = 0; i < c->admission.n; i++) {
		struct book *b = &books[c->counter[i]];

		if (c->took[i] && c->demands[i].kind == DEMAND_SLOT)
			b->slots--;
		if (!c->took[i] || c->demands[i].kind != DEMAND_BUDGET)
			continue;
		b->reserved -= (uint64_t)c->admission.reservation.cost;
		b->spent += used.ran ? (uint64_t)used.cost : 0;
	}
	s->ops->settle(s, &c->admission, &used);
}

static void check_books(struct store *s, uint64_t now_wall_ns)
{
	for (unsigned i = 0; i < GROUPS * NAMES; i++) {
		struct demand d[2] = {{.kind = DEMAND_BUDGET,
		                              .group = slice_str(groups[i % GROUPS]),
		                              .name = slice_str(names[i / GROUPS]),
		                              .budget = {BUDGET_NO_COST, BUDGET_NO_TOKENS}},
		        {.kind = DEMAND_SLOT}};

		d[1].group = d[0].group;
		d[1].name = d[0].name;
		d[1].slot.limit = SLOTS;
		s->ops->look(s, d, 2, now_wall_ns, NULL);
		assert((uint64_t)d[0].spent_cost == books[i].spent);
		assert((uint64_t)d[0].reserved_cost == books[i].reserved);
		assert((d[1].state == DEMAND_GRANTED) == (books[i].slots < SLOTS));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct fake_clock clock;
	struct call calls[CALLS] = {0};

	in = at;
	left = len;
	memset(books, 0, sizeof(books));
	fake_clock_init(&clock);
	struct embedded *e = embedded_new((struct table_limits){100, 1u << 20}, &clock.clock);
	assert(e);
	struct store *s = embedded_store(e);
	while (left) {
		unsigned what = byte();
		struct call *c = &calls[what % CALLS];

		if (what & 0x80)
			fake_clock_advance(&clock, (uint64_t)byte() * NS_PER_S / 4);
		if (what & 0x40)
			embedded_sweep(e);
		if (c->admission.granted) {
			settle(s, c);
		} else {
			fill(c, &clock);
			assert(s->ops->admit(s, &c->admission) == READY);
			assert(c->admission.granted == (c->admission.refused_by == c->admission.n));
			if (c->admission.granted)
				book_taken(c);
		}
		check_books(s, clock.wall);
	}
	for (unsigned i = 0; i < CALLS; i++)
		if (calls[i].admission.granted)
			settle(s, &calls[i]);
	check_books(s, clock.wall);
	embedded_free(e);
	return 0;
}
