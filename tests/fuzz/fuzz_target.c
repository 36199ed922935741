/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_target: what is accepted is canonical: read again it is the same, and nothing in it could be
 * read otherwise. The input is a target, a newline and a host. */
#include <assert.h>
#include "base/mem.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static bool has(struct slice s, const char *part)
{
	return s.len && memmem(s.at, s.len, part, strlen(part));
}

static void assert_canonical(const struct target *t)
{
	assert(t->path.len && t->path.at[0] == '/');
	assert(!has(t->path, "//") && !has(t->path, "/./") && !has(t->path, "/../"));
	assert(!slice_ends(t->path, SLICE("/.")) && !slice_ends(t->path, SLICE("/..")));
	assert(!has(t->path, "\\") && !has(t->path, ";") && !has(t->path, "?") &&
	        !has(t->path, "#"));
	assert(!has(t->path, "%2f") && !has(t->path, "%2F") && !has(t->path, "%00") &&
	        !has(t->path, "%2e"));
	assert(!has(t->query, "#") && !has(t->query, " ") && !has(t->query, "\\"));
	for (size_t i = 0; i < t->path.len; i++)
		assert(t->path.at[i] > ' ' && t->path.at[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const char *text = (const char *)at, *newline = len ? memchr(text, '\n', len) : NULL,
	           *note = NULL;
	struct slice target, host;
	struct target t, again;

	if (!newline)
		return 0;
	target = slice_from(text, (size_t)(newline - text));
	host = slice_skip(slice_from(text, len), target.len + 1);
	(void)authority_equals(target, host, 80);
	if (target_parse(
	            target, authority_is_valid(host) ? host : slice_from(NULL, 0), &t, &note)) {
		assert(note);
		return 0;
	}
	assert_canonical(&t);
	assert(!target_parse(t.path, host, &again, &note));
	assert(slice_equals(again.path, t.path) && !again.query.at && !again.has_key);
	return 0;
}
