/* SPDX-License-Identifier: Apache-2.0 */
/* cost: which unit each class is priced in, and the sum. */
#include "price/cost.h"

#define NOT_THIS PRICE_UNITS

/* Where a class has no price of its own it takes the first known one of its line: a cached token
 * without a cache price costs what any token costs. Behind `sure` the price is another kind's and
 * known to be too low: audio at text's rate, an hour's cache at five minutes'. */
struct line {
	uint8_t n, sure;
	uint8_t units[4];
};

static const struct line lines[USAGE_CLASSES] = {
        [USAGE_in_uncached] = {1, 1, {PRICE_input}},
        [USAGE_in_cache_read] = {2, 2, {PRICE_cache_read, PRICE_input}},
        [USAGE_in_cache_write_5m] = {2, 2, {PRICE_cache_write, PRICE_input}},
        [USAGE_in_cache_write_1h] = {3, 1, {PRICE_cache_write_1h, PRICE_cache_write, PRICE_input}},
        [USAGE_in_audio] = {2, 1, {PRICE_input_audio, PRICE_input}},
        [USAGE_in_audio_cached] = {4, 2,
                {PRICE_cache_audio_read, PRICE_input_audio, PRICE_cache_read, PRICE_input}},
        [USAGE_in_image] = {2, 2, {PRICE_input_image, PRICE_input}},
        [USAGE_in_image_cached] = {4, 4,
                {PRICE_cache_image_read, PRICE_cache_read, PRICE_input_image, PRICE_input}},
        [USAGE_in_video] = {2, 2, {PRICE_input_video, PRICE_input}},
        [USAGE_in_tool] = {2, 2, {PRICE_input_tool, PRICE_input}},
        [USAGE_out_text] = {1, 1, {PRICE_output}},
        [USAGE_out_reasoning] = {2, 2, {PRICE_output_reasoning, PRICE_output}},
        [USAGE_out_audio] = {2, 1, {PRICE_output_audio, PRICE_output}},
        [USAGE_out_image] = {2, 2, {PRICE_output_image, PRICE_output}},
        [USAGE_out_video] = {2, 2, {PRICE_output_video, PRICE_output}},
        [USAGE_out_citation] = {2, 2, {PRICE_output_citation, PRICE_output}},
        [USAGE_web_search] = {1, 1, {PRICE_web_search}},
        [USAGE_file_search] = {1, 1, {PRICE_file_search}},
        [USAGE_code_session] = {1, 1, {PRICE_code_session}},
        [USAGE_page] = {1, 1, {PRICE_page}},
        [USAGE_page_annotated] = {2, 1, {PRICE_page_annotated, PRICE_page}},
        [USAGE_message] = {1, 1, {PRICE_message}},
        [USAGE_character] = {1, 1, {PRICE_character}},
        [USAGE_in_audio_ms] = {2, 2, {PRICE_input_audio_hour, PRICE_audio_hour}},
        [USAGE_out_audio_ms] = {2, 2, {PRICE_output_audio_hour, PRICE_audio_hour}},
};

static bool row_knows(const struct price_row *row, unsigned unit)
{
	return row && row->known >> unit & 1;
}

/* The unit that prices this class, or NOT_THIS; *ret_sure says whether it is its own. */
static unsigned unit_of(
        const struct price *p, const struct price_row *row, unsigned class, bool *ret_sure)
{
	const struct line *line = &lines[class];
	bool audio = class == USAGE_in_audio || class == USAGE_in_audio_cached ||
	             class == USAGE_out_audio;

	for (unsigned i = 0; i < line->n; i++) {
		if (row_knows(row, line->units[i])) {
			*ret_sure = i < line->sure || (audio && p->audio_as_text);
			return line->units[i];
		}
	}
	*ret_sure = false;
	return NOT_THIS;
}

static void sum_add(picosum *sum, uint64_t units, picousd each)
{
	if (!money_add(sum, units, each))
		*sum = ~(picosum)0;
}

/* An hour's price for milliseconds, rounded up to a pico-dollar: 128 bits hold any product of two
 * 64-bit numbers. */
static void sum_add_ms(picosum *sum, uint64_t ms, picousd hour)
{
	const picosum ms_an_hour = 3600000;
	picosum exact = (picosum)ms * hour;
	picosum each = exact / ms_an_hour + (exact % ms_an_hour != 0);

	*sum = *sum + each < *sum ? ~(picosum)0 : *sum + each;
}

static void add_class(
        picosum *sum, const struct price_row *row, unsigned class, unsigned unit, uint64_t units)
{
	if (class == USAGE_in_audio_ms && row_knows(row, PRICE_least_audio_ms) &&
	        units < row->of[PRICE_least_audio_ms])
		units = row->of[PRICE_least_audio_ms];
	if (class == USAGE_in_audio_ms || class == USAGE_out_audio_ms)
		sum_add_ms(sum, units, row->of[unit]);
	else
		sum_add(sum, units, row->of[unit]);
}

picosum cost_picousd(const struct price *p, const struct usage *u, uint32_t *ret_unpriced)
{
	const struct price_row *row = price_row_for(p, usage_input_total(u));
	picosum sum = 0;
	uint32_t unpriced = 0;

	for (unsigned c = 0; c < USAGE_CLASSES && !p->free; c++) {
		bool sure;
		unsigned unit;

		if (!u->of[c])
			continue;
		unit = unit_of(p, row, c, &sure);
		if (unit != NOT_THIS)
			add_class(&sum, row, c, unit, u->of[c]);
		if (!sure)
			unpriced |= 1u << c;
	}
	if (row_knows(row, PRICE_request))
		sum_add(&sum, 1, row->of[PRICE_request]);
	if (ret_unpriced)
		*ret_unpriced = unpriced;
	return sum;
}

nanousd cost_of(const struct price *p, const struct usage *u, uint32_t *ret_unpriced)
{
	return money_round_up(cost_picousd(p, u, ret_unpriced));
}

/* The dearest of the classes [from, to) that are in the mask; the classes without any price go to
 * *unpriced. */
static picousd dearest(const struct price *p, const struct price_row *row, unsigned from,
        unsigned to, uint32_t classes, uint32_t *unpriced)
{
	uint32_t left = classes & ((1u << to) - (1u << from));
	picousd most = 0;

	for (; left; left &= left - 1) {
		unsigned c = (unsigned)__builtin_ctz(left), unit;
		bool sure;

		unit = unit_of(p, row, c, &sure);
		if (unit != NOT_THIS && row->of[unit] > most)
			most = row->of[unit];
		if (!sure)
			*unpriced |= 1u << c;
	}
	return most;
}

static picosum row_bound(const struct price *p, const struct price_row *row, uint64_t input,
        uint64_t output, uint32_t classes, uint32_t *unpriced)
{
	picosum sum = 0;

	if (input)
		sum_add(&sum, input, dearest(p, row, 0, USAGE_IN_END, classes, unpriced));
	if (output)
		sum_add(&sum, output,
		        dearest(p, row, USAGE_IN_END, USAGE_OUT_END, classes, unpriced));
	if (row_knows(row, PRICE_request))
		sum_add(&sum, 1, row->of[PRICE_request]);
	return sum;
}

nanousd cost_bound(const struct price *p, uint64_t input, uint64_t output, uint32_t classes,
        uint32_t *ret_unpriced)
{
	picosum most = 0;
	uint32_t unpriced = 0;

	if (!p->n && !p->free)
		row_bound(p, NULL, input, output, classes, &unpriced);
	for (unsigned i = 0; i < p->n && (i == 0 || input > p->rows[i].above); i++) {
		picosum sum = row_bound(p, &p->rows[i], input, output, classes, &unpriced);

		if (sum > most)
			most = sum;
	}
	if (ret_unpriced)
		*ret_unpriced = unpriced;
	return money_round_up(most);
}

void cost_bound_parts(const struct price *p, uint64_t input, uint32_t classes, nanousd *ret_fixed,
        picousd *ret_output, uint32_t *ret_unpriced)
{
	uint32_t unpriced = 0;
	picosum fixed = 0;
	picousd output = 0;

	if (!p->n && !p->free)
		row_bound(p, NULL, input, 1, classes, &unpriced);
	for (unsigned i = 0; i < p->n && (i == 0 || input > p->rows[i].above); i++) {
		picosum sum = row_bound(p, &p->rows[i], input, 0, classes, &unpriced);
		picousd each = dearest(p, &p->rows[i], USAGE_IN_END, USAGE_OUT_END, classes, &unpriced);

		fixed = sum > fixed ? sum : fixed;
		output = each > output ? each : output;
	}
	*ret_fixed = money_round_up(fixed);
	*ret_output = output;
	if (ret_unpriced)
		*ret_unpriced = unpriced;
}
