/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_hint: what to do about a line that YAML does not read as it was meant; mostly, to quote it.
 */
#pragma once
#include "config/yaml.h"

extern const char yaml_hint_quote[];
/* For a syntax error in this line of text; NULL when there is nothing to say. */
const char *yaml_hint(struct slice text, uint32_t line);
/* Whether nothing but a comment or the end of a flow map stands behind a key on its line. */
bool yaml_rest_is_empty(struct slice text, struct place key_at, struct slice key);
struct slice text_line(
        struct slice text, uint32_t line); /* without its end; empty when there is no such line */
