/* SPDX-License-Identifier: Apache-2.0 */
/* blob: see blob.h. */
#include "base/blob.h"
#include "base/mem.h"

struct blob *blob_room(size_t len)
{
	struct blob *b = len <= SIZE_MAX - sizeof(*b) ? mem_alloc(sizeof(*b) + len) : NULL;

	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->len = len;
	return b;
}

struct blob *blob_new(struct slice bytes)
{
	struct blob *b = blob_room(bytes.len);

	if (b)
		bytes_copy(b->bytes, bytes.at, bytes.len);
	return b;
}

struct blob *blob_ref(struct blob *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void blob_unref(struct blob *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		mem_free(b);
}
