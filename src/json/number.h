/* SPDX-License-Identifier: Apache-2.0 */
/* number: the exact decimal value of a JSON number, from its text: no double stands between. */
#pragma once
#include <stdbool.h>
#include "base/buf.h"

/* digits * 10^exponent. What is as good as no number to anyone, an exponent of more than 18 digits,
 * is only its text. */
struct number {
	struct slice text; /* as it is written; borrowed */
	bool is_negative;
	bool is_huge;        /* only its text says what it is */
	struct slice digits; /* from the first that is not 0 to the last such, and perhaps a point
	                        between; empty: it is 0 */
	int64_t exponent;
};

/* text: what the reader has taken for a number. */
void number_read(struct slice text, struct number *ret);
/* One text for each value, which is a JSON number too: 12.50 is 125e-1, 100 is 1e2, -0.0 is 0. 0,
 * -ENOMEM, -ENOBUFS. */
int number_write(const struct number *n, struct buf *out);
