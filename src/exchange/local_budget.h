/* SPDX-License-Identifier: Apache-2.0 */
/* local_budget: GET /weir/v1/budget: what its limits leave to the agent that asks. */
#pragma once
#include "weir/exchange.h"

/* READY once *out holds the document; PENDING: the store is asked, and wakes the exchange when it has answered; or a
 * negative errno: -ENOMEM, -ENOBUFS, or -ENOTCONN when the store cannot say. */
int local_budget_write(struct exchange *x, struct buf *out);
void local_budget_cancel(struct exchange *x); /* nobody wants to know any more */
