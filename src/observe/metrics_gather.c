/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_gather: adds up the parts. A worker waits for this at most as long as its own part is
 * read, or, when it has a new series to make, all of them; never for the writing of the page. */
#include "observe/metrics_core.h"

static void gather_policies(
        const struct metrics_part *p, struct policy_counts ret[POLICY_KINDS_MAX])
{
	for (unsigned i = 0; i < POLICY_KINDS_MAX && p->policies[i].policy; i++) {
		struct policy_counts *sum = policy_place(ret, p->policies[i].policy);

		for (unsigned j = 0; sum && j < MODES * VERDICTS; j++)
			sum->n[j / VERDICTS][j % VERDICTS] +=
			        p->policies[i].n[j / VERDICTS][j % VERDICTS];
	}
}

static void gather_part(
        struct metrics *m, struct metrics_part *p, struct gathered *ret, uint64_t now)
{
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < TABLES; i++)
		series_gather(&m->tables[i], p->index, now);
	gather_policies(p, ret->policies);
	pthread_mutex_unlock(&p->lock);
}

static bool has_idle(const struct metrics *m, uint64_t now)
{
	for (unsigned i = 0; i < TABLES; i++)
		if (series_has_idle(&m->tables[i], now))
			return true;
	return false;
}

static void drop_idle(struct metrics *m, uint64_t now)
{
	for (unsigned i = 0; i < m->n_parts; i++)
		pthread_mutex_lock(&m->parts[i].lock);
	for (unsigned i = 0; i < TABLES; i++)
		series_drop_idle(&m->tables[i], now);
	for (unsigned i = m->n_parts; i--;)
		pthread_mutex_unlock(&m->parts[i].lock);
}

void metrics_gather(struct metrics *m, struct gathered *ret)
{
	uint64_t now = clock_mono(m->clock);

	memset(ret->policies, 0, sizeof(ret->policies));
	pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < TABLES; i++)
		series_gather_begin(&m->tables[i]);
	for (unsigned i = 0; i < m->n_parts; i++)
		gather_part(m, &m->parts[i], ret, now);
	if (has_idle(m, now))
		drop_idle(m, now);
	for (unsigned i = 0; i < TABLES; i++) {
		ret->rows[i] = m->tables[i].rows;
		ret->other[i] = m->tables[i].other->grew_at ? m->tables[i].other : NULL;
	}
	pthread_mutex_unlock(&m->lock);
}
