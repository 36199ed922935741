/* SPDX-License-Identifier: Apache-2.0 */
/* nowhere: a downstream without an agent behind it. It is never full, and has nothing to pause or to send. How an exchange ends
 * there (downstream_ops.ended) and what becomes of its bytes (the codec) is its owner's. */
#pragma once
#include "weir/exchange.h"

bool nowhere_is_full(struct downstream *d);
void nowhere_pause(struct downstream *d, enum pause_reason why, bool on);
void nowhere_wrote(struct downstream *d);
