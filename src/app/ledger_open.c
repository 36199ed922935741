/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_open: where the book lies, and which keys there are to open users' ids with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/ledger.h"
#include "app/print.h"
#include "app/state.h"
#include "config/load.h"
#include "crypto/digest.h"

struct ledger_place {
	char state[4096], journal[4096 + 16];
	struct slice keys[BOOK_KEYS_MAX]; /* of the policy, while its load is open */
	unsigned n_keys;
	uint8_t own[SHA256_LEN]; /* the state folder's */
	bool has_own;
};

static int set_place(struct ledger_place *p, struct slice state, struct slice journal)
{
	if (!state.len || state.len >= sizeof(p->state) || journal.len >= sizeof(p->journal))
		return print_usage_error("ledger", "the path is empty or too long");
	snprintf(p->state, sizeof(p->state), "%.*s", SLICE_FMT(state));
	if (journal.len)
		snprintf(p->journal, sizeof(p->journal), "%.*s", SLICE_FMT(journal));
	else
		snprintf(p->journal, sizeof(p->journal), "%s/journal", p->state);
	return 0;
}

/* As the policy says, or as it would be without one. */
static int read_policy(struct load *l, struct diagnostics *d, const char *config, struct ledger_place *p)
{
	const struct conf *c;

	if (!load_open(l, d))
		return 1;
	l->secrets_optional = true;
	if (config)
		load_path(l, config);
	else
		load_text(l, "none", SLICE("version: 1\n"));
	c = load_conf(l);
	if (!c || (config && diagnostics_failed(d))) {
		print_diagnostics(d);
		return 1;
	}
	for (unsigned i = 0; i < c->n_deployment_keys && p->n_keys + 1 < BOOK_KEYS_MAX; i++)
		if (c->deployment_keys[i]->len)
			p->keys[p->n_keys++] = secret_slice(c->deployment_keys[i]);
	return set_place(p, c->state_path, c->audit.path);
}

static int say(const char *where, const char *what)
{
	fprintf(stderr, "weir ledger: %s: %s\n", where, what);
	return 1;
}

static int open_book(struct book **ret, struct ledger_place *p, bool *ret_behind)
{
	int dir = open(p->journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC), no_journal = dir < 0 ? errno : 0, r;
	char note[BOOK_NOTE], file[4096 + 16];

	snprintf(file, sizeof(file), "%s/" BOOK_FILE, p->state);
	if (dir < 0 && access(file, F_OK) < 0)
		return say(p->state, "no Weir has kept its state in this folder");
	if (p->has_own)
		p->keys[p->n_keys++] = slice_from(p->own, sizeof(p->own));
	struct book_options o = {.path = p->state, .journal = dir, .keys = p->keys, .n_keys = p->n_keys};
	r = book_open_copy(ret, &o, note);
	if (r < 0) {
		say(p->state, note);
		if (dir >= 0)
			close(dir);
		return 1;
	}
	if (no_journal)
		say(p->journal, strerror(no_journal));
	else if (book_fold(*ret) < 0)
		say(p->journal, book_note(*ret));
	else
		*ret_behind = false;
	if (*ret_behind)
		fputs("weir ledger: what stands here ends where the book does\n", stderr);
	if (dir >= 0)
		close(dir); /* all of it was read */
	return 0;
}

int ledger_open(struct book **ret, const struct ledger_options *o, bool *ret_behind)
{
	struct ledger_place p = {.n_keys = 0};
	struct diagnostics d;
	struct load l;
	int r;

	*ret_behind = true;
	diagnostics_init(&d);
	if (o->path)
		r = set_place(&p, slice_str(o->path), SLICE(""));
	else
		r = read_policy(&l, &d, o->config, &p);
	if (!r) {
		p.has_own = state_key(p.state, p.own) == 0;
		r = open_book(ret, &p, ret_behind);
	}
	if (!o->path)
		load_close(&l);
	diagnostics_finish(&d);
	wipe(&p, sizeof(p));
	return r;
}
