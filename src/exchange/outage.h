/* SPDX-License-Identifier: Apache-2.0 */
/* outage: what becomes of a call when the store that instances share cannot be asked. The policy says so (store.on_outage):
 * rates count in this process alone, or refuse, or are not counted; budgets that hold always refuse. */
#pragma once
#include "exchange/admission.h"

struct exchange;

/* error: why it could not be asked. The same, when the call is refused for it; 0 when it goes on, and then a is as if it had
 * been asked: what was taken here is held, what is not counted is not in it. */
int outage_go_on(struct exchange *x, struct admitted *a, int error);
/* The refusal of a policy that needed the store. */
enum verdict outage_refuse(struct call *c);
