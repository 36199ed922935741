/* SPDX-License-Identifier: Apache-2.0 */
/* owed: see owed.h. A settlement names only its reservation's id, and that one may stand in an
 * earlier segment: what is not whole yet waits in a map while older segments are read. */
#include "store/owed.h"
#include <errno.h>
#include "base/map.h"
#include "base/mem.h"
#include "journal/read.h"

struct half {
	struct owed *owed; /* owned: counters are known; NULL: only the settlement is */
	struct slice id;
	nanousd cost;
	uint64_t tokens;
};

struct reading {
	const struct owed_options *o;
	struct owed_list *list;
	struct list found; /* in the segment that is read */
	struct map halves; /* of struct half: by id */
	struct unpack unpack;
	unsigned max, n; /* of this worker */
	uint64_t begun;  /* wall ns: the segment that was read last */
};

void owed_list_init(struct owed_list *l)
{
	*l = (struct owed_list){.n = 0};
	list_init(&l->all);
}

struct owed *owed_take(struct owed_list *l)
{
	struct list *node = list_pop(&l->all);

	l->n -= node != NULL;
	return node ? container_of(node, struct owed, link) : NULL;
}

void owed_list_finish(struct owed_list *l)
{
	struct owed *e;

	while ((e = owed_take(l)))
		mem_free(e);
}

static void half_free(struct half *h)
{
	mem_free(h->owed);
	mem_free(h);
}

static struct slice text_add(char **at, struct slice s)
{
	struct slice copy = {*at, s.len};

	bytes_copy(*at, s.at, s.len);
	*at += s.len;
	return copy;
}

static struct owed *owed_new(const struct entry_reservation *e)
{
	size_t head = sizeof(struct owed) + e->n * sizeof(*e->counters), texts = e->id.len;
	struct owed *w;
	char *at;

	for (unsigned i = 0; i < e->n; i++)
		texts += e->counters[i].group.len + e->counters[i].name.len +
		         e->counters[i].lessee.len;
	w = mem_alloc(head + texts);
	if (!w)
		return NULL;
	at = (char *)w + head;
	*w = (struct owed){.id = text_add(&at, e->id), .n = e->n};
	list_init(&w->link);
	for (unsigned i = 0; i < e->n; i++) {
		w->counters[i] = e->counters[i];
		w->counters[i].group = text_add(&at, e->counters[i].group);
		w->counters[i].name = text_add(&at, e->counters[i].name);
		w->counters[i].lessee = text_add(&at, e->counters[i].lessee);
	}
	return w;
}

/* The oldest one of the segment makes room; of an older segment nothing does. */
static void find(struct reading *x, struct owed *w, nanousd cost, uint64_t tokens)
{
	w->cost = cost;
	w->tokens = tokens;
	list_push(&x->found, &w->link);
	if (++x->n <= x->max)
		return;
	x->n--;
	x->list->passed_over++;
	mem_free(container_of(list_pop(&x->found), struct owed, link));
}

static int half_add(struct reading *x, struct owed *w, const struct entry_settlement *e)
{
	size_t id = w ? 0 : e->id.len;
	struct half *h = x->halves.n < OWED_MAX ? mem_alloc(sizeof(*h) + id) : NULL;
	int r;

	if (!h) {
		r = x->halves.n < OWED_MAX ? -ENOMEM : 0;
		mem_free(w);
		x->list->passed_over += !w;
		return r;
	}
	*h = (struct half){.owed = w, .id = w ? w->id : slice_from((char *)(h + 1), id)};
	if (!w) {
		bytes_copy((char *)(h + 1), e->id.at, id);
		h->cost = e->cost;
		h->tokens = e->tokens;
	}
	r = map_add(&x->halves, h->id, h);
	if (r)
		half_free(h);
	return r == -EEXIST ? 0 : r;
}

/* Of a settlement that was read in a later segment, this is what was missing. */
static int take_reservation(struct reading *x, const struct entry_reservation *e)
{
	struct half *h = map_get(&x->halves, e->id);
	struct owed *w;

	if (h && h->owed)
		return 0;
	w = owed_new(e);
	if (!w)
		return -ENOMEM;
	if (!h)
		return half_add(x, w, NULL);
	map_remove(&x->halves, e->id);
	find(x, w, h->cost, h->tokens);
	half_free(h);
	return 0;
}

static int take_settlement(struct reading *x, const struct entry_settlement *e)
{
	struct half *h;

	if (e->by_recovery || e->wall_ns < x->o->since)
		return 0;
	h = map_get(&x->halves, e->id);
	if (!h)
		return half_add(x, NULL, e);
	if (!h->owed)
		return 0;
	map_remove(&x->halves, e->id);
	find(x, h->owed, e->cost, e->tokens);
	h->owed = NULL;
	half_free(h);
	return 0;
}

static int take(struct reading *x, const struct entry *e)
{
	switch (e->kind) {
	case ENTRY_SEGMENT:
		x->begun = e->segment.wall_ns;
		return 0;
	case ENTRY_RESERVATION:
		return take_reservation(x, &e->reservation);
	case ENTRY_SETTLEMENT:
		return take_settlement(x, &e->settlement);
	default:
		return 0;
	}
}

/* Those whose settlement was not there: it is in no older segment. */
static void drop_unsettled(struct reading *x, bool all)
{
	struct map kept;
	struct slice id;
	void *value;

	map_init(&kept);
	for (size_t it = 0; map_next(&x->halves, &it, &id, &value);) {
		struct half *h = value;

		if (all || h->owed || map_add(&kept, h->id, h))
			half_free(h);
	}
	map_finish(&x->halves);
	x->halves = kept;
}

static bool is_over(const struct reading *x)
{
	return x->o->stop && atomic_load_explicit(x->o->stop, memory_order_acquire);
}

static int read_segment(struct reading *x, struct segment_id id)
{
	struct segment_reader s;
	struct entry e;
	int r = segment_open(&s, x->o->dir, id, 0);

	if (r)
		return r == -ENOMEM ? r : 0;
	while (!is_over(x) && (r = segment_next(&s, &x->unpack, &e)) > 0 && !(r = take(x, &e)))
		;
	segment_close(&s);
	list_splice(&x->found, &x->list->all); /* what is older comes first */
	list_splice(&x->list->all, &x->found);
	drop_unsettled(x, false);
	return r == -ENOMEM ? r : 0;
}

static int read_worker(struct reading *x, const struct segment_id *ids, size_t n)
{
	unsigned before = x->list->n;
	int r = 0;

	x->n = 0;
	x->begun = UINT64_MAX;
	while (!r && n-- && !is_over(x) && x->begun >= x->o->since && x->n < x->max) {
		uint32_t worker = ids[n].worker, number = ids[n].number;

		if (worker >= x->o->workers || !x->o->own[worker].number ||
		        number < x->o->own[worker].number)
			r = read_segment(x, ids[n]);
	}
	drop_unsettled(x, true);
	x->list->n = before + x->n;
	return r;
}

static unsigned count_workers(const struct segment_list *l)
{
	unsigned n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += !i || l->ids[i].worker != l->ids[i - 1].worker;
	return n;
}

int owed_read(const struct owed_options *o, struct owed_list *l)
{
	struct reading x = {.o = o, .list = l, .unpack = UNPACK_INIT};
	struct segment_list s = {NULL};
	int r = segment_list_read(o->dir, &s);

	list_init(&x.found);
	map_init(&x.halves);
	x.max = s.n ? OWED_MAX / count_workers(&s) : 0;
	for (size_t from = 0, to; !r && from < s.n; from = to) {
		for (to = from; to < s.n && s.ids[to].worker == s.ids[from].worker;)
			to++;
		r = read_worker(&x, s.ids + from, to - from);
	}
	map_finish(&x.halves);
	unpack_finish(&x.unpack);
	segment_list_finish(&s);
	return r;
}
