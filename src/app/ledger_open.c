/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_open: a copy of the book that lies in the state folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/ledger.h"
#include "app/state_place.h"

static int say(const char *where, const char *what)
{
	fprintf(stderr, "weir ledger: %s: %s\n", where, what);
	return 1;
}

static int open_book(struct book **ret, const struct state_place *p, bool *ret_behind)
{
	int dir = open(p->journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC), no_journal = dir < 0 ? errno : 0, r;
	char note[BOOK_NOTE], file[4096 + 16];

	snprintf(file, sizeof(file), "%s/" BOOK_FILE, p->state);
	if (dir < 0 && access(file, F_OK) < 0)
		return say(p->state, "no Weir has kept its state in this folder");
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
	struct state_place p;
	int r;

	*ret_behind = true;
	if (o->path)
		r = state_place_of_state(&p, "ledger", o->path);
	else
		r = state_place_of_policy(&p, "ledger", o->config);
	if (!r)
		r = open_book(ret, &p, ret_behind);
	state_place_finish(&p);
	return r;
}
