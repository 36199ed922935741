/* SPDX-License-Identifier: Apache-2.0 */
/* audit_open: where the journal lies and which keys there are. Nothing is locked and nothing made: a running Weir is not
 * disturbed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/audit.h"
#include "app/print.h"
#include "app/state_place.h"

static void add_key(struct audit *a, struct slice key)
{
	if (!key.len || a->n_keys == AUDIT_KEYS || seal_init(&a->keys[a->n_keys], key, USER_LABEL))
		return;
	a->seals[a->n_keys] = &a->keys[a->n_keys];
	a->n_keys++;
}

static int say(const struct audit *a, const char *what)
{
	fprintf(stderr, "weir audit: %s: %s\n", a->path, what);
	return 1;
}

/* A folder of something else is not taken for an empty journal. */
static int check_folder(const struct audit *a)
{
	struct segment_list l = {NULL};
	int r = segment_list_read(a->dir, &l);
	bool empty = !l.n;

	segment_list_finish(&l);
	if (r)
		return say(a, strerror(-r));
	return empty ? say(a, "there is no segment of a journal in this folder") : 0;
}

/* The place, and the keys, which are the audit's own from then on. */
static int find(struct audit *a, const struct audit_options *o)
{
	struct state_place p;
	int r = o->path ? state_place_of_journal(&p, "audit", o->path) : state_place_of_policy(&p, "audit", o->config);

	if (!r && strlen(p.journal) >= sizeof(a->path))
		r = print_usage_error("audit", "the path is empty or too long");
	if (!r)
		memcpy(a->path, p.journal, strlen(p.journal) + 1);
	for (unsigned i = 0; !r && i < p.n_keys; i++)
		add_key(a, p.keys[i]);
	state_place_finish(&p);
	return r;
}

int audit_open(struct audit *a, const struct audit_options *o)
{
	*a = (struct audit){.dir = -1};
	int r = find(a, o);

	if (r)
		return r;
	a->dir = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dir < 0)
		return say(a, errno == ENOENT ? "there is no such folder" : errno == ENOTDIR ? "this is not a folder" : strerror(errno));
	return check_folder(a);
}

void audit_close(struct audit *a)
{
	for (unsigned i = 0; i < a->n_keys; i++)
		seal_finish(&a->keys[i]);
	if (a->dir >= 0)
		close(a->dir);
}
