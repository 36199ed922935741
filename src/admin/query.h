/* SPDX-License-Identifier: Apache-2.0 */
/* query: what stands behind the ? of a request, one NAME=VALUE at a time, unescaped. */
#pragma once
#include "base/slice.h"

#define QUERY_VALUE_MAX 256 /* bytes of a name, or of a value */

struct query_pair {
	struct slice name, value;
	char room[2 * QUERY_VALUE_MAX];
};

/* The next pair of *rest, which moves on. 1: there was one; 0: no more; -EINVAL: it is too long,
 * has no =, or holds what is neither visible ASCII nor an escape of it. */
int query_next(struct slice *rest, struct query_pair *ret);
