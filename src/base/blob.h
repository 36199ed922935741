/* SPDX-License-Identifier: Apache-2.0 */
/* blob: bytes that nobody changes any more, counted, so that they are read without a lock and
 * outlive the place where they were found. */
#pragma once
#include <stdatomic.h>
#include "base/slice.h"

struct blob {
	atomic_uint refs;
	size_t len;
	char bytes[];
};

struct blob *blob_new(struct slice bytes); /* a copy; NULL: no memory */
/* Room for so many bytes, for the caller to fill before anybody else sees it. */
struct blob *blob_room(size_t len);
struct blob *blob_ref(struct blob *b); /* b; NULL stays NULL */
void blob_unref(struct blob *b);       /* NULL: nothing */

static inline struct slice blob_slice(const struct blob *b)
{
	return b ? slice_from(b->bytes, b->len) : (struct slice){"", 0};
}
