/* SPDX-License-Identifier: Apache-2.0 */
/* flight: see flight.h. A seat belongs to its guest's thread; what other threads change of it they
 * change under its shard's lock. A seat whose letter is under way is freed by that letter. */
#include "store/flight.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include "base/mem.h"

#define SHARDS 16u
#define CHAINS 512u
#define WAVE_GROWS 4u
#define WAVE_MAX (1u << 16)

struct flight {
	struct flight *next; /* in its chain */
	uint8_t key[CACHE_KEY_LEN];
	unsigned runners;
	unsigned wave;                 /* so many went on together the last time */
	bool open;                     /* it stands in its chain: whoever asks joins it */
	struct flight_seat *unwatched; /* a runner whose agent has left; NULL: there is none */
	struct list waiting;           /* seats, the first that came first */
};

struct shard {
	pthread_mutex_t lock;
	struct flight *chains[CHAINS]; /* owned */
	char apart[64];                /* so that two shards share no cache line */
};

struct flights {
	atomic_uint seats;
	unsigned most;
	struct shard shards[SHARDS];
};

struct flight_seat {
	struct list link; /* in flight->waiting, or in a list of those that are told next */
	struct letter letter;
	struct flights *all;   /* borrowed */
	struct shard *shard;   /* borrowed */
	struct flight *flight; /* borrowed; NULL: it has nothing to do with it any more */
	struct flight_guest guest;
	bool runs;   /* others wait for what it brings */
	bool posted; /* its letter is under way */
	enum flight_news news;
	struct cache_entry *entry; /* counted: on its way to a guest */
};

struct flights *flights_new(unsigned most)
{
	struct flights *f = mem_zalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->most = most;
	atomic_init(&f->seats, 0);
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&f->shards[i].lock, NULL);
	return f;
}

void flights_free(struct flights *f)
{
	if (!f)
		return;
	assert(!flights_seats(f));
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&f->shards[i].lock);
	mem_free(f);
}

unsigned flights_seats(const struct flights *f)
{
	return atomic_load(&f->seats);
}

/* ---- seats ---- */

static void deliver(struct letter *l);

static struct flight_seat *seat_new(
        struct flights *f, struct shard *shard, const struct flight_guest *g)
{
	struct flight_seat *s = NULL;

	if (atomic_fetch_add(&f->seats, 1) < f->most)
		s = mem_zalloc(sizeof(*s));
	if (!s) {
		atomic_fetch_sub(&f->seats, 1);
		return NULL;
	}
	list_init(&s->link);
	s->letter.deliver = deliver;
	s->all = f;
	s->shard = shard;
	s->guest = *g;
	return s;
}

static void seat_free(struct flight_seat *s)
{
	struct flights *f = s->all;

	cache_entry_unref(s->entry);
	mem_free(s);
	atomic_fetch_sub(&f->seats, 1);
}

/* On the guest's thread. One that has left in the meantime is told nothing. */
static void deliver(struct letter *l)
{
	struct flight_seat *s = container_of(l, struct flight_seat, letter);
	struct flight_guest g = s->guest;
	struct cache_entry *entry;
	enum flight_news news;

	pthread_mutex_lock(&s->shard->lock);
	s->posted = false;
	news = s->news;
	entry = s->entry;
	s->entry = NULL;
	pthread_mutex_unlock(&s->shard->lock);
	if (!g.owner)
		cache_entry_unref(entry);
	if (!g.owner || news == FLIGHT_HAS_ENTRY || news == FLIGHT_ALONE)
		seat_free(s);
	if (g.owner)
		g.tell(g.owner, news, entry);
}

/* Locked: what it will be told. It is posted by post_all, once the lock is gone. */
static void seat_tell(
        struct flight_seat *s, enum flight_news news, struct cache_entry *entry, struct list *told)
{
	list_unlink(&s->link);
	s->news = news;
	s->posted = true;
	if (entry)
		atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
	s->entry = entry;
	if (news == FLIGHT_HAS_ENTRY || news == FLIGHT_ALONE)
		s->flight = NULL;
	list_push(told, &s->link);
}

/* Their guests may leave at any moment; the seats stay until their letters were delivered. */
static void post_all(struct list *told)
{
	struct list *node;

	while ((node = list_pop(told))) {
		struct flight_seat *s = container_of(node, struct flight_seat, link);

		mailbox_post(s->guest.loop, &s->letter);
	}
}

/* ---- flights ---- */

static struct shard *shard_of(struct flights *f, const uint8_t *key)
{
	return &f->shards[key[0] % SHARDS];
}

static struct flight **place_of(struct shard *s, const uint8_t *key)
{
	struct flight **place = &s->chains[(key[1] | (unsigned)key[2] << 8) % CHAINS];

	while (*place && memcmp((*place)->key, key, CACHE_KEY_LEN) != 0)
		place = &(*place)->next;
	return place;
}

static struct flight *flight_open(struct flight **place, const uint8_t *key)
{
	struct flight *f = mem_zalloc(sizeof(*f));

	if (!f)
		return NULL;
	memcpy(f->key, key, CACHE_KEY_LEN);
	list_init(&f->waiting);
	f->wave = 1;
	f->open = true;
	return *place = f;
}

/* Nobody joins it any more. */
static void flight_close(struct shard *s, struct flight *f)
{
	if (!f->open)
		return;
	*place_of(s, f->key) = f->next;
	f->open = false;
}

static void flight_end(struct shard *s, struct flight *f)
{
	if (f->runners || !list_is_empty(&f->waiting))
		return;
	flight_close(s, f);
	mem_free(f);
}

static void flight_give(struct shard *s, struct flight *f, struct cache_entry *e, struct list *told)
{
	list_foreach_safe(node, after, &f->waiting)
	        seat_tell(container_of(node, struct flight_seat, link), FLIGHT_HAS_ENTRY, e, told);
	flight_close(s, f);
}

/* So many go on, and at least as many as it takes for the others to have somebody to wait for. */
static void flight_let_go(struct flight *f, unsigned n, struct list *told)
{
	for (unsigned i = 0; (i < n || !f->runners) && !list_is_empty(&f->waiting); i++) {
		struct flight_seat *s = container_of(f->waiting.next, struct flight_seat, link);

		s->runs = s->guest.may_run;
		f->runners += s->runs;
		seat_tell(s, s->runs ? FLIGHT_RUN : FLIGHT_ALONE, NULL, told);
	}
}

static void runner_leaves(
        struct flight_seat *s, struct cache_entry *e, bool tried, struct list *told)
{
	struct flight *f = s->flight;

	f->runners--;
	if (f->unwatched == s)
		f->unwatched = NULL;
	if (e)
		flight_give(s->shard, f, e, told);
	if (f->runners)
		return;
	if (tried && f->wave < WAVE_MAX)
		f->wave *= WAVE_GROWS;
	flight_let_go(f, tried ? f->wave : 1, told);
}

static struct flight_seat *seat_at(struct flight *f, struct shard *shard, struct flights *all,
        const struct flight_guest *guest, bool runs)
{
	struct flight_seat *s = seat_new(all, shard, guest);

	if (!s)
		return NULL;
	s->flight = f;
	s->runs = runs;
	if (runs)
		f->runners++;
	else
		list_push(&f->waiting, &s->link);
	return s;
}

struct flight_seat *flight_join(struct flights *all, const uint8_t key[CACHE_KEY_LEN],
        const struct flight_guest *guest, bool *ret_runs)
{
	struct shard *shard = shard_of(all, key);
	struct flight_seat *s = NULL;

	pthread_mutex_lock(&shard->lock);
	struct flight **place = place_of(shard, key);
	struct flight *f = *place;
	bool runs = !f && guest->may_run;
	if (runs)
		f = flight_open(place, key);
	if (f)
		s = seat_at(f, shard, all, guest, runs);
	if (f && !s)
		flight_end(shard, f); /* if it was opened for nobody */
	pthread_mutex_unlock(&shard->lock);
	*ret_runs = runs;
	return s;
}

/* The last who waited has left: whoever runs for him alone is told. */
static void waiter_leaves(struct flight_seat *s, struct list *told)
{
	struct flight *f = s->flight;

	list_unlink(&s->link);
	if (!list_is_empty(&f->waiting) || !f->unwatched)
		return;
	seat_tell(f->unwatched, FLIGHT_UNWANTED, NULL, told);
	f->unwatched = NULL;
}

void flight_leave(struct flight_seat *s, struct cache_entry *entry, bool tried)
{
	struct list told;

	if (!s)
		return;
	list_init(&told);
	pthread_mutex_lock(&s->shard->lock);
	struct flight *f = s->flight;
	if (f && s->runs)
		runner_leaves(s, entry, tried, &told);
	else if (f)
		waiter_leaves(s, &told);
	s->flight = NULL;
	if (f)
		flight_end(s->shard, f);
	s->guest.owner = NULL;
	bool posted = s->posted;
	pthread_mutex_unlock(&s->shard->lock);
	post_all(&told);
	if (!posted)
		seat_free(s);
}

bool flight_is_wanted(struct flight_seat *s)
{
	pthread_mutex_lock(&s->shard->lock);
	struct flight *f = s->flight;
	bool wanted = f && s->runs && f->runners == 1 && !list_is_empty(&f->waiting);
	if (wanted)
		f->unwatched = s;
	pthread_mutex_unlock(&s->shard->lock);
	return wanted;
}
