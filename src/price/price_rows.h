/* SPDX-License-Identifier: Apache-2.0 */
/* price_rows: the shape of the built-in tables, which embed.py writes as C. Places in one text and
 * in each other instead of pointers, so that the loader has nothing to relocate and the pages stay
 * shared. For price_table.c only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct price_span {
	uint16_t first, n;
};

struct price_place { /* in price_text */
	uint32_t at;
	uint32_t len;
};

enum price_when { PRICE_ALWAYS, PRICE_SINCE, PRICE_DAILY };

struct price_value {
	uint64_t each;
	uint32_t above; /* 0: from the first token on */
	uint8_t unit;
};

struct price_list {           /* of a model; the last one whose time has come holds */
	uint8_t when;         /* enum price_when */
	uint32_t from, until; /* since: seconds of 1970; daily: seconds of the day, until may lie
	                         before from */
	uint16_t first, n;    /* in price_values, ordered by above */
	bool free;
};

struct price_term { /* sign and text in lower case: is ^begins $ends ~contains %shape */
	struct price_place text;
	char sign;
	bool negated;
};

struct price_rule { /* all of its terms must fit */
	uint16_t model;
	uint16_t first, n; /* in price_terms */
};

struct price_exact { /* sorted by text within a provider */
	struct price_place text;
	uint16_t model;
};

struct price_model {
	struct price_place name;
	uint16_t first, n; /* in price_lists */
	uint16_t provider;
};

struct price_provider {
	struct price_place name;
	struct price_span models;
	struct price_span exacts, rules;     /* names of models; rules in the models' order */
	struct price_span names, own, hosts; /* rules that lead to this provider */
	struct price_span fallbacks;         /* in price_fallbacks: providers that have the rest */
};

extern const char price_version[];
extern const char price_text[];
extern const struct price_provider price_providers[];
extern const unsigned price_providers_n;
extern const struct price_model price_models[];
extern const unsigned price_models_n;
extern const struct price_exact price_exacts[];
extern const struct price_rule price_rules[];
extern const struct price_term price_terms[];
extern const struct price_list price_lists[];
extern const struct price_value price_values[];
extern const unsigned char price_fallbacks[];
