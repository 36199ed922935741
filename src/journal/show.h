/* SPDX-License-Identifier: Apache-2.0 */
/* show: an entry for people and programs, by the table of records: one line of JSON, or one of
 * text. */
#pragma once
#include "base/buf.h"
#include "journal/entry.h"

/* A line each, with its end. A kind that is not known shows its number only. A user that no key
 * opened is shown as user_id_sealed, in hex. 0, -ENOMEM, -ENOBUFS. */
int entry_show_json(struct buf *out, const struct entry *e);
int entry_show_text(struct buf *out, const struct entry *e);
