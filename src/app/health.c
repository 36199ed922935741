/* SPDX-License-Identifier: Apache-2.0 */
/* health: see health.h. It has a thread of its own, so it answers while workers are busy. */
#include "app/budget_gauges.h"
#include "app/health.h"
#include "app/server.h"
#include "exchange/excess.h"
#include "store/book.h"
#include "store/times.h"

static const struct slice openmetrics_type =
	SLICE_INIT("application/openmetrics-text; version=1.0.0; charset=utf-8");

static unsigned shadow_agents(const struct conf *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_agents; i++)
		n += c->agents[i].shadow != 0;
	return n;
}

static void metrics_page(struct worker *w, const struct head *head, struct buf *out, struct slice *ret_type)
{
	struct server *s = w->server;
	const struct conf *conf = w->view->snapshot->conf;
	struct slice accept = head_value(head, HEADER_ACCEPT);
	bool openmetrics = accept.at && memmem(accept.at, accept.len, "application/openmetrics-text", 28);
	struct metrics_gauges g = {
		.last_reload_good = atomic_load(&s->last_reload_good),
		.last_reload_wall_ns = atomic_load(&s->last_reload_wall),
		.reloads_failed = atomic_load(&s->reloads_failed),
		.log_lines_dropped = sink_dropped(s->sink),
		.book_lag_ns = book_lag_ns(s->book),
		.sessions = server_sessions(s),
		.in_flight = server_in_flight(s),
		.shadow_agents = shadow_agents(conf),
		.nothing_is_bounded = excess_is_full(w->view->snapshot->excess),
		.version = WEIR_VERSION,
		.policy_version = slice_str(conf->version),
		.stores = s->store_times,
		.n_stores = s->n_store_times,
	};

	*ret_type = openmetrics ? openmetrics_type : SLICE("text/plain; version=0.0.4; charset=utf-8");
	budget_gauges_read(w->budgets, w->env.store, w->view->snapshot, clock_wall(&clock_system), &g);
	if (metrics_write(s->metrics, &g, openmetrics, out) < 0)
		buf_clear(out);
}

/* NULL when it is. A store that calls can do without, by the policy, may be away. */
static const char *not_ready(const struct worker *w)
{
	const struct server *s = w->server;

	if (!atomic_load(&s->ready))
		return "stopping: this instance takes no new work\n";
	if (atomic_load_explicit(&s->taken, memory_order_acquire) < s->n_workers) /* a worker listens once it has a policy */
		return "starting: not every worker listens yet\n";
	if (!s->n_store_times || !w->view->snapshot->conf->store.is_needed)
		return NULL;
	for (unsigned i = 0; i < s->n_store_times; i++)
		if (atomic_load_explicit(&s->store_times[i]->up, memory_order_relaxed))
			return NULL;
	return "the store that instances share cannot be reached, and the policy allows nothing without\n";
}

static int serve(struct served *q)
{
	struct worker *w = q->gate->owner;
	struct slice type = SLICE("text/plain; charset=utf-8"), path = q->head->target;

	q->answer.status = 404;
	if (q->head->method != METHOD_GET && q->head->method != METHOD_HEAD) {
		q->answer.status = 405;
		buf_put_str(&q->out, "only GET and HEAD are served here\n");
	} else if (slice_is(path, "/healthz")) {
		q->answer.status = 200;
		buf_put_str(&q->out, "ok\n");
	} else if (slice_is(path, "/readyz")) {
		const char *why = not_ready(w);
		q->answer.status = why ? 503 : 200;
		buf_put_str(&q->out, why ? why : "ready\n");
	} else if (slice_is(path, "/metrics")) {
		q->answer.status = 200;
		metrics_page(w, q->head, &q->out, &type);
	} else {
		buf_put_str(&q->out, "only /healthz, /readyz and /metrics are served here\n");
	}
	head_add_id(&q->answer, HEADER_CONTENT_TYPE, type);
	return READY;
}

const struct service health_service = {.serve = serve};
