/* SPDX-License-Identifier: Apache-2.0 */
/* load: a policy on its way from files to a conf. conf_load is this with the trees thrown away;
 * explain keeps them, to say where a value was written. */
#pragma once
#include "config/reader.h"

#define LOAD_FILES_MAX 256u
#define LOAD_BYTES_MAX (16u << 20) /* all files together */

struct load {
	struct diagnostics *d; /* borrowed */
	struct arena arena;    /* owned: texts, nodes */
	struct conf *conf;     /* owned until it is taken */
	struct reader reader;
	struct yaml_source *sources[LOAD_FILES_MAX]; /* in the arena, in the order they were read */
	unsigned n_sources;
	size_t n_bytes;
	struct node *root;     /* all files merged */
	struct node **agents;  /* in the arena: by agent index, inheritance done */
	bool unreadable;       /* a file is missing from the tree */
	bool secrets_optional; /* see struct reader; set before load_finish_conf */
};

/* False: no memory; d knows. Pair it with load_close all the same. */
bool load_open(struct load *l, struct diagnostics *d);
void load_close(struct load *l);
/* Each adds to the tree; mistakes are in d. */
void load_path(
        struct load *l, const char *path); /* a file, or a directory's *.yaml and *.yml, sorted */
void load_text(struct load *l, const char *name, struct slice text);
/* Reads, inherits, resolves and checks. The conf stays in the load, also when d has errors; NULL
 * only without memory. */
struct conf *load_conf(struct load *l);
struct conf *load_take(
        struct load *l); /* the conf, now the caller's; NULL if there was any error */

/* An entry of a section by its index in the conf: models, tools, … NULL when there is none. */
const struct node *load_entry(const struct load *l, const char *section, unsigned index);
