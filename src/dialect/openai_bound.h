/* SPDX-License-Identifier: Apache-2.0 */
/* openai_bound: lowering the most tokens that an answer may have. All return 0 or -ENOMEM. */
#pragma once
#include "dialect/openai.h"
#include "json/places.h"

bool openai_bound_is_wished(const struct request_facts *f, const struct edit_wishes *wishes);
/* What was read says where to write; else the members have to be looked at. */
bool openai_bound_is_simple(const struct request_facts *f, const struct edit_wishes *wishes);
int openai_bound_simply(const struct request_facts *f, struct slice body,
        const struct edit_wishes *wishes, struct edits *edits);
/* The caller's field gets the upstream's name where that is another one. */
int openai_bound_members(const struct request_facts *f, const struct json_value *root,
        const struct places *places, struct slice body, const struct edit_wishes *wishes,
        struct edits *edits);
