/* SPDX-License-Identifier: Apache-2.0 */
/* view: a snapshot as one worker uses it: with the worker's own clusters, which hold connections and turns. Counted on the
 * worker's thread. */
#pragma once
#include "exchange/snapshot.h"

struct cluster;
struct pools;
struct view {
	unsigned refs;
	struct snapshot *snapshot;  /* counted */
	struct cluster **clusters;  /* owned; by upstream index */
	unsigned n_clusters;
};

/* Takes over one reference of s, also when it fails. pools NULL: no clusters. NULL: no memory. */
struct view *view_new(struct snapshot *s, struct pools *pools);
struct view *view_ref(struct view *v);
void view_unref(struct view *v);
