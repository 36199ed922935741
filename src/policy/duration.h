/* SPDX-License-Identifier: Apache-2.0 */
/* duration: a time span as people write it in a header: 250ms, 5s, 15m, 1h. */
#pragma once
#include "base/slice.h"

/* Nanoseconds, more than zero and at most a day. 0, -EINVAL, -ERANGE. */
int duration_parse(struct slice text, uint64_t *ret_ns);
