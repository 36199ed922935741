/* SPDX-License-Identifier: Apache-2.0 */
/* check_models: fallbacks that lead back to where they came from, and numbers that contradict each
 * other. */
#include <limits.h>
#include "config/check.h"
#include "config/resolve.h"

enum colour { UNSEEN, ON_PATH, DONE };

struct walk {
	struct load *l;
	const struct node *next[64]; /* on each step of the path: the fallback to look at next */
	unsigned model[64];
	unsigned depth;
	uint8_t *colours; /* by model index */
};

static const struct node *fallbacks_of(const struct load *l, unsigned model)
{
	const struct node *list = node_member(load_entry(l, "models", model), "fallback");

	return list && list->kind == NODE_LIST ? list->first : NULL;
}

static void enter(struct walk *w, unsigned model)
{
	w->colours[model] = ON_PATH;
	w->model[w->depth] = model;
	w->next[w->depth++] = fallbacks_of(w->l, model);
}

/* One fallback of the model at the end of the path. */
static void step(struct walk *w, const struct node *fallback)
{
	unsigned to;

	if (fallback->kind != NODE_SCALAR)
		return;
	to = resolve_name(w->l, "models", "model", fallback);
	if (to >= w->l->conf->n_models || w->colours[to] == DONE)
		return;
	if (w->colours[to] == UNSEEN) {
		if (w->depth < sizeof(w->model) / sizeof(w->model[0]))
			enter(w, to);
		return;
	}
	diagnostics_error(w->l->d, fallback->at,
	        "the fallbacks go round in a loop: %.*s comes back to itself",
	        SLICE_FMT(fallback->text));
	diagnostics_also(w->l->d, node_place(load_entry(w->l, "models", to)));
}

static void check_loops(struct load *l)
{
	struct walk w = {.l = l, .colours = arena_zalloc(&l->arena, l->conf->n_models + 1)};

	if (!w.colours) {
		diagnostics_no_memory(l->d);
		return;
	}
	for (unsigned i = 0; i < l->conf->n_models; i++) {
		if (w.colours[i] == UNSEEN)
			enter(&w, i);
		while (w.depth) {
			const struct node *fallback = w.next[w.depth - 1];

			if (fallback) {
				w.next[w.depth - 1] = fallback->next;
				step(&w, fallback);
			} else {
				w.colours[w.model[--w.depth]] = DONE;
			}
		}
	}
}

static void check_one(struct load *l, const struct model_conf *m, const struct node *n)
{
	const struct node *expected = node_member(n, "expected_output");

	if (expected && m->max_output && m->expected_output > m->max_output) {
		diagnostics_error(l->d, expected->at, "expected_output is larger than max_output");
		diagnostics_also(l->d, node_place(node_member(n, "max_output")));
	}
	if (m->is_glob && m->upstream_name.len)
		diagnostics_warning(l->d, node_place(node_member(n, "upstream_name")),
		        "every model that %.*s matches is sent as %.*s", SLICE_FMT(m->name),
		        SLICE_FMT(m->upstream_name));
}

void check_models(struct load *l)
{
	for (unsigned i = 0; i < l->conf->n_models; i++)
		check_one(l, &l->conf->models[i], load_entry(l, "models", i));
	check_loops(l);
}
