/* SPDX-License-Identifier: Apache-2.0 */
/* diagnostics: every mistake in a policy, with its place, the line it stands in and what to do
 * about it. Collected first, printed in the order of the files. Copies what it keeps: it outlives
 * the files. Never holds the value of a secret. */
#pragma once
#include "base/buf.h"
#include "config/yaml.h"

#define DIAGNOSTICS_MAX 200u /* more are counted, not kept */

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostic_place {
	struct slice file, line_text;
	unsigned file_index;
	uint32_t line, column; /* 0: the file as a whole */
};

struct diagnostic {
	enum severity severity;
	struct diagnostic_place at, also; /* also.file.len == 0: there is no second place */
	struct slice sentence, hint;
};

struct hidden_line;
struct diagnostics {
	struct arena arena;       /* owned */
	struct diagnostic *items; /* in the arena */
	unsigned n, cap;
	unsigned errors, warnings;  /* all of them, kept or not */
	struct hidden_line *hidden; /* in the arena */
	bool no_memory;          /* something could not even be written down; counts as an error */
	struct diagnostic *last; /* what the next hint belongs to; NULL: it was not kept */
};

void diagnostics_init(struct diagnostics *d);
void diagnostics_finish(struct diagnostics *d);
bool diagnostics_failed(const struct diagnostics *d);

/* The same sentence at the same place is kept once. */
void diagnostics_error(struct diagnostics *d, struct place at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void diagnostics_warning(struct diagnostics *d, struct place at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* About a file that could not be read. */
void diagnostics_file_error(struct diagnostics *d, const char *file, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Added to what was reported last. */
void diagnostics_hint(struct diagnostics *d, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void diagnostics_also(struct diagnostics *d, struct place at);
/* The line at this place is not shown, now or later: what stands there may be a secret. */
void diagnostics_hide(struct diagnostics *d, struct place at);
/* Stars over what looks like a key in the line of what was reported last: the file could not be
 * read, so nobody knows. */
void diagnostics_mask(struct diagnostics *d);
void diagnostics_no_memory(struct diagnostics *d);

/* For people: 0, -ENOMEM, -ENOBUFS. Control characters are shown as \xNN. */
int diagnostics_print(const struct diagnostics *d, struct buf *out, bool colour);
/* For machines: {"ok","errors","warnings","diagnostics":[…],"inactive":[…]}. */
int diagnostics_print_json(const struct diagnostics *d, const char *const *inactive,
        unsigned n_inactive, struct buf *out);
