/* SPDX-License-Identifier: Apache-2.0 */
/* tariff: which prices a call is reserved by, and which it is settled by: those of the model and the service tier that it asks
 * for, and of those that answered. What the policy itself says a model costs holds for the tier that the provider picks; a
 * caller who names a dearer one pays more. */
#pragma once
#include "weir/call.h"

/* Before it is made. NULL: unknown, or no memory. In the arena or the policy. */
const struct price *tariff_planned(struct call *c);
/* Once its usage is known. */
const struct price *tariff_due(struct exchange *x, struct call *c);
/* Whether the provider searches for it, which costs a fee each time. */
bool tariff_searches(const struct call *c);
/* Whether all that the call shows or wants has a price of its own: audio often has none, and costs many times what text does. */
bool tariff_has_all(struct call *c);
/* Whether that is a bound, since the tier's own prices are in no table. */
bool tariff_is_bound(const struct exchange *x, const struct call *c);
