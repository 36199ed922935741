/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_models: upstreams, and what models and tools name of them. */
#include <ctype.h>
#include <limits.h>
#include "config/address.h"
#include "config/resolve.h"

static const struct {
	const char *name, *url;
} apis[] = {
        [API_OPENAI] = {"openai", "https://api.openai.com/v1"},
        [API_ANTHROPIC] = {"anthropic", NULL},
        [API_GEMINI] = {"gemini", NULL},
        [API_MCP] = {"mcp", NULL},
        [API_HTTP] = {"http", NULL},
        [API_WEIR] = {"weir", NULL},
};

const char *api_name(enum api api)
{
	return apis[api].name;
}

/* From its key, else from its name; two are built. */
static void resolve_api(struct load *l, struct upstream_conf *u, const struct node *n)
{
	const struct node *api = node_member(n, "api");
	bool known = api;

	for (unsigned i = 0; !api && i < sizeof(apis) / sizeof(apis[0]); i++)
		if (slice_is(u->name, apis[i].name)) {
			u->api = (enum api)i;
			known = true;
		}
	if (!known) {
		diagnostics_error(l->d, node_place(n),
		        "the upstream %.*s has no api, and its name says none", SLICE_FMT(u->name));
		diagnostics_hint(l->d, "write api: openai, or api: http for tools");
	} else if (u->api != API_OPENAI && u->api != API_HTTP) {
		diagnostics_error(l->d, api ? api->at : node_place(n),
		        "api: %s is not supported yet", apis[u->api].name);
		diagnostics_hint(l->d, "only upstreams with api: openai or api: http are");
	}
}

static void resolve_endpoints(struct load *l, struct upstream_conf *u, const struct node *n)
{
	if (u->n_endpoints || node_member(n, "url") || node_member(n, "endpoints"))
		return;
	if (u->api == API_HTTP) {
		diagnostics_error(l->d, node_place(n), "the upstream %.*s has no url",
		        SLICE_FMT(u->name));
		diagnostics_hint(l->d, "write where its tools are served, as url: "
		                       "\"http://orders.tools.svc:8000\"");
	}
	if (!apis[u->api].url)
		return; /* said already, or it is not supported yet */
	u->endpoints = reader_alloc(&l->reader, sizeof(*u->endpoints));
	if (!u->endpoints)
		return;
	u->n_endpoints = 1;
	u->endpoints->weight = 1;
	endpoint_url_parse(slice_str(apis[u->api].url), u->endpoints);
}

/* What was not written: tools answer sooner than models, and may be silent for longer. */
static void resolve_timeouts(struct upstream_conf *u)
{
	static const uint64_t second = 1000000000;
	bool tools = u->api == API_HTTP || u->api == API_MCP;

	if (!u->first_byte_ns)
		u->first_byte_ns = (tools ? 30 : 120) * second;
	if (!u->stream_idle_ns)
		u->stream_idle_ns = (tools ? 300 : 60) * second;
	if (!u->total_ns)
		u->total_ns = (tools ? 60 : 15 * 60) * second;
}

/* Header names are compared in lower case; the slice is in the conf's arena. */
static void lower_header(struct upstream_conf *u)
{
	char *at = u->credential == CREDENTIAL_HEADER ? (char *)(uintptr_t)u->credential_header.at
	                                              : NULL;

	for (size_t i = 0; at && i < u->credential_header.len; i++)
		at[i] = (char)tolower((unsigned char)at[i]);
}

void resolve_upstreams(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_upstreams; i++) {
		struct upstream_conf *u = &l->conf->upstreams[i];
		const struct node *n = load_entry(l, "upstreams", i);

		u->index = i;
		resolve_api(l, u, n);
		resolve_endpoints(l, u, n);
		resolve_timeouts(u);
		lower_header(u);
	}
}

static struct upstream_conf *resolve_upstream(struct load *l, const struct node *n)
{
	unsigned index;

	if (!n || n->kind != NODE_SCALAR)
		return NULL;
	index = resolve_name(l, "upstreams", "upstream", n);
	return index < l->conf->n_upstreams ? &l->conf->upstreams[index] : NULL;
}

void resolve_models(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_models; i++) {
		struct model_conf *m = &l->conf->models[i];

		const struct node *n = node_member(load_entry(l, "models", i), "upstream");

		m->index = i;
		m->is_glob = memchr(m->name.at, '*', m->name.len);
		m->upstream = resolve_upstream(l, n);
		if (m->upstream && m->upstream->api == API_HTTP)
			diagnostics_error(l->d, n->at, "the upstream %.*s serves tools, not models",
			        SLICE_FMT(n->text));
	}
}

void resolve_tools(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_tools; i++) {
		struct tool_conf *t = &l->conf->tools[i];
		const struct node *n = node_member(load_entry(l, "tools", i), "upstream");

		t->index = i;
		t->upstream = resolve_upstream(l, n);
		resolve_tool_form(l, t);
		if (!t->upstream || t->upstream->api != API_OPENAI)
			continue;
		diagnostics_error(l->d, n->at, "the upstream %.*s serves models, not tools",
		        SLICE_FMT(n->text));
		diagnostics_hint(l->d, "leave upstream out for a tool that the agent runs itself");
	}
}
