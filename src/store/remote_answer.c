/* SPDX-License-Identifier: Apache-2.0 */
/* remote_answer: what counters.lua answers: doubles in one word, and a value beside it. */
#include <errno.h>
#include "store/errand.h"
#include "store/remote_core.h"
#include "store/remote_lease.h"
#include "store/script_words.h"

#define ANSWER_HEAD 5u
#define ANSWER_DEMAND 6u
#define ANSWER_LEASE 6u

static void demand_read(struct demand *d, struct slice numbers, unsigned at)
{
	uint64_t state = script_number_at(numbers, at);

	d->state = state <= DEMAND_LACKS ? (enum demand_state)state : DEMAND_REFUSED;
	d->wait_ns = script_number_at(numbers, at + 1);
	if (d->kind == DEMAND_BUDGET) {
		d->spent_cost = (nanousd)script_number_at(numbers, at + 2);
		d->reserved_cost = (nanousd)script_number_at(numbers, at + 3);
		d->spent_tokens = script_number_at(numbers, at + 4);
		d->reserved_tokens = script_number_at(numbers, at + 5);
	} else if (d->kind == DEMAND_RATE) {
		d->left = script_number_at(numbers, at + 2);
		d->reset_ns = script_number_at(numbers, at + 3);
	}
}

/* 0, -EPROTO, -EBADMSG, -ENOMEM. */
static int found_read(struct hold *h, const struct redis_reply *reply, struct blob **ret_found)
{
	const struct redis_reply *last = reply_at(reply, 1);

	if (!h->cached.len || !ret_found || !last || last->type != REPLY_TEXT)
		return -EPROTO;
	return value_open(h->remote, h->cached, last->text, ret_found);
}

/* Of a list, what comes first. */
static struct slice numbers_of(const struct redis_reply *reply)
{
	const struct redis_reply *first = reply->type == REPLY_LIST ? reply_at(reply, 0) : reply;

	return first && first->type == REPLY_TEXT ? first->text : (struct slice){"", 0};
}

static unsigned leases_in(const struct hold *h)
{
	const struct hold_part *p = &h->parts[h->part];
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += h->demands[p->demands[i]].lessee.len > 0;
	return n;
}

/* Sums of all groups take the place of the lease's own, as far as they are known here. */
static void lease_tell(struct hold *h, unsigned i, int64_t code)
{
	const struct hold_lease *l = &h->leases[i];
	struct demand *out = &h->out[i];

	lease_note(h->remote, &h->demands[i], out, &l->seen, code == 1);
	if (out->soft && code != 3 && l->state != DEMAND_NOT_ASKED)
		out->state = l->state;
	if (!code && out->state == DEMAND_REFUSED) { /* what was granted others had taken first */
		out->state = DEMAND_RESERVED;
		out->wait_ns = LEASE_TICK;
	}
}

static void leases_read(struct hold *h, struct slice numbers, int64_t code)
{
	const struct hold_part *p = &h->parts[h->part];
	unsigned at = ANSWER_HEAD + p->n * ANSWER_DEMAND;

	for (unsigned i = 0; i < p->n; i++) {
		const struct demand *d = &h->demands[p->demands[i]];
		unsigned own = ANSWER_HEAD + i * ANSWER_DEMAND + 2;
		struct hold_lease *l;

		if (!d->lessee.len)
			continue;
		l = &h->leases[p->demands[i]];
		l->seen = (struct lease_state){script_number_at(numbers, own),
		        script_number_at(numbers, own + 1), script_number_at(numbers, own + 2),
		        script_number_at(numbers, own + 3), script_number_at(numbers, at),
		        script_number_at(numbers, at + 1), script_number_at(numbers, at + 2),
		        script_number_at(numbers, at + 3), script_number_at(numbers, at + 4),
		        script_number_at(numbers, at + 5)};
		at += ANSWER_LEASE;
		lease_tell(h, p->demands[i], code);
	}
}

void hold_read_settled(struct hold *h, const struct redis_reply *reply)
{
	const struct hold_part *p = &h->parts[h->part];
	struct slice numbers = reply ? numbers_of(reply) : (struct slice){"", 0};
	unsigned at = 1;

	if (numbers.len != (1 + leases_in(h) * LEASE_NUMBERS) * sizeof(double))
		return;
	for (unsigned i = 0; i < p->n; i++) {
		const struct demand *d = &h->demands[p->demands[i]];
		struct lease_state l;

		if (!d->lessee.len)
			continue;
		lease_read(numbers, at, &l);
		lease_note(h->remote, d, NULL, &l, true);
		at += LEASE_NUMBERS;
	}
}

int hold_read(struct hold *h, const struct redis_reply *reply, unsigned *ret_refused,
        struct blob **ret_found)
{
	struct hold_part *p = &h->parts[h->part];
	struct slice numbers = numbers_of(reply);
	int64_t code, refused;
	unsigned n;
	int r;

	if (numbers.len == sizeof(double) && script_signed_at(numbers, 0) < 0)
		return -ECANCELED;
	n = ANSWER_HEAD + p->n * ANSWER_DEMAND + leases_in(h) * ANSWER_LEASE;
	if (numbers.len != n * sizeof(double))
		return -EPROTO;
	code = script_signed_at(numbers, 0);
	refused = script_signed_at(numbers, 1);
	if (code < 0 || code > 3 || (code == 2 && reply->type != REPLY_LIST) ||
	        (!code && (refused < 0 || refused >= p->n)))
		return -EPROTO;
	for (unsigned i = 0; i < p->n; i++)
		demand_read(&h->out[p->demands[i]], numbers, ANSWER_HEAD + i * ANSWER_DEMAND);
	if (h->leases)
		leases_read(h, numbers, code);
	if (!code) {
		*ret_refused = p->demands[refused];
		return 0;
	}
	h->reservation.out_granted = script_number_at(numbers, 2);
	if (code == 3)
		return 3;
	r = reply->type == REPLY_LIST ? found_read(h, reply, ret_found) : 0;
	if (r && (code == 2 || r == -EPROTO))
		return r;
	/* What the next group is asked for is what this one has room for. */
	h->reservation.out_granted = h->reservation.out_wanted = script_number_at(numbers, 2);
	h->reservation.cost = (nanousd)(p->cost = script_number_at(numbers, 3));
	h->reservation.tokens = p->tokens = script_number_at(numbers, 4);
	return (int)code;
}
