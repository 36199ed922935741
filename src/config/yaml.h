/* SPDX-License-Identifier: Apache-2.0 */
/* yaml: the text of a policy file as a tree of nodes that know where they stand. Everything that
 * could make one text mean another (anchors, aliases, merge keys, tags, second documents) is
 * refused while it is read, so nothing expands. */
#pragma once
#include "base/arena.h"

#define YAML_FILE_MAX (1u << 20) /* bytes a file */
#define YAML_DEPTH_MAX 32u /* maps and lists inside each other; walks may recurse because of it */
#define YAML_MEMBERS_MAX 10000u /* a map or list: members are looked for one by one */
#define YAML_NODES_MAX 200000u  /* a file */

struct yaml_source {       /* one file that was read */
	struct slice name; /* as diagnostics say it */
	struct slice text;
	unsigned index; /* its turn among the files */
};

struct place {
	const struct yaml_source *source; /* borrowed; NULL: nowhere in a file */
	uint32_t line, column;            /* from 1; columns count bytes */
};

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool plain;        /* a scalar without quotes */
	struct place at;   /* an empty value has its key's */
	struct slice text; /* of a scalar */
	struct slice key;  /* of a map's member */
	struct place key_at;
	struct node *first, *last, *next; /* children in order; all in the arena */
	unsigned n;                       /* children */
	const char *layer; /* inherited: "defaults" or "team"; NULL: written where it stands */
};

struct diagnostics;
/* The root, a map (an empty one for an empty file), in a. NULL: it was said in d, or there is no
 * memory (d knows). */
struct node *yaml_read(struct arena *a, const struct yaml_source *source, struct diagnostics *d);

/* The member of a map, or NULL; also NULL for what is no map. */
struct node *node_member(const struct node *map, const char *key);
struct node *node_member_slice(const struct node *map, struct slice key);
void node_append(struct node *parent, struct node *child);
struct node *node_copy(
        struct arena *a, const struct node *from);    /* the node alone: children are shared */
bool node_is(const struct node *n, const char *text); /* a scalar that says text */
/* Of a list, or of one value that stands for a list of one; NULL: there is none. */
const struct node *node_item(const struct node *list, unsigned i);
struct place node_place(const struct node *n); /* the key's when it is a member, else its own */
