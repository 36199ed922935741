/* SPDX-License-Identifier: Apache-2.0 */
/* target: what a request is for, in its one canonical form or not at all: whatever is judged by its
 * path is then the same for everyone who reads it. Nothing is rewritten; what is not canonical is
 * refused. */
#pragma once
#include "base/slice.h"
#include "weir/fault.h"

#define TARGET_MAX 8192u /* bytes */

struct target {
	struct slice path;  /* begins with '/'; borrowed from the text, or static */
	struct slice query; /* behind the '?'; at == NULL when there is none */
	bool has_key; /* the query has a parameter that holds a credential, such as key=: to be
	                 refused */
};

/* text: as received; origin-form, or absolute-form whose authority must be host (the Host field's
 * value, at == NULL when there was none). FAULT_NONE, TARGET_TOO_LONG, MISDIRECTED, or
 * REQUEST_INVALID with a static sentence in ret_note. */
enum fault target_parse(
        struct slice text, struct slice host, struct target *ret, const char **ret_note);
/* A registered name, an IPv4 address or a bracketed IPv6 address, and a port or none; no userinfo,
 * no list. */
bool authority_is_valid(struct slice text);
/* The same host and port? Letters' case does not matter, nor a port that is the scheme's own (0:
 * none is). */
bool authority_equals(struct slice a, struct slice b, unsigned default_port);
