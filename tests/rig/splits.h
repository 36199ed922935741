/* SPDX-License-Identifier: Apache-2.0 */
/* splits: hands the same bytes to a function whole, in every two pieces, every three pieces, and
 * byte by byte. */
#pragma once
#include "base/slice.h"

/* Called once a split, n pieces in order, none of them empty unless bytes is; each stands in memory
 * of exactly its size, so that AddressSanitizer sees a read beyond it. */
typedef void split_fn(void *arg, const struct slice *pieces, unsigned n);

/* Of more than 512 bytes not every split in three is tried, but about 130000 of them. Returns how
 * many splits there were. */
unsigned long splits_each(struct slice bytes, split_fn *fn, void *arg);
