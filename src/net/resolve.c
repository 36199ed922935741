/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: entries by name. Fresh answers are given at once, older ones too while a new look-up
 * runs behind them; a very old one only when that look-up fails or hangs. */
#include "net/resolve.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/map.h"
#include "base/mem.h"
#include "net/resolve_ask.h"

#define RESOLVE_USABLE (300 * NS_PER_S) /* given at once while it is looked up again */
#define RESOLVE_PATIENCE (2 * NS_PER_S) /* before an old answer is better than none */

struct entry {
	struct list link; /* in resolver->entries, the longest unused first */
	struct resolver *resolver;
	char *name;                  /* owned */
	struct addresses *addresses; /* counted; NULL: none known */
	uint64_t known_at;
	bool asking, failed; /* failed: the last look-up */
	struct deadline patience;
	struct list waiters;
};

struct waiter {
	struct list link; /* in entry->waiters */
	struct ticket *ticket;
	struct addresses **ret;
};

struct resolver {
	struct loop *loop;   /* borrowed */
	struct asker *asker; /* counted: shared with the threads */
	struct map names;
	struct list entries;
	unsigned n;
};

struct addresses *addresses_ref(struct addresses *a)
{
	a->refs++;
	return a;
}

void addresses_unref(struct addresses *a)
{
	if (a && !--a->refs)
		mem_free(a);
}

static struct addresses *addresses_new(const struct address *list, unsigned n)
{
	struct addresses *a = mem_alloc(sizeof(*a) + n * sizeof(*list));

	if (!a)
		return NULL;
	a->refs = 1;
	a->n = n;
	memcpy(a->list, list, n * sizeof(*list));
	return a;
}

/* Ends in something that parsers of old take for a number: 0x7f.1, 127.1, 2130706433. */
static bool name_is_number(struct slice name)
{
	struct slice last = name;

	for (size_t i = name.len; i > 0; i--)
		if (name.at[i - 1] == '.') {
			last = slice_skip(name, i);
			break;
		}
	if (!last.len)
		return true;
	if (last.len >= 2 && last.at[0] == '0' && (last.at[1] | 0x20) == 'x')
		return true;
	for (size_t i = 0; i < last.len; i++)
		if (last.at[i] < '0' || last.at[i] > '9')
			return false;
	return true;
}

static bool name_is_sound(struct slice name)
{
	if (slice_ends(name, SLICE(".")))
		name.len--;
	if (!name.len || name.len > RESOLVE_NAME_MAX || name_is_number(name))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i], lower = (char)(c | 0x20);

		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
		        c != '_' && c != '.')
			return false;
	}
	return true;
}

static void waiter_drop(struct ticket *t)
{
	struct waiter *w = t->provider;

	list_unlink(&w->link);
	mem_free(w);
}

static void entry_tell(struct entry *e, int error)
{
	struct list *node;

	while ((node = list_pop(&e->waiters))) {
		struct waiter *w = container_of(node, struct waiter, link);

		if (e->addresses)
			*w->ret = addresses_ref(e->addresses);
		ticket_complete(w->ticket, e->addresses ? 0 : error);
		mem_free(w);
	}
}

static void entry_on_impatience(struct deadline *d)
{
	struct entry *e = container_of(d, struct entry, patience);

	if (e->addresses)
		entry_tell(e, 0);
}

static void entry_free(struct entry *e)
{
	struct resolver *r = e->resolver;

	assert(list_is_empty(&e->waiters));
	map_remove(&r->names, slice_str(e->name));
	list_unlink(&e->link);
	loop_deadline_clear(r->loop, &e->patience);
	addresses_unref(e->addresses);
	mem_free(e->name);
	mem_free(e);
	r->n--;
}

static bool resolver_make_room(struct resolver *r)
{
	if (r->n < RESOLVE_NAMES)
		return true;
	list_foreach_safe(node, after, &r->entries)
	{
		struct entry *e = container_of(node, struct entry, link);

		if (!e->asking && list_is_empty(&e->waiters)) {
			entry_free(e);
			return true;
		}
	}
	return false;
}

static struct entry *entry_new(struct resolver *r, struct slice name)
{
	struct entry *e = resolver_make_room(r) ? mem_zalloc(sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->resolver = r;
	e->name = mem_dup(name.at, name.len);
	if (!e->name || map_add(&r->names, slice_from(e->name, name.len), e)) {
		mem_free(e->name);
		mem_free(e);
		return NULL;
	}
	list_init(&e->link);
	list_init(&e->waiters);
	deadline_init(&e->patience, entry_on_impatience);
	r->n++;
	return e;
}

static void resolver_on_answer(
        void *owner, const char *name, int error, const struct address *list, unsigned n)
{
	struct resolver *r = owner;
	struct entry *e = map_get(&r->names, slice_str(name));
	struct addresses *found = NULL;

	assert(e && e->asking);
	e->asking = false;
	loop_deadline_clear(r->loop, &e->patience);
	if (!error && !(found = addresses_new(list, n)))
		error = -ENOMEM;
	e->failed = error != 0;
	if (found) {
		addresses_unref(e->addresses);
		e->addresses = found;
		e->known_at = r->loop->now;
	} else if (e->addresses && r->loop->now - e->known_at > RESOLVE_STALE) {
		addresses_unref(e->addresses);
		e->addresses = NULL;
	}
	entry_tell(e, error);
	if (!e->addresses)
		entry_free(e);
}

static int entry_ask(struct entry *e)
{
	struct loop *l = e->resolver->loop;
	int r = e->asking ? 0 : asker_ask(e->resolver->asker, e->name);

	if (r || e->asking)
		return r;
	e->asking = true;
	loop_deadline_after(l, &e->patience, RESOLVE_PATIENCE);
	return 0;
}

static int entry_wait(struct entry *e, struct ticket *t, struct addresses **ret)
{
	struct waiter *w = mem_alloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct waiter){.ticket = t, .ret = ret};
	list_push(&e->waiters, &w->link);
	ticket_arm(t, &e->resolver->loop->turn, waiter_drop, w);
	return PENDING;
}

/* Old but known addresses do; a look-up that cannot even begin is a failed one. */
static bool entry_will_do(struct entry *e, int error)
{
	uint64_t age = e->resolver->loop->now - e->known_at;

	if (!e->addresses)
		return false;
	return age <= RESOLVE_USABLE || ((e->failed || error) && age <= RESOLVE_STALE);
}

static int entry_find(struct entry *e, struct ticket *t, struct addresses **ret)
{
	struct resolver *r = e->resolver;
	int error = 0;

	list_unlink(&e->link);
	list_push(&r->entries, &e->link);
	if (!e->addresses || r->loop->now - e->known_at > RESOLVE_TTL)
		error = entry_ask(e);
	if (entry_will_do(e, error)) {
		*ret = addresses_ref(e->addresses);
		return READY;
	}
	if (!error)
		error = entry_wait(e, t, ret);
	if (error < 0 && !e->asking && !e->addresses)
		entry_free(e);
	return error;
}

int resolver_find(struct resolver *r, struct slice host, struct ticket *t, struct addresses **ret)
{
	struct address numeric;
	char name[RESOLVE_NAME_MAX + 1];
	struct entry *e;

	if (!address_parse(host, 0, &numeric)) {
		struct addresses *one = addresses_new(&numeric, 1);

		if (one)
			*ret = one;
		return one ? READY : -ENOMEM;
	}
	if (!name_is_sound(host) || host.len > RESOLVE_NAME_MAX)
		return -EINVAL;
	for (size_t i = 0; i < host.len; i++)
		name[i] = host.at[i] >= 'A' && host.at[i] <= 'Z' ? (char)(host.at[i] | 0x20)
		                                                 : host.at[i];
	e = map_get(&r->names, slice_from(name, host.len));
	if (!e)
		e = entry_new(r, slice_from(name, host.len));
	return e ? entry_find(e, t, ret) : -ENOMEM;
}

struct resolver *resolver_new(struct loop *l)
{
	struct resolver *r = mem_zalloc(sizeof(*r));

	if (!r)
		return NULL;
	r->loop = l;
	r->asker = asker_new(l, resolver_on_answer, r);
	if (!r->asker) {
		mem_free(r);
		return NULL;
	}
	map_init(&r->names);
	list_init(&r->entries);
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	asker_close(r->asker);
	list_foreach_safe(node, after, &r->entries)
	        entry_free(container_of(node, struct entry, link));
	map_finish(&r->names);
	mem_free(r);
}

void resolver_set_ask(struct resolver *r, resolve_ask *ask)
{
	asker_set_ask(r->asker, ask);
}
