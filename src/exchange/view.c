/* SPDX-License-Identifier: Apache-2.0 */
/* view: see view.h. */
#include "base/mem.h"
#include "exchange/view.h"
#include "upstream/cluster.h"

struct view *view_new(struct snapshot *s, struct pools *pools)
{
	struct view *v = mem_zalloc(sizeof(*v));
	unsigned n = pools ? s->conf->n_upstreams : 0;

	if (!v) {
		snapshot_unref(s);
		return NULL;
	}
	v->refs = 1;
	v->snapshot = s;
	v->clusters = mem_zalloc((n + 1) * sizeof(struct cluster *));
	for (; v->clusters && v->n_clusters < n; v->n_clusters++)
		if (cluster_new(&s->conf->upstreams[v->n_clusters], pools, &v->clusters[v->n_clusters]) < 0)
			break;
	if (v->clusters && v->n_clusters == n)
		return v;
	view_unref(v);
	return NULL;
}

struct view *view_ref(struct view *v)
{
	v->refs++;
	return v;
}

void view_unref(struct view *v)
{
	if (!v || --v->refs)
		return;
	for (unsigned i = 0; i < v->n_clusters; i++)
		cluster_free(v->clusters[i]);
	mem_free(v->clusters);
	snapshot_unref(v->snapshot);
	mem_free(v);
}
