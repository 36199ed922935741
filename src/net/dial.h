/* SPDX-License-Identifier: Apache-2.0 */
/* dial: from a name to a wire that is ready for bytes: look-up, address rule, TCP with both
 * families raced (RFC 8305), TLS. One deadline over all of it. */
#pragma once
#include "net/address_rule.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "net/wire.h"
#include "weir/fault.h"

#define DIAL_STAGGER (250 * NS_PER_MS)
#define DIAL_NOTE 200
#define DIAL_RACERS 4 /* attempts under way at a time */

/* Where to; all of it is borrowed until the dial has ended. */
struct dial_target {
	struct slice host; /* name or numeric address, without brackets */
	uint16_t port;
	bool tls;
	struct slice unix_path; /* not empty: a unix socket, and host only a name for notes */
	struct slice tls_ca;    /* path; empty: the system's */
	struct slice tls_certificate, tls_key; /* paths: what we show; empty: nothing */
	bool not_http;                         /* what is spoken over tls */
	struct slice tls_server_name;          /* empty: host */
	struct tls_memory *memory;             /* or NULL */
	const struct address_rule *rule;
	uint64_t connect_ns; /* for everything */
};

/* What every dial of a loop uses. */
struct dialler {
	struct loop *loop;             /* borrowed */
	struct resolver *resolver;     /* borrowed */
	struct tls_contexts *contexts; /* borrowed */
};

struct dial_try {
	struct wire *wire; /* owned, connecting; NULL: free */
	struct dial *dial;
	struct address to;
};

struct dial {
	struct dialler *dialler;          /* borrowed */
	const struct dial_target *target; /* borrowed */
	struct ticket *ticket;            /* borrowed: the caller's; NULL once over */
	struct ticket lookup, trust;
	struct addresses *addresses;      /* counted */
	struct tls_context *context;      /* counted */
	uint8_t order[RESOLVE_ADDRESSES]; /* families interleaved, refused ones left out */
	unsigned n_order, next;
	struct dial_try tries[DIAL_RACERS];
	struct wire *wire; /* owned: the winner */
	struct deadline deadline, stagger;
	bool lookup_done, trust_done;
	/* the result */
	enum fault fault; /* NONE while all is well */
	bool tls_failed;  /* of all failures: not to be tried again at this endpoint */
	int error;
	char note[DIAL_NOTE];                         /* one sentence for the log */
	uint64_t started, resolved, connected, ready; /* loop times; 0: not reached */
};

/* Always PENDING or -ENOMEM; t is done with 0 (dial_take then has the wire) or -ECONNREFUSED and
 * d->fault, d->note. */
int dial_start(struct dial *d, struct dialler *by, const struct dial_target *to, struct ticket *t);
/* The wire, not yet open; the caller's now. */
struct wire *dial_take(struct dial *d);
/* At any moment, also after the end; d may be freed or used again afterwards. An armed ticket of
 * the caller's is dropped, not done. */
void dial_finish(struct dial *d);
