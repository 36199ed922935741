/* SPDX-License-Identifier: Apache-2.0 */
/* remote_hold: one admission with its demands, divided into parts of one group each. */
#include <errno.h>
#include "base/mem.h"
#include "store/remote_core.h"
#include "store/script_words.h"

static size_t text_size(const struct demand *demands, unsigned n)
{
	size_t size = 0;

	for (unsigned i = 0; i < n; i++)
		size += demands[i].group.len + demands[i].name.len + demands[i].lessee.len;
	return size;
}

static bool is_shared(struct slice group)
{
	return !slice_starts(group, SLICE("a:")) && !slice_starts(group, SLICE("t:"));
}

struct slice demand_home(const struct demand *d)
{
	return d->lessee.len ? d->lessee : d->group;
}

static void part_add(struct hold *h, unsigned i)
{
	struct slice home = demand_home(&h->demands[i]);
	unsigned p = 0;

	while (p < h->n_parts &&
	        !slice_equals(demand_home(&h->demands[h->parts[p].demands[0]]), home))
		p++;
	h->n_parts += p == h->n_parts;
	h->parts[p].demands[h->parts[p].n++] = i;
}

/* Groups that many calls share are asked first: what an agent's own counters refuse is the usual
 * refusal, but what they hold is seen by fewer while it may have to be given back. Leases come
 * last of their part: what its budgets lower is not asked of the pool. */
static void hold_divide(struct hold *h)
{
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < h->n; i++) {
			const struct demand *d = &h->demands[i];

			if ((d->lessee.len ? 2u : !is_shared(d->group)) == turn)
				part_add(h, i);
		}
}

static bool is_leased(const struct demand *demands, unsigned n)
{
	while (n && !demands[n - 1].lessee.len)
		n--;
	return n;
}

int hold_new(struct remote *r, struct slice id, const struct demand *demands, unsigned n,
        bool leases, struct hold **ret_hold)
{
	size_t head = sizeof(struct hold) + n * (sizeof(*demands) + sizeof(struct hold_part));
	size_t leased = leases && is_leased(demands, n) ? n * sizeof(struct hold_lease) : 0;
	struct hold *h;
	char *at;

	if (n > REMOTE_DEMANDS_MAX)
		return -EMSGSIZE;
	h = mem_zalloc(head + leased + id.len + text_size(demands, n));
	if (!h)
		return -ENOMEM;
	list_init(&h->link);
	list_init(&h->wait);
	h->remote = r;
	h->demands = (struct demand *)(h + 1);
	h->parts = (struct hold_part *)(h->demands + n);
	h->leases = leased ? (struct hold_lease *)(h->parts + n) : NULL;
	h->n = n;
	at = (char *)h + head + leased;
	h->id = script_text(&at, id);
	for (unsigned i = 0; i < n; i++) {
		h->demands[i] = demands[i];
		h->demands[i].group = script_text(&at, demands[i].group);
		h->demands[i].name = script_text(&at, demands[i].name);
		h->demands[i].lessee =
		        leased ? script_text(&at, demands[i].lessee) : (struct slice){"", 0};
	}
	hold_divide(h);
	*ret_hold = h;
	return 0;
}

void hold_unword(struct hold *h)
{
	mem_free(h->words);
	h->words = NULL;
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
