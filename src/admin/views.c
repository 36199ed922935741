/* SPDX-License-Identifier: Apache-2.0 */
/* views: see views.h. */
#include "admin/views.h"
#include "base/clock.h"
#include "exchange/recent.h"
#include "weir/head.h"

static void put_time(struct json_writer *w, const char *key, uint64_t wall_ns)
{
	char text[25];

	json_key(w, key);
	if (!wall_ns) {
		json_null(w);
		return;
	}
	clock_format(wall_ns, text);
	json_string(w, slice_str(text));
}

static void put_or_null(struct json_writer *w, const char *key, struct slice value)
{
	json_key(w, key);
	if (value.len)
		json_string(w, value);
	else
		json_null(w);
}

/* ---- agents ---- */

static void put_shadow(struct json_writer *w, const struct agent_conf *a, uint64_t wall_ns)
{
	bool in_force = a->shadow && (!a->shadow_until || wall_ns < a->shadow_until);

	json_put_str(w, "mode", in_force ? "shadow" : "enforce");
	if (!in_force)
		return;
	json_key(w, "shadow");
	json_open(w, '[');
	for (unsigned i = 0; shadow_names[i]; i++)
		if (a->shadow >> i & 1)
			json_string(w, slice_str(shadow_names[i]));
	json_close(w, ']');
	put_time(w, "shadow_until", a->shadow_until);
}

static void put_lists(struct json_writer *w, const struct conf *c, const struct agent_conf *a)
{
	json_key(w, "models");
	json_open(w, '[');
	for (unsigned i = 0; i < c->n_models; i++)
		if (a->models[i])
			json_string(w, c->models[i].name);
	json_close(w, ']');
	json_key(w, "tools");
	json_open(w, '[');
	for (unsigned i = 0; i < c->n_tools; i++)
		if (a->tools[i] && a->tool_scopes_held[i])
			json_string(w, c->tools[i].name);
	json_close(w, ']');
	json_put_bool(w, "any_local_tool", a->any_local);
}

int view_agents(const struct conf *c, uint64_t wall_ns, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_key(&w, "agents");
	json_open(&w, '[');
	for (unsigned i = 0; i < c->n_agents; i++) {
		const struct agent_conf *a = &c->agents[i];

		json_open(&w, '{');
		json_put_slice(&w, "name", a->name);
		put_or_null(&w, "team", a->team);
		json_put_bool(&w, "suspended", a->suspended);
		put_shadow(&w, a, wall_ns);
		put_lists(&w, c, a);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return json_end(&w);
}

/* ---- budgets ---- */

int view_budgets(const struct budget_gauge *rows, unsigned n, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_key(&w, "budgets");
	json_open(&w, '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(&w, '{');
		json_put_str(&w, "scope", rows[i].scope);
		json_put_slice(&w, "name", rows[i].name);
		json_put_str(&w, "window", rows[i].window);
		json_put_money(&w, "limit_usd", rows[i].limit);
		json_put_money(&w, "spent_usd", rows[i].spent);
		json_put_money(&w, "reserved_usd", rows[i].reserved);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return json_end(&w);
}

/* ---- calls ---- */

static struct slice name_of(void *arg, uint64_t hash)
{
	const struct conf *c = arg;

	for (unsigned i = 0; i < c->n_agents; i++)
		if (hash_bytes(c->agents[i].name) == hash)
			return c->agents[i].name;
	return (struct slice){"", 0};
}

static void put_running(struct json_writer *w, const struct view_call *c)
{
	json_open(w, '{');
	put_or_null(w, "agent", slice_str(c->agent));
	json_put_str(w, "id", c->id);
	put_time(w, "time", c->wall_ns);
	json_put_str(w, "action", c->action);
	put_or_null(w, "model", slice_str(c->model));
	json_put_str(w, "phase", c->phase);
	json_put_str(w, "waits_for", c->waits_for);
	json_put_u64(w, "attempts", c->attempts);
	json_put_u64(w, "running_ms", c->running_ns / NS_PER_MS);
	json_close(w, '}');
}

int view_calls(const struct view_calls *v, struct buf *out)
{
	struct json_writer w;
	int r = buf_printf(out, "{\"in_flight\":%u,\"running\":", v->in_flight);

	if (r)
		return r;
	json_begin(&w, out);
	json_open(&w, '[');
	for (unsigned i = 0; i < v->n_running; i++)
		put_running(&w, &v->running[i]);
	json_close(&w, ']');
	r = json_end(&w);
	if (!r)
		r = buf_put_str(out, ",\"recent\":");
	if (!r)
		r = recent_list(
		        v->recent, v->wall_ns, v->limit, name_of, (void *)(uintptr_t)v->conf, out);
	return r ? r : buf_put_char(out, '}');
}

/* ---- upstreams ---- */

static void put_upstream(struct json_writer *w, const struct upstream_conf *u)
{
	static const char *const credentials[] = {[CREDENTIAL_NONE] = "none",
	        [CREDENTIAL_API_KEY] = "api_key",
	        [CREDENTIAL_HEADER] = "header",
	        [CREDENTIAL_PASSTHROUGH] = "passthrough"};

	json_put_slice(w, "name", u->name);
	json_put_str(w, "api", api_name(u->api));
	json_put_str(w, "credential", credentials[u->credential]);
	json_key(w, "endpoints");
	json_open(w, '[');
	for (unsigned i = 0; i < u->n_endpoints; i++) {
		json_open(w, '{');
		json_put_slice(w, "url", u->endpoints[i].url);
		json_put_u64(w, "weight", u->endpoints[i].weight);
		json_close(w, '}');
	}
	json_close(w, ']');
	json_put_u64(w, "connect_timeout_ms", u->connect_ns / NS_PER_MS);
	json_put_u64(w, "first_byte_timeout_ms", u->first_byte_ns / NS_PER_MS);
	json_put_u64(w, "stream_idle_timeout_ms", u->stream_idle_ns / NS_PER_MS);
	json_put_u64(w, "total_timeout_ms", u->total_ns / NS_PER_MS);
}

int view_upstreams(const struct conf *c, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_key(&w, "upstreams");
	json_open(&w, '[');
	for (unsigned i = 0; i < c->n_upstreams; i++) {
		json_open(&w, '{');
		put_upstream(&w, &c->upstreams[i]);
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	return json_end(&w);
}

/* ---- the policy ---- */

int view_policy(const struct view_policy *v, struct buf *out)
{
	char hash[2 * SHA256_LEN + 1];
	struct json_writer w;

	hex_encode(v->conf->hash, SHA256_LEN, hash);
	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "version", v->conf->version);
	json_put_str(&w, "sha256", hash);
	json_key(&w, "files");
	json_open(&w, '[');
	for (unsigned i = 0; i < v->conf->n_files; i++)
		json_string(&w, v->conf->files[i]);
	json_close(&w, ']');
	put_time(&w, "loaded_at", v->loaded_wall_ns);
	json_put_bool(&w, "last_reload_successful", v->last_reload_good);
	json_key(&w, "inactive");
	json_open(&w, '[');
	for (unsigned i = 0; i < v->conf->n_inactive; i++)
		json_string(&w, slice_str(v->conf->inactive[i]));
	json_close(&w, ']');
	json_close(&w, '}');
	return json_end(&w);
}

/* ---- refusals ---- */

int view_problem(const struct problem *p, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out);
	json_open(&w, '{');
	json_put_str(&w, "type", "about:blank");
	json_put_str(&w, "title", status_phrase(p->status));
	json_put_u64(&w, "status", p->status);
	json_put_str(&w, "code", p->code);
	json_put_str(&w, "detail", p->detail);
	json_put_slice(&w, "request_id", p->request_id);
	if (p->problems.len)
		json_put_slice(&w, "problems", p->problems);
	json_close(&w, '}');
	return json_end(&w);
}
