/* SPDX-License-Identifier: Apache-2.0 */
/* price: what a model's units cost, ready to multiply. A plain value: copied, kept and changed
 * freely, owns nothing. Every row is a whole price list; the row with the highest start under the
 * call's total input holds for all of it. */
#pragma once
#include "base/money.h"

/* Every unit, as files name it. A price is pico-dollars a token, call, page or character; for the
 * hours, an hour. */
#define PRICE_UNIT_LIST(X)                                                                         \
	X(input)                                                                                   \
	X(cache_read)                                                                              \
	X(cache_write)                                                                             \
	X(cache_write_1h)                                                                          \
	X(input_audio)                                                                             \
	X(cache_audio_read)                                                                        \
	X(input_image)                                                                             \
	X(cache_image_read)                                                                        \
	X(input_video)                                                                             \
	X(input_tool)                                                                              \
	X(output)                                                                                  \
	X(output_reasoning)                                                                        \
	X(output_audio)                                                                            \
	X(output_image)                                                                            \
	X(output_video)                                                                            \
	X(output_citation)                                                                         \
	X(request)                                                                                 \
	X(web_search)                                                                              \
	X(file_search)                                                                             \
	X(code_session)                                                                            \
	X(page)                                                                                    \
	X(page_annotated)                                                                          \
	X(message)                                                                                 \
	X(character)                                                                               \
	X(audio_hour)                                                                              \
	X(input_audio_hour)                                                                        \
	X(output_audio_hour)                                                                       \
	X(least_audio_ms) /* not a price: audio shorter than this is billed as this long */

enum price_unit {
#define X(name) PRICE_##name,
	PRICE_UNIT_LIST(X)
#undef X
	        PRICE_UNITS
};

#define PRICE_ROWS 4

struct price_row {
	uint64_t above; /* for calls with more input tokens than this, of any class; first row: 0 */
	uint32_t known; /* bit a unit: it has a price, and zero is one */
	picousd of[PRICE_UNITS];
};

struct price {
	unsigned n; /* rows; 0 is a price that is not known */
	bool free;  /* costs nothing, and the source says so: every class has the price zero */
	bool audio_as_text;
	struct price_row rows[PRICE_ROWS]; /* above rises */
};

/* Sets one unit in every row; makes the first row if there is none. */
void price_set(struct price *p, enum price_unit unit, picousd each);
/* Sets a unit as a policy writes it under `price`: input, output, cached_input and cache_write in
 * USD a million tokens, request in USD a call. A price that is written overrides the table's as a
 * whole: begin with an empty one, and what is not given falls back as cost.h says. 0, -ENOENT (no
 * such key), or money_parse's -EINVAL and -ERANGE. */
int price_give(struct price *p, struct slice key, struct slice usd);
/* A list that begins above so many input tokens, a copy of the row below it; NULL when there are
 * PRICE_ROWS or above does not rise. The first call with 0 makes the first row. */
struct price_row *price_row_add(struct price *p, uint64_t above);
/* The row for a call of so many input tokens; NULL when the price is not known. */
const struct price_row *price_row_for(const struct price *p, uint64_t input_total);
const char *price_unit_name(enum price_unit unit);
