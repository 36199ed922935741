/* SPDX-License-Identifier: Apache-2.0 */
/* script: how one request is to be answered. Up to four layers of JSON objects, asked from the top:
 * what the first failures are (`fail`), the x-script header, a [[script {...}]] in the body's last
 * user message, the defaults of --script. README.md beside this file lists every key. */
#pragma once
#include "json.h"

#define SCRIPT_LAYERS 4

struct script {
	const struct json *layers[SCRIPT_LAYERS]; /* borrowed; NULL where there is none */
	struct json_doc *header, *marker;         /* owned */
};

/* defaults and request may be NULL. false: the header or the marker is no JSON object. */
bool script_init(struct script *s, struct text header, const struct json *request,
        const struct json *defaults);
void script_finish(struct script *s);

const struct json *script_get(
        const struct script *s, const char *key); /* NULL where no layer has it, or it is null */
struct text script_text(const struct script *s, const char *key);
int64_t script_int(const struct script *s, const char *key, int64_t otherwise);
bool script_true(const struct script *s, const char *key, bool otherwise);
bool script_says(const struct script *s, const char *key, const char *word);
