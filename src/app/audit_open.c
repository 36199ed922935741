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
#include "app/state.h"

static void add_key(struct audit *a, struct slice key)
{
	if (!key.len || a->n_keys == AUDIT_KEYS || seal_init(&a->keys[a->n_keys], key, USER_LABEL))
		return;
	a->seals[a->n_keys] = &a->keys[a->n_keys];
	a->n_keys++;
}

/* The key that Weir made in its state folder, if we may read it. */
static void add_key_of_state(struct audit *a, const char *state)
{
	uint8_t key[SHA256_LEN];

	if (state_key(state, key) == 0)
		add_key(a, slice_from(key, sizeof(key)));
	wipe(key, sizeof(key));
}

/* As the policy says, or as it would be without one. */
static int read_policy(struct audit *a, const char *config)
{
	struct diagnostics d;
	struct load l;
	const struct conf *c = NULL;
	int r = 1;

	diagnostics_init(&d);
	if (load_open(&l, &d)) {
		l.secrets_optional = true;
		if (config)
			load_path(&l, config);
		else
			load_text(&l, "none", SLICE("version: 1\n"));
		c = load_conf(&l);
	}
	if (c && (!config || !diagnostics_failed(&d)) && c->audit.path.len && c->audit.path.len < sizeof(a->path) &&
		c->state_path.len < sizeof(a->path)) {
		snprintf(a->path, sizeof(a->path), "%.*s", SLICE_FMT(c->state_path));
		for (unsigned i = 0; i < c->n_deployment_keys; i++)
			add_key(a, secret_slice(c->deployment_keys[i]));
		add_key_of_state(a, a->path);
		snprintf(a->path, sizeof(a->path), "%.*s", SLICE_FMT(c->audit.path));
		r = 0;
	} else if (config) {
		print_diagnostics(&d);
	}
	load_close(&l);
	diagnostics_finish(&d);
	return r;
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

int audit_open(struct audit *a, const struct audit_options *o)
{
	*a = (struct audit){.dir = -1};
	if (o->path) {
		size_t len = strlen(o->path);

		if (!len || len > sizeof(a->path) - 8)
			return print_usage_error("audit", "the path is empty or too long");
		snprintf(a->path, sizeof(a->path), "%s/..", o->path);
		add_key_of_state(a, a->path);
		a->path[len] = '\0';
	} else {
		int r = read_policy(a, o->config);

		if (r)
			return r;
	}
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
