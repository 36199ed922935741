/* SPDX-License-Identifier: Apache-2.0 */
/* flight: which answers are on their way already, by the key that they will be kept under, shared
 * by the workers of a process. The first to ask for one runs; whoever asks meanwhile waits for it
 * and is told through its loop's mailbox. No lock is held while anybody waits. Where what a runner
 * brings is not for others, those who wait go on by themselves, in waves: one runner first, then
 * four, then sixteen, so that an upstream that fails is not met by all of them at once. */
#pragma once
#include "net/mailbox.h"
#include "store/cache.h"

enum flight_news {
	FLIGHT_HAS_ENTRY, /* the answer, counted for whoever is told; the seat is gone */
	FLIGHT_ALONE,     /* go on without: nobody is to wait for this one; the seat is gone */
	FLIGHT_RUN,       /* go on, as a runner: others wait for what comes of it */
	FLIGHT_UNWANTED,  /* of a runner that nobody of its own wants any more: the last who waited
	                     has  left */
};

struct flights;
struct flight_seat;

struct flight_guest {
	struct loop *loop; /* borrowed: where it is told */
	void (*tell)(void *owner, enum flight_news news, struct cache_entry *entry);
	void *owner;  /* borrowed until it leaves */
	bool may_run; /* what it brings may be given to others */
};

/* most: seats that may be taken at once; beyond it everybody goes alone. NULL: no memory. */
struct flights *flights_new(unsigned most);
void flights_free(struct flights *f); /* everybody has left, and every letter was delivered */
unsigned flights_seats(const struct flights *f);

/* A seat, or NULL: it goes alone. ret_runs: it is the first and goes on; else it waits, and is told
 * later, never within this call. From the guest's own thread, as all that takes a seat. */
struct flight_seat *flight_join(struct flights *f, const uint8_t key[CACHE_KEY_LEN],
        const struct flight_guest *guest, bool *ret_runs);
/* Gives the seat back; nothing is told afterwards. entry: what a runner has brought, borrowed;
 * NULL: nothing for others. tried: it has been upstream for it. NULL: nothing. */
void flight_leave(struct flight_seat *s, struct cache_entry *entry, bool tried);
/* The agent of a runner has left. True: others wait, for nobody else, and it goes on for them until
 * it is told FLIGHT_UNWANTED. */
bool flight_is_wanted(struct flight_seat *s);
