/* SPDX-License-Identifier: Apache-2.0 */
/* state_place: see state_place.h. */
#include <stdio.h>
#include <string.h>
#include "app/print.h"
#include "app/state.h"
#include "app/state_place.h"

static void begin(struct state_place *p)
{
	*p = (struct state_place){.n_keys = 0};
	diagnostics_init(&p->diagnostics);
}

static int set(struct state_place *p, const char *command, struct slice state, struct slice journal)
{
	if (!state.len || state.len >= sizeof(p->state) - 8 || journal.len >= sizeof(p->journal))
		return print_usage_error(command, "the path is empty or too long");
	snprintf(p->state, sizeof(p->state), "%.*s", SLICE_FMT(state));
	if (journal.len)
		snprintf(p->journal, sizeof(p->journal), "%.*s", SLICE_FMT(journal));
	else
		snprintf(p->journal, sizeof(p->journal), "%s/journal", p->state);
	if (state_key(p->state, p->own) == 0)
		p->keys[p->n_keys++] = slice_from(p->own, sizeof(p->own));
	return 0;
}

int state_place_of_policy(struct state_place *p, const char *command, const char *config)
{
	begin(p);
	if (load_open(&p->load, &p->diagnostics)) {
		p->load.secrets_optional = true;
		if (config)
			load_path(&p->load, config);
		else
			load_text(&p->load, "none", SLICE("version: 1\n"));
		p->conf = load_conf(&p->load);
	}
	if (!p->conf || (config && diagnostics_failed(&p->diagnostics))) {
		print_diagnostics(&p->diagnostics);
		return 1;
	}
	for (unsigned i = 0; i < p->conf->n_deployment_keys && p->n_keys + 1 < STATE_PLACE_KEYS; i++)
		if (p->conf->deployment_keys[i]->len)
			p->keys[p->n_keys++] = secret_slice(p->conf->deployment_keys[i]);
	return set(p, command, p->conf->state_path, p->conf->audit.path);
}

int state_place_of_state(struct state_place *p, const char *command, const char *path)
{
	begin(p);
	return set(p, command, slice_str(path), SLICE(""));
}

/* The state is beside its journal, unless the policy said otherwise; then there is no key to be found. */
int state_place_of_journal(struct state_place *p, const char *command, const char *path)
{
	char state[4096];

	begin(p);
	if (!*path || snprintf(state, sizeof(state), "%s/..", path) >= (int)sizeof(state))
		return print_usage_error(command, "the path is empty or too long");
	return set(p, command, slice_str(state), slice_str(path));
}

void state_place_finish(struct state_place *p)
{
	if (p->load.conf || p->load.root)
		load_close(&p->load);
	diagnostics_finish(&p->diagnostics);
	wipe(p->own, sizeof(p->own));
	wipe(p->keys, sizeof(p->keys));
}
