/* SPDX-License-Identifier: Apache-2.0 */
/* keys: the whole policy language as tables, one file a section. */
#pragma once
#include "config/reader.h"

/* Shorthands, so that a row reads as a line: what is stored where, and what is only known so far.
 */
#define KEY(name_, kind_, help_) .name = (name_), .kind = DIRECTIVE_##kind_, .help = (help_)
#define OF_BLOCK(table_) .block = (table_)
#define LIST .shape = SHAPE_LIST
#define ONE_OR_LIST .shape = SHAPE_ONE_OR_LIST
#define MAP_OF(names_) .shape = SHAPE_MAP, .key_kind = DIRECTIVE_##names_
#define LATER(inactive_) .status = DIRECTIVE_LATER, .inactive = (inactive_)
#define OFF(words_) .inactive = (words_)
#define OFF_NOTHING(words_) .inactive = (words_), .off_is_nothing = true
#define OR_SHORT(kind_) .short_kind = DIRECTIVE_##kind_

extern const struct directive admin_directives[];    /* struct conf */
extern const struct directive root_directives[];     /* struct conf */
extern const struct directive listener_directives[]; /* struct listener_conf */
extern const struct directive upstream_directives[]; /* struct upstream_conf */
extern const struct directive model_directives[];    /* struct model_conf */
extern const struct directive tool_directives[];     /* struct tool_conf */
extern const struct directive agent_directives[];    /* struct agent_conf */
extern const struct directive budget_directives[];   /* struct allowance_conf */
extern const struct directive gateway_budget_keys[]; /* struct budget_item */
extern const struct directive store_directives[];    /* struct conf, store */
extern const char tool_method_words[]; /* by tool_conf.method_word */
extern const char shadow_words[]; /* what can be in shadow now, then what comes later */

/* How long what was answered is given again, and to whom: struct reuse_conf. */
extern const struct directive reuse_keys[];
/* A time alone, or the block; of a row that says where its struct reuse_conf is. */
void reuse_read(struct reader *r, const struct directive *d, const struct node *n, void *base);

/* Keys of an agent that defaults and teams cannot give it. */
bool agent_key_is_own(struct slice key);
