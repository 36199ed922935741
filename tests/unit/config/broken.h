/* SPDX-License-Identifier: Apache-2.0 */
/* broken: one policy that is not good, and everything that is to be said about it. */
#pragma once
#include <stdio.h>
#include "config/conf.h"
#include "config/diagnostics.h"

#define KEY_A "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "sha256:ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct broken {
	const char *name, *text;
	const char *said; /* in order: LINE:COLUMN: error: sentence, and "also LINE:COLUMN" for a
	                     second place */
};

/* The words of a syntax error are the library's own and differ from version to version. */
static inline struct slice broken_cut(struct slice line)
{
	const char *theirs = memmem(line.at, line.len, "this is not YAML: ", 18);

	return theirs ? slice_from(line.at, (size_t)(theirs - line.at) + 17) : line;
}

/* What stands in the printed list, but for the shown lines, carets and hints. */
static inline void broken_said(const struct diagnostics *d, struct buf *out)
{
	struct buf text = BUF_INIT(1 << 20);
	struct slice rest;

	assert_int_equal(diagnostics_print(d, &text, false), 0);
	rest = buf_slice(&text);
	while (rest.len) {
		const char *end = memchr(rest.at, '\n', rest.len);
		struct slice line = {rest.at, (size_t)(end - rest.at)};

		if (slice_starts(line, SLICE("p.yaml:")))
			buf_printf(out, "%.*s\n", SLICE_FMT(broken_cut(slice_skip(line, 7))));
		else if (slice_starts(line, SLICE("the other place is p.yaml:")))
			buf_printf(out, "also %.*s\n", SLICE_FMT(slice_skip(line, 26)));
		rest = slice_skip(rest, line.len + 1);
	}
	buf_finish(&text);
}

static inline void broken_check(const struct broken *b)
{
	struct buf said = BUF_INIT(1 << 20);
	struct diagnostics d;
	struct conf *c;

	diagnostics_init(&d);
	c = conf_load_text("p.yaml", slice_str(b->text), &d);
	broken_said(&d, &said);
	if (!slice_is(buf_slice(&said), b->said))
		print_error("%s:\n%s\n--- said:\n%.*s--- meant:\n%s\n", b->name, b->text,
		        SLICE_FMT(buf_slice(&said)), b->said);
	assert_true(slice_is(buf_slice(&said), b->said));
	assert_true(!c == (d.errors > 0));
	conf_free(c);
	buf_finish(&said);
	diagnostics_finish(&d);
}
