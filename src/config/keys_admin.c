/* SPDX-License-Identifier: Apache-2.0 */
/* keys_admin: who may use the admin API, and for what. */
#include "config/keys.h"

const char *const role_names[] = {"read", "approve", "operate", NULL};
static const char role_words[] = "read approve operate";

static void roles_read(
        struct reader *r, const struct directive *d, const struct node *n, void *base)
{
	struct directive item = {.name = d->name, .kind = DIRECTIVE_CHOICE, .words = role_words};
	struct operator_conf *o = base;
	unsigned index;

	if (!n)
		return;
	if (n->kind != NODE_LIST || !n->n) {
		diagnostics_error(r->d, n->at, "%s is a list, as [read]", d->name);
		return;
	}
	for (const struct node *role = n->first; role; role = role->next)
		if (value_read(r, &item, role, NULL) && o &&
		        words_find(role_words, role->text, &index))
			o->roles |= 1u << index;
}

static const struct directive operator_keys[] = {
        {KEY("name", NAME, "who it is"), .required = true,
                DIRECTIVE_AT(struct operator_conf, name)},
        {KEY("api_key", HASH, "SHA-256 of a key; weir key new prints one"),
                DIRECTIVE_AT(struct operator_conf, key_sha256)},
        {KEY("certificate", ANY, "a client certificate"), LATER("none")},
        {KEY("roles", CHOICE,
                 "what they may do: each is by itself, so who operates and reads has both"),
                LIST, .required = true, .words = role_words, .read = roles_read},
        {0},
};

const struct directive admin_directives[] = {
        {KEY("operators", BLOCK, "people and programs that may use the admin API"), LIST,
                OF_BLOCK(operator_keys), DIRECTIVE_ITEMS(struct conf, operators)},
        {KEY("oidc", ANY, "log-in for people"), LATER("none {}"),
                .note = "operators are known by keys alone, and the admin listener has no "
                        "console"},
        {0},
};
