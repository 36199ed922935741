/* SPDX-License-Identifier: Apache-2.0 */
/* reader: nodes to structs along directive tables. It goes on after a mistake, so that one run
 * finds them all. */
#pragma once
#include "config/conf.h"
#include "config/diagnostics.h"
#include "weir/directive.h"

struct load;
struct reader {
	struct diagnostics *d; /* borrowed */
	struct arena *arena;   /* the conf's: what is stored lives there */
	struct conf *conf;     /* owner of the secrets */
	struct load *load;     /* the whole tree, for sections that look beyond their own node */
	bool secrets_optional; /* an environment variable or file that is absent is no mistake */
};

/* n may be NULL: then fallbacks alone are stored. base NULL: n is only checked. */
void block_read(struct reader *r, const struct directive *table, const struct node *n, void *base);
/* One key; n NULL when it is absent. */
void directive_read(struct reader *r, const struct directive *d, const struct node *n, void *base);
/* One value of d's kind, whatever its shape. at NULL: it is only checked. False: it was wrong, and
 * said so. */
bool value_read(struct reader *r, const struct directive *d, const struct node *n, void *at);
bool scalar_read(struct reader *r, const struct directive *d, const struct node *n, void *at);
/* For directive_kind texts only: the same kind as d has, but another. */
bool scalar_read_as(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at);

const struct directive *directive_find(const struct directive *table, struct slice name);
/* Whether a value is one that switches d off. */
bool directive_is_inactive(const struct directive *d, const struct node *n);
/* Whether words, between blanks, hold one; its index. */
bool words_find(const char *words, struct slice word, unsigned *ret_index);
/* Copies into the conf's arena; an empty slice when there is no memory, which d knows then. */
struct slice reader_keep(struct reader *r, struct slice s);
void *reader_alloc(struct reader *r, size_t size); /* zeroed; NULL: no memory, which d knows then */
const char *kind_form(enum directive_kind kind);   /* "a duration, as 250ms, 5s or 15m" */
