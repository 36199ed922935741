/* SPDX-License-Identifier: Apache-2.0 */
/* address_rule: may Weir connect to this address? Asked about the very address that is then
 * connected to, so that a name which changes its mind between look-up and connect gains nothing. */
#pragma once
#include "net/cidr.h"

enum address_class {
	ADDRESS_PUBLIC,
	ADDRESS_PRIVATE,   /* 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7 */
	ADDRESS_LOOPBACK,  /* 127/8, ::1 */
	ADDRESS_FORBIDDEN, /* link-local and metadata, multicast, 0/8, 240/4, broadcast, test nets,
	                      discard, :: */
};

/* The addresses on which this process listens; wildcard ones stand for every address of the
 * machine. Filled before the workers start, constant afterwards. */
struct own_listeners {
	struct address *list; /* owned */
	unsigned n;
};

struct address_rule {
	const struct cidr *allowed; /* borrowed; n_allowed == 0: the default rule */
	unsigned n_allowed;
	const struct own_listeners *own; /* borrowed, may be NULL */
};

enum address_class address_class(const struct address *a);
/* host is the name as the policy has it. why: a clause for a log note when it is false. */
bool address_rule_allows(const struct address_rule *r, struct slice host, const struct address *a,
        const char **ret_why);

/* Adds what fd is bound to; unix sockets are passed over. 0 or a negative errno. */
int own_listeners_add(struct own_listeners *o, int fd);
void own_listeners_finish(struct own_listeners *o);
