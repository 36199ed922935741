/* SPDX-License-Identifier: Apache-2.0 */
/* canonical: one text for each value, however it was written: no blanks, members in the order of
 * their names' bytes, strings escaped one way, numbers by number.h. It is JSON, and means the same.
 */
#pragma once
#include "base/buf.h"
#include "json/json.h"

/* Of the whole document. The arena holds what is sorted. 0, -ENOMEM, -ENOBUFS. */
int json_canonical(const struct json_doc *doc, struct arena *arena, struct buf *out);
