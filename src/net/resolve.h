/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: names to addresses, one resolver a loop. Answers are kept 30 s, and up to an hour longer
 * when asking again fails. One look-up a name at a time, each on a thread of its own, so that a
 * name whose server hangs delays no other. */
#pragma once
#include "net/cidr.h"
#include "net/loop.h"

#define RESOLVE_ADDRESSES 64
#define RESOLVE_NAME_MAX 253
#define RESOLVE_NAMES 1024 /* names kept */
#define RESOLVE_TTL (30 * NS_PER_S)
#define RESOLVE_STALE (3600 * NS_PER_S)

/* Counted on the loop's thread. Ports are 0. */
struct addresses {
	unsigned refs, n;
	struct address list[];
};
struct addresses *addresses_ref(struct addresses *a);
void addresses_unref(struct addresses *a);

struct resolver;
/* NULL: no memory. */
struct resolver *resolver_new(struct loop *l);
void resolver_free(struct resolver *
                r); /* no ticket may be armed any more; look-ups that still run end by themselves */
/* host: a name or a numeric address, without brackets. READY: *ret is counted for the caller.
 * PENDING: *ret is set and counted before t is done with 0 (after a ticket_cancel look whether it
 * is, and unref it); a negative errno else: -ENOENT no such name, -EAGAIN the servers do not
 * answer. At once: -EINVAL (no name, too long, or a number in disguise such as 0x7f.1), -ENOBUFS
 * (too many at once), -ENOMEM. */
int resolver_find(struct resolver *r, struct slice host, struct ticket *t, struct addresses **ret);
/* For tests: takes the place of getaddrinfo, on the look-up's thread. 0 or a negative errno; fills
 * list (RESOLVE_ADDRESSES). */
typedef int resolve_ask(const char *name, struct address *list, unsigned *ret_n);
void resolver_set_ask(struct resolver *r, resolve_ask *ask);
