/* SPDX-License-Identifier: Apache-2.0 */
/* openai_pattern: events of a stream are alike, and most hold one piece of text. One that was read
 * serves as the pattern by which the next ones are known without being read. */
#pragma once
#include "base/buf.h"
#include "json/json.h"

#define PATTERN_MAX 4096 /* bytes of an event that is worth keeping */

struct openai_pattern {
	struct buf event; /* owned: the whole event, twice */
	/* of it, around its holes: the insides of the text and of OpenAI's padding, in order */
	struct slice head, middle, tail;
	struct slice joint; /* a tail and the head of the next event */
	unsigned n_holes, text_hole;
	bool is_set;
	bool is_off; /* tests: every event is read */
};

/* The caller has found: one choice that goes on, one text in it, no call, no usage, no error. text
 * is that text, padding another string of no meaning or NULL. Failing costs time only. */
void pattern_learn(struct openai_pattern *p, struct slice event, const struct json_doc *doc,
        const struct json_value *text, const struct json_value *padding);
/* Whether bytes begin with the pattern with other plain strings in its holes: how long that is, and
 * the text; 0: they do not. The pattern was read, checked and found to be text of one choice that
 * goes on and nothing else. What equals it outside the inside of these strings, and holds in them
 * no quote, backslash, control character or bad UTF-8, is the same tree with other text in these
 * two values: the same keys, the same single choice, no call, no usage, no finish. It is cut in the
 * same lines, too. */
size_t pattern_length(const struct openai_pattern *p, struct slice bytes, struct slice *ret_text);
/* How many bytes of such events begin them, one behind the other and none longer than event_max;
 * *ret_text: bytes of text in them. */
size_t pattern_run(
        const struct openai_pattern *p, struct slice bytes, size_t event_max, size_t *ret_text);
