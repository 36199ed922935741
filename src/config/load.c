/* SPDX-License-Identifier: Apache-2.0 */
/* load: from trees to a conf: read along the tables, resolve names, check the meaning. Also the
 * life of a conf. */
#include "config/load.h"
#include "base/mem.h"
#include "config/check.h"
#include "config/inactive.h"
#include "config/keys.h"
#include "config/resolve.h"
#include "config/secrets.h"

#define LOAD_ARENA_MAX (256u << 20)
#define CONF_ARENA_MAX (64u << 20)

static void conf_unmake(struct conf *c)
{
	secrets_free(c->secrets);
	map_finish(&c->tools_by_name);
	map_finish(&c->models_by_name);
	map_finish(&c->agents_by_name);
	arena_finish(&c->arena);
	mem_free(c);
}

void conf_free(struct conf *c)
{
	if (c)
		conf_unmake(c);
}

bool load_open(struct load *l, struct diagnostics *d)
{
	*l = (struct load){.d = d};
	arena_init(&l->arena, LOAD_ARENA_MAX);
	l->conf = mem_zalloc(sizeof(*l->conf));
	if (l->conf) {
		arena_init(&l->conf->arena, CONF_ARENA_MAX);
		map_init(&l->conf->tools_by_name);
		map_init(&l->conf->models_by_name);
		map_init(&l->conf->agents_by_name);
	}
	l->root = arena_zalloc(&l->arena, sizeof(*l->root));
	if (!l->conf || !l->root) {
		diagnostics_no_memory(d);
		return false;
	}
	l->root->kind = NODE_MAP;
	return true;
}

void load_close(struct load *l)
{
	conf_free(l->conf);
	arena_finish(&l->arena);
	*l = (struct load){0};
}

/* SHA-256 over the files one behind the other, as `cat FILES | sha256sum` says it. */
static void hash_files(struct load *l)
{
	struct conf *c = l->conf;
	char *all = arena_alloc(&l->arena, l->n_bytes + 1);
	size_t len = 0;

	if (!all) {
		diagnostics_no_memory(l->d);
		return;
	}
	for (unsigned i = 0; i < l->n_sources; i++) {
		memcpy(all + len, l->sources[i]->text.at, l->sources[i]->text.len);
		len += l->sources[i]->text.len;
	}
	sha256(slice_from(all, len), c->hash);
	hex_encode(c->hash, (sizeof(c->version) - 1) / 2, c->version);
}

static void keep_files(struct load *l)
{
	struct conf *c = l->conf;

	c->files = reader_alloc(&l->reader, (l->n_sources + 1) * sizeof(*c->files));
	for (unsigned i = 0; c->files && i < l->n_sources; i++)
		c->files[c->n_files++] = reader_keep(&l->reader, l->sources[i]->name);
}

struct conf *load_conf(struct load *l)
{
	if (!l->conf || !l->root)
		return NULL;
	l->reader = (struct reader){l->d, &l->conf->arena, l->conf, l, l->secrets_optional};
	keep_files(l);
	hash_files(l);
	/* A file that could not be read leaves holes that are no mistakes of their own. */
	if (l->unreadable || l->d->no_memory)
		return l->conf;
	if (!l->root->n && !diagnostics_failed(l->d)) {
		diagnostics_error(l->d, (struct place){l->sources[0], 1, 1}, "the policy is empty");
		diagnostics_hint(l->d, "begin with version: 1");
		return l->conf;
	}
	if (l->n_sources)
		l->root->at = (struct place){l->sources[0], 1, 1};
	block_read(&l->reader, root_directives, l->root, l->conf);
	policy_resolve(l);
	policy_check(l);
	inactive_list(l);
	return l->conf;
}

struct conf *load_take(struct load *l)
{
	struct conf *c = l->conf;

	if (diagnostics_failed(l->d))
		return NULL;
	l->conf = NULL;
	return c;
}

const struct node *load_entry(const struct load *l, const char *section, unsigned index)
{
	const struct node *map = node_member(l->root, section);
	const struct node *n = map && map->kind == NODE_MAP ? map->first : NULL;

	while (n && index--)
		n = n->next;
	return n;
}

static struct conf *load_run(struct load *l)
{
	struct conf *c = load_conf(l) ? load_take(l) : NULL;

	load_close(l);
	return c;
}

struct conf *conf_load(const char *const *paths, unsigned n, struct diagnostics *d)
{
	struct load l;

	if (load_open(&l, d))
		for (unsigned i = 0; i < n; i++)
			load_path(&l, paths[i]);
	return load_run(&l);
}

struct conf *conf_load_text(const char *file, struct slice text, struct diagnostics *d)
{
	struct load l;

	if (load_open(&l, d))
		load_text(&l, file, text);
	return load_run(&l);
}

struct tool_conf *conf_tool(const struct conf *c, struct slice name)
{
	return map_get(&c->tools_by_name, name);
}

struct agent_conf *conf_agent(const struct conf *c, struct slice name)
{
	return map_get(&c->agents_by_name, name);
}

static size_t letters_of(struct slice glob)
{
	size_t n = 0;

	for (size_t i = 0; i < glob.len; i++)
		n += glob.at[i] != '*';
	return n;
}

struct model_conf *conf_model(
        const struct conf *c, const struct agent_conf *agent, struct slice name)
{
	struct model_conf *best = map_get(&c->models_by_name, name);

	if (best && !best->is_glob && (!agent || agent->models[best->index]))
		return best;
	best = NULL;
	for (unsigned i = 0; i < c->n_models; i++) {
		struct model_conf *m = &c->models[i];

		if (m->is_glob && (!agent || agent->models[i]) &&
		        slice_matches_glob(name, m->name) &&
		        (!best || letters_of(m->name) > letters_of(best->name)))
			best = m;
	}
	return best;
}
