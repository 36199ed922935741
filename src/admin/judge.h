/* SPDX-License-Identifier: Apache-2.0 */
/* judge: whether a request to the admin listener is answered at all: it comes from no foreign page,
 * an operator sends it, it names something that exists, and the operator has the role for it. In
 * that order: who is nobody learns nothing else. */
#pragma once
#include "admin/routes.h"
#include "weir/fault.h"

struct admin_realm { /* all borrowed */
	const struct listener_conf *listener;
	struct slice public_url;
	const struct operator_conf *operators;
	unsigned n_operators;
};

struct admin_request {
	const struct admin_route *route;
	const struct operator_conf *operator;
	struct slice path, query; /* of the head */
};

struct admin_refusal {
	enum fault fault;   /* for its status, code and title; NONE: role_required, 403 */
	const char *detail; /* static */
	bool is_strangers;  /* nobody knows who asked: it counts against the address */
};

/* True: ret is whole. False: *why says why not; ret->operator is set if it was known. */
bool admin_judge(const struct admin_realm *realm, const struct head *h, struct admin_request *ret,
        struct admin_refusal *why);
