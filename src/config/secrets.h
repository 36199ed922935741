/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: ${env:NAME} and ${file:/path} put in place of what they name. What comes out is wiped
 * when it is dropped and never shown: messages name the variable or the file. */
#pragma once
#include "config/reader.h"

#define SECRET_MAX 65536u

bool text_holds_reference(struct slice s); /* "${" stands in it */
/* Everything in n with its references replaced, put to out. False: it was said. One trailing
 * newline of a file is cut. */
bool references_expand(struct reader *r, const struct node *n, struct buf *out);
/* A new secret in the conf, prefix before its value ("Bearer "). NULL: it was said. */
struct secret *secret_read(struct reader *r, const struct node *n, const char *prefix);
void secrets_free(struct secret *s); /* the whole list, wiped */
