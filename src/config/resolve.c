/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: what is not one section's own: looking names up, the maps, where state lies. */
#include "config/resolve.h"
#include <limits.h>
#include <stdlib.h>
#include "config/nearest.h"

unsigned resolve_name(struct load *l, const char *section, const char *what, const struct node *n)
{
	const struct node *map = node_member(l->root, section);
	struct nearest nearest;
	unsigned i = 0;

	nearest_init(&nearest, n->text);
	for (const struct node *entry = map ? map->first : NULL; entry; entry = entry->next, i++) {
		if (slice_equals(entry->key, n->text))
			return i;
		nearest_offer(&nearest, entry->key);
	}
	diagnostics_error(l->d, n->at, "no %s is named %.*s", what, SLICE_FMT(n->text));
	if (nearest.best.at)
		diagnostics_hint(l->d, "did you mean %.*s?", SLICE_FMT(nearest.best));
	else
		diagnostics_hint(l->d, "declare it under %s:", section);
	return UINT_MAX;
}

static void index_name(struct load *l, struct map *map, struct slice name, void *value)
{
	/* Names of one section differ, or the file would not have been read. */
	if (map_add(map, name, value))
		diagnostics_no_memory(l->d);
}

static void index_all(struct load *l)
{
	struct conf *c = l->conf;

	for (unsigned i = 0; i < c->n_tools; i++)
		index_name(l, &c->tools_by_name, c->tools[i].name, &c->tools[i]);
	for (unsigned i = 0; i < c->n_models; i++)
		index_name(l, &c->models_by_name, c->models[i].name, &c->models[i]);
	for (unsigned i = 0; i < c->n_agents; i++)
		index_name(l, &c->agents_by_name, c->agents[i].name, &c->agents[i]);
}

/* systemd's directory, the user's, or one beside us; see systemd.exec(5) and the XDG base
 * directories. */
static void resolve_state_path(struct load *l)
{
	const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
	struct buf path = BUF_INIT(PATH_MAX);
	int error;

	if (l->conf->state_path.len)
		return;
	if (state && *state) /* of several, the first */
		error = buf_put(&path, state, strcspn(state, ":"));
	else if (xdg && *xdg == '/')
		error = buf_printf(&path, "%s/weir", xdg);
	else
		error = buf_put_str(&path, "./weir-state");
	if (error)
		diagnostics_no_memory(l->d);
	else
		l->conf->state_path = reader_keep(&l->reader, buf_slice(&path));
	buf_finish(&path);
}

/* Beside the state: what is spent is known from it when Weir starts again. */
static void resolve_audit_path(struct load *l)
{
	struct buf path = BUF_INIT(PATH_MAX);

	if (l->conf->audit.path.len)
		return;
	if (buf_printf(&path, "%.*s/journal", SLICE_FMT(l->conf->state_path)))
		diagnostics_no_memory(l->d);
	else
		l->conf->audit.path = reader_keep(&l->reader, buf_slice(&path));
	buf_finish(&path);
}

void policy_resolve(struct load *l)
{
	resolve_state_path(l);
	resolve_audit_path(l);
	resolve_upstreams(l);
	resolve_models(l);
	resolve_tools(l);
	resolve_agents(l);
	resolve_budgets(l);
	resolve_store(l);
	index_all(l);
	resolve_listeners(l);
}
