/* SPDX-License-Identifier: Apache-2.0 */
/* print: text out, whole or with an error. */
#include "app/print.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

bool print_wants_colour(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(to)) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

int print_buf(FILE *to, struct buf *text)
{
	struct slice s = buf_slice(text);
	bool good = fwrite(s.at, 1, s.len, to) == s.len && !fflush(to);

	buf_clear(text);
	return good ? 0 : -EIO;
}

void print_diagnostics(const struct diagnostics *d)
{
	struct buf text = BUF_INIT(4u << 20);

	if (diagnostics_print(d, &text, print_wants_colour(stderr)))
		fputs("weir: there is not enough memory to say what is wrong\n", stderr);
	else
		print_buf(stderr, &text);
	buf_finish(&text);
}

int print_usage_error(const char *command, const char *what)
{
	fprintf(stderr, "weir %s: %s; `weir %s --help` shows how it is called\n", command, what,
	        command);
	return 2;
}
