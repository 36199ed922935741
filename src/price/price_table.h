/* SPDX-License-Identifier: Apache-2.0 */
/* price_table: the built-in prices (policies/prices/prices.tsv, compiled into constant tables at
 * build time). Nothing is read at start, nothing is written ever, so any thread may ask at any
 * time; a look-up is a binary search and a few pattern tests, about a microsecond. */
#pragma once
#include "price/price.h"

struct price_model; /* a row of the table; lives for ever */

/* Provider: its id ("openai", "google") or a name that a rule of the table leads to ("gemini",
 * "xai"). Model: as the provider spells it in the answer, any case; snapshots, prefixes and other
 * spellings are the table's rules. NULL when the table does not know it. */
const struct price_model *price_model_find(struct slice provider, struct slice model);
/* Its prices at this moment (prices begin on dates, some change with the hour, UTC). ret wholly
 * overwritten; ret->n is 0 for a model that the source lists without a price. */
void price_at(const struct price_model *m, uint64_t wall_ns, struct price *ret);
/* Both in one. 0, or -ENOENT: model unknown, or known without a price; ret is untouched then. */
int price_find(struct slice provider, struct slice model, uint64_t wall_ns, struct price *ret);

/* The table's id of a provider; at == NULL when there is none. Slices of constants. */
struct slice price_provider_by_name(struct slice name);
struct slice price_provider_by_host(struct slice host); /* "api.openai.com" */
struct slice price_provider_by_model(
        struct slice model); /* guessed from the model's name: "gpt-…" is openai's */

struct slice price_model_name(const struct price_model *m);
/* Package, version and day of the data, as records keep it. */
const char *price_table_version(void);
/* The i-th model of all, provider by provider, for listings and tests; NULL behind the last. */
const struct price_model *price_model_at(unsigned i, struct slice *ret_provider);
