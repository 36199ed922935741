/* SPDX-License-Identifier: Apache-2.0 */
/* results: what is particular about keeping the results of tools. Two calls are the same when their arguments mean the same and
 * ask at the same place, and a
 * tool may say that its answer is not for keeping. */
#pragma once
#include "config/conf.h"
#include "crypto/digest.h"
#include "weir/call.h"

/* Of the canonical arguments (json/canonical.h), and of the path and query that some of them have made: there they stand as they
 * were spelled, and 1.10 is another release than 1.1. 0, -ENOMEM; -ENOBUFS: they are too long to be compared. */
int results_digest(struct call *c, uint8_t ret[SHA256_LEN]);
/* Whether the tool lets those who share it have the answer again: how long is the policy's word. */
bool results_may_be_kept(const struct head *answer, enum cache_share share);
