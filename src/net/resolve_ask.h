/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_ask: the blocking part of a look-up, on a short-lived thread of its own. For resolve.c.
 */
#pragma once
#include "net/resolve.h"

#define ASKS_MAX 32 /* threads at a time and loop; more names than that wait for nothing and fail  \
	             */

struct asker;
/* answer is called on the loop's thread, once for each ask that succeeded, unless the asker was
 * closed before. NULL: no memory. */
struct asker *asker_new(struct loop *l,
        void (*answer)(
                void *owner, const char *name, int error, const struct address *list, unsigned n),
        void *owner);
/* Threads that still run end by themselves and tell nobody. */
void asker_close(struct asker *a);
/* 0, -ENOBUFS, -ENOMEM, -EAGAIN. */
int asker_ask(struct asker *a, const char *name);
void asker_set_ask(struct asker *a, resolve_ask *ask);
