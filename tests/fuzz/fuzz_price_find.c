/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_price_find: a provider line, then a model's name, as callers spell them. Whatever is found
 * has a usable price. */
#include <stdlib.h>
#include "price/cost.h"
#include "price/price_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = size ? memchr(at, '\n', size) : NULL;
	struct slice provider = {at, end ? (size_t)(end - at) : 0};
	struct slice model = {end ? end + 1 : at, end ? size - provider.len - 1 : size};
	const struct price_model *m = price_model_find(provider, model);
	struct usage u = {.in_uncached = size, .in_cache_read = size, .out_text = size};
	struct price p;

	price_provider_by_host(provider);
	price_provider_by_model(model);
	if (!m)
		return 0;
	price_at(m, size * 3600000000000ull, &p);
	if (p.n > PRICE_ROWS || cost_of(&p, &u, NULL) < 0)
		abort();
	if (cost_of(&p, &u, NULL) > cost_bound(&p, 2 * size, size, COST_TEXT, NULL))
		abort();
	return 0;
}
