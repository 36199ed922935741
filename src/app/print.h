/* SPDX-License-Identifier: Apache-2.0 */
/* print: how commands talk to the terminal. */
#pragma once
#include <stdio.h>
#include "config/diagnostics.h"

bool print_wants_colour(FILE *to); /* a terminal, and NO_COLOR is not set */
/* All of text, then empties it. 0 or a negative errno; a reader that left is no error. */
int print_buf(FILE *to, struct buf *text);
void print_diagnostics(const struct diagnostics *d); /* on stderr */
/* `weir NAME: WHAT; …--help…` on stderr; returns 2. */
int print_usage_error(const char *command, const char *what);
