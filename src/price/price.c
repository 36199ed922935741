/* SPDX-License-Identifier: Apache-2.0 */
/* price: making and reading a price list. */
#include <assert.h>
#include <errno.h>
#include "price/price.h"

static_assert(PRICE_UNITS <= 32, "a mask of units is 32 bits");

struct price_row *price_row_add(struct price *p, uint64_t above)
{
	struct price_row *row = &p->rows[p->n];

	if (p->n == PRICE_ROWS || (p->n ? above <= row[-1].above : above != 0))
		return NULL;
	*row = p->n ? row[-1] : (struct price_row){0};
	row->above = above;
	p->n++;
	return row;
}

void price_set(struct price *p, enum price_unit unit, picousd each)
{
	assert(unit < PRICE_UNITS);
	if (!p->n)
		price_row_add(p, 0);
	for (unsigned i = 0; i < p->n; i++) {
		p->rows[i].of[unit] = each;
		p->rows[i].known |= 1u << unit;
	}
}

int price_give(struct price *p, struct slice key, struct slice usd)
{
	static const struct {
		const char *key;
		enum price_unit unit;
		unsigned scale;
	} keys[] = {
	        {"input", PRICE_input, 6},
	        {"output", PRICE_output, 6},
	        {"cached_input", PRICE_cache_read, 6},
	        {"cache_write", PRICE_cache_write, 6},
	        {"request", PRICE_request, 12},
	};
	uint64_t each;
	int error;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!slice_is(key, keys[i].key))
			continue;
		error = money_parse(usd, keys[i].scale, &each);
		if (!error)
			price_set(p, keys[i].unit, each);
		return error;
	}
	return -ENOENT;
}

const struct price_row *price_row_for(const struct price *p, uint64_t input_total)
{
	const struct price_row *row = NULL;

	for (unsigned i = 0; i < p->n && (i == 0 || input_total > p->rows[i].above); i++)
		row = &p->rows[i];
	return row;
}

const char *price_unit_name(enum price_unit unit)
{
	static const char *const names[] = {
#define X(name) #name,
	        PRICE_UNIT_LIST(X)
#undef X
	};

	assert(unit < PRICE_UNITS);
	return names[unit];
}
