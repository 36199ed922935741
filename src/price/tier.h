/* SPDX-License-Identifier: Apache-2.0 */
/* tier: how much dearer a provider's faster service is. The table of prices knows the default tier
 * alone, so that what another one costs is a bound: the most that any model's costs of what it
 * costs by default. */
#pragma once
#include "price/price.h"

enum tier {
	TIER_DEFAULT, /* or cheaper, or paid for otherwise: at most what the default one costs */
	TIER_PRIORITY,
	TIER_FASTEST, /* and whatever nobody knows */
	TIERS
};

/* As a request or an answer names it, in any letters; none is the default. "auto" asks for what the
 * provider's own settings say, which may be priority. */
enum tier tier_asked(struct slice name);
enum tier tier_answered(struct slice name, enum tier asked);
/* Every price of tokens in p, for that tier. Saturates. */
void tier_price(struct price *p, enum tier tier);
