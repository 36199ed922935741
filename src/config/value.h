/* SPDX-License-Identifier: Apache-2.0 */
/* value: what reads a scalar of one kind into its member, at; NULL: it is only checked. False: what
 * is wrong with it was said. */
#pragma once
#include "config/reader.h"

/* Says that the text is not of the kind. False, always. */
bool value_refuse(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n);

/* That a word is no boolean by mistake, and no reference where none is replaced. */
bool value_text_is_meant(struct reader *r, const struct directive *d, const struct node *n);
bool value_text_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at);
bool value_place_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at); /* an address or a URL */
bool value_hash_read(struct reader *r, const struct directive *d, const struct node *n, void *at);
bool value_secret_read(struct reader *r, const struct node *n, void *at);
