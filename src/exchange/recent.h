/* SPDX-License-Identifier: Apache-2.0 */
/* recent: what became of calls that ended not long ago, for GET /weir/v1/calls/{id}: ten minutes, or the last RECENT_MAX
 * calls where there are more. One for the process; sharded by id, so that workers hardly meet. */
#pragma once
#include "base/buf.h"
#include "weir/record.h"

#define RECENT_SECONDS 600
#define RECENT_MAX 4096

struct recent;
struct recent *recent_new(void); /* NULL: no memory */
void recent_free(struct recent *r);
void recent_add(struct recent *r, const struct record *record);
/* Writes the call as JSON, if agent (and user, where the call had one) is who made it. 0, -ENOENT, -ENOMEM. */
int recent_write(struct recent *r, struct slice id, struct slice agent, struct slice user, uint64_t wall_ns, struct buf *out);

/* The latest calls of all agents, newest first, at most max of them, as a JSON array of such objects with "agent" in each.
 * name_of: whose hash_bytes(name) this is, or an empty slice. 0, -ENOMEM, -ENOBUFS. */
int recent_list(struct recent *r, uint64_t wall_ns, unsigned max, struct slice (*name_of)(void *arg, uint64_t hash), void *arg,
	struct buf *out);
