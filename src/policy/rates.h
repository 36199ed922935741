/* SPDX-License-Identifier: Apache-2.0 */
/* rates: what a call takes of its agent's rates and places, put into the question that the store is asked. */
#pragma once
#include "weir/call.h"

/* soft: the policy is in shadow. False: no memory. */
bool rates_plan(struct call *c, bool soft);
