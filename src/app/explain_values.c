/* SPDX-License-Identifier: Apache-2.0 */
/* explain_values: what is in force, along the directive tables. References stay as they are
 * written: no secret is shown. */
#include <stdarg.h>
#include <stdio.h>
#include "app/explain_limits.h"
#include "config/inherit.h"
#include "config/keys.h"
#include "config/units.h"

#define NAME_MAX_LEN 96u

void explain_put(struct explain *e, const char *format, ...)
{
	char text[2048];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!e->error && len > 0)
		e->error = buf_put(
		        &e->out, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static void put_slice(struct explain *e, struct slice s)
{
	if (!e->error)
		e->error = buf_put_slice(&e->out, s);
}

/* A value as one line of YAML. Its depth is bounded by YAML_DEPTH_MAX. */
static void put_value(struct explain *e, const struct node *n)
{
	const char *bracket = n->kind == NODE_LIST ? "[]" : "{}";

	if (n->kind == NODE_NULL) {
		explain_put(e, "null");
	} else if (n->kind == NODE_SCALAR) {
		explain_put(e, n->plain ? "" : "\"");
		put_slice(e, n->text);
		explain_put(e, n->plain ? "" : "\"");
	} else {
		explain_put(e, "%c", bracket[0]);
		for (const struct node *child = n->first; child; child = child->next) {
			if (n->kind == NODE_MAP) {
				put_slice(e, child->key);
				explain_put(e, ": ");
			}
			put_value(e, child);
			explain_put(e, child->next ? ", " : "");
		}
		explain_put(e, "%c", bracket[1]);
	}
}

void explain_origin(struct explain *e, const struct node *n)
{
	struct place at = n ? node_place(n) : (struct place){0};

	if (!at.source) {
		explain_put(e, "default");
		return;
	}
	put_slice(e, at.source->name);
	explain_put(e, ":%u", at.line);
	if (n->layer)
		explain_put(e, " (%s)", n->layer);
}

void explain_row(struct explain *e, const char *prefix, const char *name, const struct node *value,
        const char *fallback)
{
	size_t start = buf_len(&e->out);
	unsigned width;

	explain_put(e, "  %s%s", prefix, name);
	width = (unsigned)(buf_len(&e->out) - start);
	explain_put(e, "%*s ", width < 28 ? (int)(28 - width) : 0, "");
	start = buf_len(&e->out);
	if (value)
		put_value(e, value);
	else
		explain_put(e, "%s", fallback);
	width = (unsigned)(buf_len(&e->out) - start);
	explain_put(e, "%*s  ", width < 40 ? (int)(40 - width) : 0, "");
	explain_origin(e, value);
	explain_put(e, "\n");
}

/* Groups of keys are walked; their depth is that of the tables. */
static void put_block(
        struct explain *e, const char *prefix, const struct directive *table, const struct node *n)
{
	for (const struct directive *d = table; d->name; d++) {
		const struct node *member = node_member(n, d->name);
		bool is_group = d->kind == DIRECTIVE_BLOCK && d->shape == SHAPE_ONE &&
		                d->status == DIRECTIVE_BUILT;
		char inner[NAME_MAX_LEN];

		if (member && member->kind == NODE_NULL && d->fallback)
			member = NULL;
		if (is_group && (!member || member->kind == NODE_MAP)) {
			snprintf(inner, sizeof(inner), "%s%s.", prefix, d->name);
			put_block(e, inner, d->block, member);
		} else if (member) {
			explain_row(e, prefix, d->name, member, "");
		} else if (d->fallback && d->status == DIRECTIVE_BUILT) {
			explain_row(e, prefix, d->name, NULL, d->fallback);
		}
	}
}

void explain_block(struct explain *e, const struct directive *table, const struct node *n)
{
	put_block(e, "", table, n);
}

/* Lists that decide what an agent may do are named even when they are empty. */
void explain_agent(struct explain *e, const struct agent_conf *a)
{
	static const char *const rights[] = {
	        "identity", "tools", "data_access", "models", "hosted_tools"};
	const struct node *n = e->load->agents[a->index];

	explain_put(e, "agent %.*s\n", SLICE_FMT(a->name));
	for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (!node_member(n, rights[i]))
			explain_row(e, "", rights[i], NULL, "[]");
	explain_block(e, agent_directives, n);
	explain_worst_hours(e, a);
	explain_put(e, "\n");
}

void explain_model(struct explain *e, const struct model_conf *m)
{
	explain_put(e, "model %.*s\n", SLICE_FMT(m->name));
	explain_block(e, model_directives, load_entry(e->load, "models", m->index));
	explain_put(e, "\n");
}

void explain_tool(struct explain *e, const struct tool_conf *t)
{
	explain_put(e, "tool %.*s%s\n", SLICE_FMT(t->name),
	        t->upstream ? "" : ": the agent runs it itself");
	explain_block(e, tool_directives, load_entry(e->load, "tools", t->index));
	explain_tool_worst_hours(e, t);
	explain_put(e, "\n");
}

static void explain_listeners(struct explain *e)
{
	static const char *const kinds[] = {
	        [LISTENER_AGENTS] = "agents", [LISTENER_ADMIN] = "admin", [LISTENER_HEALTH] = "health"};
	const struct node *all = node_member(e->load->root, "listeners");

	for (unsigned i = 0; i < e->conf->n_listeners; i++) {
		const struct listener_conf *c = &e->conf->listeners[i];

		explain_put(e, "listener %.*s: %s at %.*s\n", SLICE_FMT(c->name), kinds[c->kind],
		        SLICE_FMT(c->address.text));
		explain_block(e, listener_directives, node_member_slice(all, c->name));
		explain_put(e, "\n");
	}
}

/* Those that were not written, which differ by what an upstream serves. */
static void explain_timeouts(
        struct explain *e, const struct upstream_conf *u, const struct node *written)
{
	const struct {
		const char *name;
		uint64_t ns;
	} all[] = {
	        {"first_byte", u->first_byte_ns},
	        {"stream_idle", u->stream_idle_ns},
	        {"total", u->total_ns},
	};
	char text[24];

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct node *n = node_member(written, all[i].name);

		text[duration_format(all[i].ns, text)] = '\0';
		if (!n || n->kind == NODE_NULL)
			explain_row(e, "timeouts.", all[i].name, NULL, text);
	}
}

static void explain_upstreams(struct explain *e)
{
	for (unsigned i = 0; i < e->conf->n_upstreams; i++) {
		const struct upstream_conf *u = &e->conf->upstreams[i];

		explain_put(e, "upstream %.*s:", SLICE_FMT(u->name));
		for (unsigned k = 0; k < u->n_endpoints; k++)
			explain_put(e, " %.*s", SLICE_FMT(u->endpoints[k].url));
		explain_put(e, "\n");
		explain_block(e, upstream_directives, load_entry(e->load, "upstreams", i));
		explain_timeouts(e, u, node_member(load_entry(e->load, "upstreams", i), "timeouts"));
		explain_put(e, "\n");
	}
}

/* The keys of the whole gateway: all but the sections of entries. */
static void explain_gateway(struct explain *e)
{
	explain_put(e, "gateway: version %s\n", e->conf->version);
	for (const struct directive *d = root_directives; d->name; d++) {
		const struct node *member = node_member(e->load->root, d->name);
		char prefix[NAME_MAX_LEN];

		if (d->shape == SHAPE_MAP || d->read == defaults_read)
			continue;
		snprintf(prefix, sizeof(prefix), "%s.", d->name);
		if (d->kind == DIRECTIVE_BLOCK && d->status == DIRECTIVE_BUILT)
			put_block(e, prefix, d->block, member);
		else if (member || d->fallback)
			explain_row(e, "", d->name, member, d->fallback);
	}
	explain_put(e, "  state lies in %.*s\n\n", SLICE_FMT(e->conf->state_path));
}

void explain_inactive(struct explain *e)
{
	explain_put(e, "inactive in this version of Weir\n");
	for (unsigned i = 0; i < e->conf->n_inactive; i++)
		explain_put(e, "  %s\n", e->conf->inactive[i]);
}

void explain_all(struct explain *e)
{
	explain_gateway(e);
	explain_listeners(e);
	explain_upstreams(e);
	for (unsigned i = 0; i < e->conf->n_models; i++)
		explain_model(e, &e->conf->models[i]);
	for (unsigned i = 0; i < e->conf->n_tools; i++)
		explain_tool(e, &e->conf->tools[i]);
	for (unsigned i = 0; i < e->conf->n_agents; i++)
		explain_agent(e, &e->conf->agents[i]);
}
