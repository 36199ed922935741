/* SPDX-License-Identifier: Apache-2.0 */
/* openai_pattern: events of a stream are alike, and most hold one piece of text. One that was read
 * serves as the pattern by which the next ones are known without being read. */
#pragma once
#include "base/buf.h"
#include "json/json.h"

#define PATTERN_MAX 4096 /* bytes of an event that is worth keeping */

struct openai_pattern {
	struct buf event;     /* owned: the whole event */
	struct span holes[2]; /* in it, in order: the inside of the text, and of OpenAI's padding */
	unsigned n_holes, text_hole;
	bool is_set;
	bool is_off; /* tests: every event is read */
};

/* The caller has found: one choice that goes on, one text in it, no call, no usage, no error. text
 * is that text, padding another string of no meaning or NULL. Failing costs time only. */
void pattern_learn(struct openai_pattern *p, struct slice event, const struct json_doc *doc,
        const struct json_value *text, const struct json_value *padding);
/* Whether the event is the pattern with other plain strings in its holes; then the text. */
bool pattern_matches(const struct openai_pattern *p, struct slice event, struct slice *ret_text);
