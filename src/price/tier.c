/* SPDX-License-Identifier: Apache-2.0 */
/* tier: see tier.h. The factors are the largest among the 1,044 prices of the default and of
 * another tier that LiteLLM 1.109.1 lists for one model: 1 to 2.5 for priority, 6 for the fastest;
 * 0.1 to 1 for flex. */
#include "price/tier.h"

static const struct {
	struct slice name;
	enum tier tier;
} names[] = {
        {SLICE_INIT(""), TIER_DEFAULT},
        {SLICE_INIT("default"), TIER_DEFAULT},
        {SLICE_INIT("standard"), TIER_DEFAULT},
        {SLICE_INIT("standard_only"), TIER_DEFAULT},
        {SLICE_INIT("on_demand"), TIER_DEFAULT},
        {SLICE_INIT("flex"), TIER_DEFAULT},
        {SLICE_INIT("batch"), TIER_DEFAULT},
        {SLICE_INIT("scale"), TIER_DEFAULT}, /* bought beforehand */
        {SLICE_INIT("auto"), TIER_PRIORITY},
        {SLICE_INIT("priority"), TIER_PRIORITY},
};

/* In halves. */
static const uint64_t factors[TIERS] = {
        [TIER_DEFAULT] = 2, [TIER_PRIORITY] = 5, [TIER_FASTEST] = 12};

enum tier tier_asked(struct slice name)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_equals_nocase(name, names[i].name))
			return names[i].tier;
	return TIER_FASTEST;
}

/* An answer says what it was; a word that is not known there is some server's own, unless it was
 * asked for. */
enum tier tier_answered(struct slice name, enum tier asked)
{
	enum tier tier = tier_asked(name);

	if (!name.len || slice_equals_nocase(name, SLICE("auto")))
		return asked;
	return tier == TIER_FASTEST && asked == TIER_DEFAULT ? TIER_DEFAULT : tier;
}

static bool is_of_tokens(enum price_unit unit)
{
	return unit < PRICE_request;
}

void tier_price(struct price *p, enum tier tier)
{
	uint64_t factor = factors[tier];

	for (unsigned i = 0; i < p->n && factor != factors[TIER_DEFAULT]; i++)
		for (unsigned unit = 0; unit < PRICE_UNITS; unit++) {
			picousd *each = &p->rows[i].of[unit];
			if (is_of_tokens(unit) && __builtin_mul_overflow(*each, factor, each))
				*each = UINT64_MAX;
			else if (is_of_tokens(unit))
				*each = *each / 2 + (*each & 1);
		}
}
