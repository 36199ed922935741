/* SPDX-License-Identifier: Apache-2.0 */
/* caching: what a call has to do with the cache of answers. A hit becomes a source like any other (reply.c makes it);
 * a miss is listened to, and kept when it has ended as an answer that anybody may be given again. */
#pragma once
#include "store/cache.h"
#include "weir/exchange.h"

struct flight_seat;
enum cache_result { CACHE_NOT_ASKED, CACHE_BYPASS, CACHE_MISS, CACHE_HIT, CACHE_STALE };

struct caching { /* in the exchange's arena */
	const struct reuse_conf *rule; /* borrowed from the snapshot */
	enum cache_result result;
	bool keeps;              /* what upstream answers may be stored */
	bool waits, waited;      /* somebody else is asking upstream for the same; was, when this one came */
	uint8_t key[CACHE_KEY_LEN];
	struct slice name;       /* the same in the store that instances share, in arena; empty: not made yet */
	struct shared_look *look; /* exchange/shared_cache.h, in arena: what is asked there by itself; or NULL */
	struct items_look *items; /* exchange/shared_items.h, in arena: what is asked there of single items; or NULL */
	bool failed_there;       /* it could not say, or what it had could not be read */
	struct cache_entry *hit; /* counted */
	bool made;               /* the answer is put together from several entries: embeddings.h */
	struct exchange *exchange; /* borrowed */
	struct flight_seat *seat;  /* owned: among those that ask for the same; NULL: it goes alone */
	bool stalls;
	struct deadline stalled;   /* its agent does not take the answer that others wait for */
	struct policy *asker;      /* it is parked until there is news; NULL: none is */
	enum verdict (*heed)(struct policy *p); /* what they mean to the asker */
	enum fault failed;         /* STALE: how the attempt ended for which it stands in, */
	unsigned failed_status;    /* or what it answered, */
	struct usage lost;         /* and what it may have used */
	struct slice type;       /* of the answer from upstream */
	struct buf heard;        /* owned: its stream so far */
};

/* The call's own, which may have been answered for anybody and was not asked for; rule: of what is asked. NULL: no memory. */
struct caching *caching_open(struct call *c, const struct reuse_conf *rule);
/* What its caller bounds is answered for it alone. */
bool caching_is_private(const struct call *c);
/* The key of content for whoever may have the same answer as this call. 0, -ENOMEM, -ENOBUFS. */
int caching_key(struct call *c, struct slice content, uint8_t key[CACHE_KEY_LEN]);
/* Asks the cache, once the model is known, and who is asking upstream for the same now (exchange/sharing.h). apply: a hit
 * answers the call; else it is only noted. */
void caching_look(struct call *c, bool apply);
/* The answer from upstream: its content type, then what its stream brings. */
void caching_begin(struct exchange *x, struct slice type);
void caching_hear(struct caching *k, struct slice in);
/* Keeps the answer if it may be kept and whole says that nothing has shortened it. Once, when the call ends. */
void caching_end(struct call *c, bool whole);
/* Makes the hit the source of x's answer. 0 or a negative errno. */
int caching_reach(struct exchange *x);
/* The same of any answer that comes from the cache: as its upstream gave it, it is read, judged and recorded like one that comes
 * from there now. 0 or -ENOMEM. */
int caching_give(struct exchange *x, struct slice type, struct slice body);
const char *caching_word(const struct call *c); /* "hit", "stale", "miss", "bypass"; NULL: no cache was asked */

/* Whether the answer is one that was kept, also once the call has ended. */
static inline bool caching_has_answered(const struct call *c)
{
	return c->caching && c->caching->result >= CACHE_HIT;
}

static inline bool caching_is_hit(const struct call *c)
{
	return c->caching && (c->caching->hit || c->caching->made);
}
