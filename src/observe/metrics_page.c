/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_page: writes the table of metrics, as Prometheus text 0.0.4 or as OpenMetrics 1.0. The
 * two differ in the names of families (without _total and _info), in how whole bounds are written,
 * in exemplars and in the end mark. */
#include <errno.h>
#include "base/decimal.h"
#include "observe/metrics_table.h"
#include "observe/outcome.h"
#include "store/times.h"

struct page {
	struct buf *out; /* borrowed */
	bool openmetrics;
	int error; /* the first; what follows is not written */
	const struct metric *metric;
	const struct metrics_gauges *gauges;
	const struct page_facts *facts;
	const struct gathered *gathered;
};

static void put(struct page *p, const char *text)
{
	if (!p->error)
		p->error = buf_put_str(p->out, text);
}

static void put_bytes(struct page *p, const char *at, size_t len)
{
	if (!p->error)
		p->error = buf_put(p->out, at, len);
}

static void put_u64(struct page *p, uint64_t n)
{
	if (!p->error)
		p->error = buf_put_u64(p->out, n);
}

/* n / 10^digits, without zeros at the end; a whole number may be asked to show its point. */
static void put_scaled(struct page *p, uint64_t n, unsigned digits, bool point)
{
	char part[DECIMAL_MAX];
	uint64_t one = 1;
	unsigned len = digits;

	for (unsigned i = 0; i < digits; i++)
		one *= 10;
	put_u64(p, n / one);
	n %= one;
	if (!n) {
		put(p, point ? ".0" : "");
		return;
	}
	for (unsigned i = digits; i--; n /= 10)
		part[i] = (char)('0' + n % 10);
	while (part[len - 1] == '0')
		len--;
	put(p, ".");
	put_bytes(p, part, len);
}

static void put_label(struct page *p, const char *name, struct slice value)
{
	put(p, name);
	put(p, "=\"");
	if (!p->error)
		p->error = label_write(value, p->out);
	put(p, "\"");
}

static void put_row_labels(struct page *p, const struct series_row *row)
{
	struct slice key = row->key;

	for (unsigned i = 0; i < LABELS_MAX && p->metric->labels[i]; i++) {
		put(p, i ? "," : "");
		put_label(p, p->metric->labels[i], label_next(&key));
	}
}

static void put_value(struct page *p, uint64_t n)
{
	put(p, " ");
	put_scaled(p, n, p->metric->unit, false);
	put(p, "\n");
}

static void put_series(
        struct page *p, const struct series_row *row, const uint64_t *n, const char *column)
{
	put(p, p->metric->name);
	put(p, "{");
	put_row_labels(p, row);
	if (column) {
		put(p, ",");
		put_label(p, p->metric->column_label, slice_str(column));
	}
	put(p, "}");
	put_value(p, *n);
}

/* It came from the caller. */
static bool trace_is_hex(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(at[i] >= '0' && at[i] <= '9') && !(at[i] >= 'a' && at[i] <= 'f'))
			return false;
	return true;
}

static void put_exemplar(struct page *p, const struct exemplar *e)
{
	if (!p->openmetrics || !e->is_set)
		return;
	put(p, " # {");
	if (e->has_trace && trace_is_hex(e->trace_id, sizeof(e->trace_id))) {
		put(p, "trace_id=\"");
		put_bytes(p, e->trace_id, sizeof(e->trace_id));
		put(p, "\",");
	}
	put(p, "request_id=\"");
	put_bytes(p, e->request_id, sizeof(e->request_id));
	put(p, "\"} ");
	put_scaled(p, e->ns, p->metric->unit, false);
	put(p, " ");
	put_scaled(p, e->wall_ns / NS_PER_MS, 3, false);
}

static void put_bucket(struct page *p, const struct series_row *row, unsigned at, uint64_t upto,
        const struct exemplar *e)
{
	put(p, p->metric->name);
	put(p, "_bucket{");
	put_row_labels(p, row);
	put(p, ",le=\"");
	if (at < p->metric->bounds->n)
		put_scaled(p, p->metric->bounds->ns[at], p->metric->unit, p->openmetrics);
	else
		put(p, "+Inf");
	put(p, "\"} ");
	put_u64(p, upto);
	put_exemplar(p, e);
	put(p, "\n");
}

static void put_histogram(struct page *p, const struct series_row *row, const struct histogram *h)
{
	uint64_t upto = 0;

	for (unsigned i = 0; i <= p->metric->bounds->n; i++) {
		upto += h->n[i];
		put_bucket(p, row, i, upto, &h->last[i]);
	}
	put(p, p->metric->name);
	put(p, "_sum{");
	put_row_labels(p, row);
	put(p, "}");
	put_value(p, h->sum_ns);
	put(p, p->metric->name);
	put(p, "_count{");
	put_row_labels(p, row);
	put(p, "} ");
	put_u64(p, upto);
	put(p, "\n");
}

static void put_columns(struct page *p, const struct series_row *row, const uint64_t *n)
{
	for (unsigned i = 0; i < p->metric->n_columns; i++)
		if (n[i])
			put_series(p, row, &n[i], p->metric->columns[i]);
}

static void put_row(struct page *p, const struct series_row *row)
{
	const void *at = row->sum + p->metric->at;

	if (p->metric->type == METRIC_HISTOGRAM)
		put_histogram(p, row, at);
	else if (p->metric->column_label)
		put_columns(p, row, at);
	else
		put_series(p, row, at, NULL);
}

static void put_rows(struct page *p)
{
	for (const struct series_row *row = p->gathered->rows[p->metric->table]; row;
	        row = row->next)
		put_row(p, row);
	if (p->gathered->other[p->metric->table])
		put_row(p, p->gathered->other[p->metric->table]);
}

static void put_policies(struct page *p)
{
	for (unsigned i = 0; i < POLICY_KINDS_MAX && p->gathered->policies[i].policy; i++) {
		const struct policy_counts *c = &p->gathered->policies[i];

		for (unsigned j = 0; j < MODES * VERDICTS; j++) {
			uint64_t n = c->n[j / VERDICTS][j % VERDICTS];

			if (!n)
				continue;
			put(p, p->metric->name);
			put(p, "{");
			put_label(p, "policy", slice_str(c->policy));
			put(p, ",");
			put_label(p, "verdict",
			        slice_str(verdict_name((enum verdict)(j % VERDICTS))));
			put(p, j / VERDICTS == MODE_SHADOW ? ",mode=\"shadow\"}"
			                                   : ",mode=\"enforce\"}");
			put_value(p, n);
		}
	}
}

static void put_fact(struct page *p)
{
	uint64_t n;

	memcpy(&n, (const char *)p->facts + p->metric->at, sizeof(n));
	put(p, p->metric->name);
	if (p->metric->fixed) {
		put(p, "{");
		put(p, p->metric->fixed);
		put(p, "}");
	}
	put_value(p, n);
}

static void put_budgets(struct page *p)
{
	for (unsigned i = 0; i < p->gauges->n_budgets; i++) {
		const struct budget_gauge *b = &p->gauges->budgets[i];
		nanousd amount;

		memcpy(&amount, (const char *)b + p->metric->at, sizeof(amount));
		put(p, p->metric->name);
		put(p, "{");
		put_label(p, "scope", slice_str(b->scope));
		put(p, ",");
		put_label(p, "name", b->name);
		put(p, ",");
		put_label(p, "window", slice_str(b->window));
		put(p, "}");
		put_value(p, (uint64_t)amount);
	}
}

static uint64_t times_add(const struct page *p, unsigned op, unsigned how, struct histogram *sum)
{
	uint64_t all = 0;

	*sum = (struct histogram){.sum_ns = 0};
	for (unsigned s = 0; s < p->gauges->n_stores; s++) {
		const struct store_times *t = p->gauges->stores[s];

		for (unsigned i = 0; i <= STORE_TIMES_BOUNDS; i++) {
			uint64_t n = atomic_load_explicit(&t->n[op][how][i], memory_order_relaxed);

			count(&sum->n[i], n);
			count(&all, n);
		}
		count(&sum->sum_ns,
		        atomic_load_explicit(&t->sum_ns[op][how], memory_order_relaxed));
	}
	return all;
}

static void put_stores(struct page *p)
{
	for (unsigned i = 0; i < STORE_OPS * STORE_OUTCOMES; i++) {
		unsigned op = i / STORE_OUTCOMES, how = i % STORE_OUTCOMES;
		struct label_key key = {.len = 0};
		struct series_row row = {.next = NULL};
		struct histogram sum;

		if (!times_add(p, op, how, &sum))
			continue;
		label_add(&key, slice_str(store_op_names[op]), SLICE(""));
		label_add(&key, slice_str(store_outcome_names[how]), SLICE(""));
		row.key = label_key_slice(&key);
		put_histogram(p, &row, &sum);
	}
}

static void put_build(struct page *p)
{
	put(p, p->metric->name);
	put(p, "{");
	put_label(p, "version", slice_str(p->gauges->version));
	put(p, ",");
	put_label(p, "policy_version", p->gauges->policy_version);
	put(p, "} 1\n");
}

static void put_about(struct page *p, const char *what, const char *text)
{
	static const char *const suffixes[] = {
	        [METRIC_COUNTER] = "_total", [METRIC_INFO] = "_info"};
	const char *name = p->metric->name;
	const char *suffix = p->metric->type == METRIC_COUNTER || p->metric->type == METRIC_INFO
	                             ? suffixes[p->metric->type]
	                             : "";
	size_t cut = p->openmetrics ? strlen(suffix) : 0;

	put(p, what);
	put_bytes(p, name, strlen(name) - cut);
	put(p, " ");
	put(p, text);
	put(p, "\n");
}

static void put_metric(struct page *p)
{
	static const char *const types[] = {
	        [METRIC_COUNTER] = "counter",
	        [METRIC_GAUGE] = "gauge",
	        [METRIC_HISTOGRAM] = "histogram",
	        [METRIC_INFO] = "gauge",
	};
	bool info = p->openmetrics && p->metric->type == METRIC_INFO;

	put_about(p, "# HELP ", p->metric->help);
	put_about(p, "# TYPE ", info ? "info" : types[p->metric->type]);
	switch (p->metric->source) {
	case FROM_ROWS:
		put_rows(p);
		break;
	case FROM_POLICIES:
		put_policies(p);
		break;
	case FROM_FACTS:
		put_fact(p);
		break;
	case FROM_BUDGETS:
		put_budgets(p);
		break;
	case FROM_STORES:
		put_stores(p);
		break;
	case FROM_BUILD:
		put_build(p);
		break;
	}
}

static void facts_read(const struct metrics_gauges *g, struct page_facts *ret)
{
	*ret = (struct page_facts){
	        .reload_good = g->last_reload_good,
	        .reload_wall_ns = g->last_reload_wall_ns,
	        .reloads_failed = g->reloads_failed,
	        .log_dropped = g->log_lines_dropped,
	        .book_lag_ns = g->book_lag_ns,
	        .shadow_agents = g->shadow_agents,
	        .nothing_is_bounded = g->nothing_is_bounded,
	        .connections = g->sessions,
	        .in_flight = g->in_flight,
	        .stores = g->n_stores,
	};
	for (unsigned i = 0; i < g->n_stores; i++) {
		ret->stores_up += atomic_load_explicit(&g->stores[i]->up, memory_order_relaxed);
		uint64_t lost = atomic_load_explicit(&g->stores[i]->forgotten, memory_order_relaxed);
		ret->stores_forgot = lost > ret->stores_forgot ? lost : ret->stores_forgot;
	}
	process_read(&ret->process);
}

int metrics_write(
        struct metrics *m, const struct metrics_gauges *g, bool openmetrics, struct buf *out)
{
	struct page_facts facts;
	struct gathered gathered;
	struct page p = {.out = out,
	        .openmetrics = openmetrics,
	        .gauges = g,
	        .facts = &facts,
	        .gathered = &gathered};
	size_t before = buf_len(out);

	facts_read(g, &facts);
	pthread_mutex_lock(&m->page_lock);
	if (!m->started_wall_ns)
		m->started_wall_ns = facts.process.started_wall_ns;
	facts.process.started_wall_ns = m->started_wall_ns;
	metrics_gather(m, &gathered);
	for (unsigned i = 0; i < metric_table_len; i++) {
		p.metric = &metric_table[i];
		put_metric(&p);
	}
	pthread_mutex_unlock(&m->page_lock);
	if (openmetrics)
		put(&p, "# EOF\n");
	if (p.error)
		buf_truncate(out, before);
	return p.error;
}
