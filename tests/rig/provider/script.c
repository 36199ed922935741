/* SPDX-License-Identifier: Apache-2.0 */
/* script: see script.h. It also counts how often a script with `fail_first` has been asked. */
#include "script.h"

#define MARKER "[[script "
#define COUNTERS 256

static struct {
	uint64_t key;
	int64_t calls;
} counters[COUNTERS];

static int64_t count_call(uint64_t key)
{
	for (unsigned i = 0; i < COUNTERS; i++) {
		unsigned at = (unsigned)(key + i) % COUNTERS;
		if (counters[at].key == key || !counters[at].calls) {
			counters[at].key = key;
			return ++counters[at].calls;
		}
	}
	return INT64_MAX;
}

/* The text of the last user message; of its last text part, where it has parts. */
static struct text last_user_text(const struct json *request)
{
	struct text found = {0};
	const struct json *messages = json_get(request, "messages");
	for (const struct json *m = messages ? messages->first : NULL; m; m = m->next) {
		const struct json *content = json_get(m, "content");
		if (!text_is(json_text(json_get(m, "role")), "user"))
			continue;
		if (json_is(content, JSON_STRING))
			found = content->string;
		for (const struct json *p = json_is(content, JSON_ARRAY) ? content->first : NULL; p;
		        p = p->next)
			if (json_is(json_get(p, "text"), JSON_STRING))
				found = json_text(json_get(p, "text"));
	}
	const struct json *prompt = json_get(request, "prompt");
	const struct json *input = json_get(request, "input");
	return found.at ? found : json_is(prompt, JSON_STRING) ? prompt->string : json_text(input);
}

static struct text marker_in(struct text t)
{
	ptrdiff_t begin = text_find(t, TEXT(MARKER));
	if (begin < 0)
		return (struct text){0};
	t.at += begin + (ptrdiff_t)sizeof MARKER - 1;
	t.n -= (size_t)begin + sizeof MARKER - 1;
	ptrdiff_t end = (ptrdiff_t)t.n - 2; /* the last brackets: the JSON may hold some itself */
	while (end >= 0 && (t.at[end] != ']' || t.at[end + 1] != ']'))
		end--;
	return end < 0 ? (struct text){0} : (struct text){t.at, (size_t)end};
}

static bool layer_read(struct text t, struct json_doc **doc, const struct json **layer)
{
	if (!t.at)
		return true;
	*doc = json_read(t);
	*layer = *doc && json_is((*doc)->root, JSON_OBJECT) ? (*doc)->root : NULL;
	return *layer;
}

bool script_init(struct script *s, struct text header, const struct json *request,
        const struct json *defaults)
{
	*s = (struct script){.layers = {[3] = defaults}};
	struct text marker = request ? marker_in(last_user_text(request)) : (struct text){0};
	if (!layer_read(header, &s->header, &s->layers[1]) ||
	        !layer_read(marker, &s->marker, &s->layers[2]))
		return false;
	int64_t failures = script_int(s, "fail_first", 0);
	if (!failures)
		return true;
	struct text name = script_text(s, "fail_key");
	if (!name.at)
		name = s->layers[1] ? header : s->layers[2] ? marker : defaults->raw;
	if (count_call(text_hash(name) | 1) <= failures)
		s->layers[0] = script_get(s, "fail");
	return true;
}

void script_finish(struct script *s)
{
	json_free(s->header);
	json_free(s->marker);
}

const struct json *script_get(const struct script *s, const char *key)
{
	for (unsigned i = 0; i < SCRIPT_LAYERS; i++) {
		const struct json *found = json_get(s->layers[i], key);
		if (found)
			return found->type == JSON_NULL ? NULL : found;
	}
	return NULL;
}

struct text script_text(const struct script *s, const char *key)
{
	return json_text(script_get(s, key));
}

int64_t script_int(const struct script *s, const char *key, int64_t otherwise)
{
	return json_int(script_get(s, key), otherwise);
}

bool script_true(const struct script *s, const char *key, bool otherwise)
{
	return json_true(script_get(s, key), otherwise);
}

bool script_says(const struct script *s, const char *key, const char *word)
{
	return text_is(script_text(s, key), word);
}
