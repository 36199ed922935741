/* SPDX-License-Identifier: Apache-2.0 */
/* schema: the policy language as a JSON Schema (2020-12), made from the directive tables, for
 * editors and other checkers. What it accepts is a little more than what Weir does: meaning is
 * checked by Weir alone. */
#pragma once
#include "base/buf.h"

#define SCHEMA_MAX (1u << 20)

int schema_write(struct buf *out); /* indented, with a newline at its end; 0, -ENOMEM, -ENOBUFS */
