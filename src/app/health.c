/* SPDX-License-Identifier: Apache-2.0 */
/* health: see health.h. It has a thread of its own, so it answers while workers are busy. */
#include "app/budget_gauges.h"
#include "app/health.h"
#include "app/server.h"

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
		.sessions = server_sessions(s),
		.in_flight = server_in_flight(s),
		.shadow_agents = shadow_agents(conf),
		.version = WEIR_VERSION,
		.policy_version = slice_str(conf->version),
	};

	*ret_type = openmetrics ? openmetrics_type : SLICE("text/plain; version=0.0.4; charset=utf-8");
	budget_gauges_read(embedded_store(s->store), conf, clock_wall(&clock_system), &g);
	if (metrics_write(s->metrics, &g, openmetrics, out) < 0)
		buf_clear(out);
	budget_gauges_free(&g);
}

bool health_serve(struct session_gate *g, const struct head *head, struct buf *out, unsigned *ret_status,
	struct slice *ret_type)
{
	struct worker *w = g->owner;

	if (head->method != METHOD_GET && head->method != METHOD_HEAD) {
		*ret_status = 405;
		buf_put_str(out, "only GET and HEAD are served here\n");
	} else if (slice_is(head->target, "/healthz")) {
		*ret_status = 200;
		buf_put_str(out, "ok\n");
	} else if (slice_is(head->target, "/readyz")) {
		bool ready = atomic_load(&w->server->ready);
		*ret_status = ready ? 200 : 503;
		buf_put_str(out, ready ? "ready\n" : "stopping: this instance takes no new work\n");
	} else if (slice_is(head->target, "/metrics")) {
		*ret_status = 200;
		metrics_page(w, head, out, ret_type);
	} else {
		buf_put_str(out, "only /healthz, /readyz and /metrics are served here\n");
	}
	return true;
}
