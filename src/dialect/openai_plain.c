/* SPDX-License-Identifier: Apache-2.0 */
/* openai_plain: whether a request says what it says in one way only: no key that is another
 * spelling of one we judge, and no tools where no list of tools is read. */
#include "dialect/openai_request.h"
#include <errno.h>
#include <stdio.h>

#define POINTER_MAX 160

static size_t put_pointer(const struct openai_where *w, char *pointer, size_t size)
{
	const struct openai_where *way[8];
	unsigned n = 0;
	size_t len = 0;

	for (; w && n < sizeof(way) / sizeof(way[0]); w = w->in)
		way[n++] = w;
	pointer[0] = '\0';
	while (n-- && len < size) {
		if (way[n]->key)
			len += (size_t)snprintf(pointer + len, size - len, "/%s", way[n]->key);
		else
			len += (size_t)snprintf(pointer + len, size - len, "/%u", way[n]->index);
	}
	return len;
}

int openai_refuse_key(struct openai_reader *r, const struct json_value *key, const char *meant,
        const struct openai_where *w)
{
	char pointer[POINTER_MAX];
	size_t len = put_pointer(w, pointer, sizeof(pointer));

	snprintf(pointer + len, sizeof(pointer) - len, "/%.*s", SLICE_FMT(json_text(key)));
	return openai_complain(r->why, FAULT_REQUEST_INVALID, pointer,
	        "%s must be written \"%s\": some readers take one for the other", pointer, meant);
}

int openai_refuse_tools(struct openai_reader *r, const char *key, const struct openai_where *w)
{
	char pointer[POINTER_MAX];

	put_pointer(&(struct openai_where){w, key, 0}, pointer, sizeof(pointer));
	return openai_wrong(r, pointer, "left out: tools are declared in /tools");
}

/* What the template of a model may take for its list of tools, under whatever name it has. */
int openai_check_template(struct openai_reader *r, const struct json_value *v)
{
	char room[KEY_FOLDED_MAX], pointer[POINTER_MAX];

	r->facts->text_bytes += json_written_bytes(v);
	if (json_type(v) != JSON_OBJECT)
		return 0;
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		struct slice key = json_text(it.key), folded = openai_key_fold(key, room);

		folded = folded.at ? folded : key;
		if (!openai_holds_tools(it.value) ||
		        (!slice_ends(folded, SLICE("tools")) && !slice_is(folded, "functions")))
			continue;
		snprintf(pointer, sizeof(pointer), "/chat_template_kwargs/%.*s",
		        (int)(folded.len < 48 ? folded.len : 48), folded.at);
		return openai_wrong(r, pointer, "left out: tools are declared in /tools");
	}
	return 0;
}
