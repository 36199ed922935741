/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_text: what the ledger holds, written out for people and programs. */
#pragma once
#include "base/buf.h"
#include "observe/ledger_ask.h"

/* Rows and a total, appended to out. 0; -ENOBUFS: out cannot hold them all; another negative errno,
 * with the book's note where it is the book's. */
int ledger_text_write(
        struct book *b, const struct ledger_query *q, enum ledger_format format, struct buf *out);
