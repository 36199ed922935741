/* SPDX-License-Identifier: Apache-2.0 */
/* inherit: defaults, then the team, then the agent: maps merge key by key, lists replace, null
 * unsets. Done on nodes, so that a value keeps the place where it was written. */
#pragma once
#include "config/reader.h"

extern const char layer_defaults[], layer_team[];

/* Readers of the three sections in the root table. */
void defaults_read(struct reader *r, const struct directive *d, const struct node *n, void *base);
void teams_read(struct reader *r, const struct directive *d, const struct node *n, void *base);
void agents_read(struct reader *r, const struct directive *d, const struct node *n, void *base);
