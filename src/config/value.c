/* SPDX-License-Identifier: Apache-2.0 */
/* value: one scalar of each kind, from text to member: numbers here, words in value_text. */
#include <errno.h>
#include <stdio.h>
#include "config/units.h"
#include "config/value.h"

const char *kind_form(enum directive_kind kind)
{
	static const char *const forms[] = {
	        [DIRECTIVE_ANY] = "any value",
	        [DIRECTIVE_BOOL] = "true or false",
	        [DIRECTIVE_COUNT] = "a whole number, as 5000, 200k or 5M",
	        [DIRECTIVE_SIZE] = "a size, as 512, 64KiB or 8MiB",
	        [DIRECTIVE_TIME] = "a duration, as 250ms, 5s, 15m, 1h or 30d",
	        [DIRECTIVE_RATE] = "a rate, as 100/hour, 10/second or 200k/minute",
	        [DIRECTIVE_PERCENT] = "a percentage, as 80%",
	        [DIRECTIVE_MONEY] = "an amount of USD, as 0.005 or 20",
	        [DIRECTIVE_PRICE] = "a price in USD per million tokens, as 2.50",
	        [DIRECTIVE_DATE] = "a date, as 2026-12-31 or 2026-12-31T23:00:00Z",
	        [DIRECTIVE_TEXT] = "text",
	        [DIRECTIVE_NAME] = "a name: lower-case letters, digits, _ . and -, at most 63",
	        [DIRECTIVE_MODEL] = "a model's name",
	        [DIRECTIVE_TOOL] = "a tool's name: letters, digits, _ . and -, at most 128",
	        [DIRECTIVE_CHOICE] = "one of its choices",
	        [DIRECTIVE_SECRET] = "a secret, as \"${env:NAME}\" or \"${file:/path}\"",
	        [DIRECTIVE_HASH] = "the hash of a key, as \"sha256:…\" with 64 hex digits",
	        [DIRECTIVE_ADDRESS] =
	                "an address, as \"127.0.0.1:4000\", \"[::1]:4000\" or \"unix:/path\"",
	        [DIRECTIVE_URL] = "a URL, as \"https://api.openai.com/v1\"",
	        [DIRECTIVE_CIDR] = "a range of addresses, as 10.0.0.0/8",
	        [DIRECTIVE_FILE_MODE] = "a file mode, as 0660",
	        [DIRECTIVE_BLOCK] = "a map of keys",
	};

	return forms[kind];
}

bool value_refuse(
        struct reader *r, const struct directive *d, enum directive_kind kind, const struct node *n)
{
	diagnostics_error(
	        r->d, n->at, "%s: %.*s is not %s", d->name, SLICE_FMT(n->text), kind_form(kind));
	return false;
}

static bool refuse_range(struct reader *r, const struct directive *d, const struct node *n)
{
	char least[24], most[24];

	diagnostics_error(r->d, n->at, "%s: %.*s is out of range", d->name, SLICE_FMT(n->text));
	if (!d->max)
		return false;
	if (d->kind == DIRECTIVE_TIME) {
		duration_format(d->min, least);
		duration_format(d->max, most);
	} else {
		snprintf(least, sizeof(least), "%llu", (unsigned long long)d->min);
		snprintf(most, sizeof(most), "%llu", (unsigned long long)d->max);
	}
	if (d->min)
		diagnostics_hint(r->d, "it is at least %s and at most %s", least, most);
	else
		diagnostics_hint(r->d, "it is at most %s", most);
	return false;
}

static void store_unsigned(void *at, uint32_t width, uint64_t value)
{
	if (width == 1)
		*(uint8_t *)at = (uint8_t)value;
	else if (width == 2)
		*(uint16_t *)at = (uint16_t)value;
	else if (width == 4)
		*(uint32_t *)at = (uint32_t)value;
	else
		*(uint64_t *)at = value;
}

static uint64_t width_max(const struct directive *d)
{
	return !d->stored || d->width >= 8 ? UINT64_MAX : (1ull << (8 * d->width)) - 1;
}

typedef int (*number_parse)(struct slice, uint64_t *);

static bool number_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, number_parse parse, void *at)
{
	uint64_t most = d->max ? d->max : width_max(d), value;
	int error = parse(n->text, &value);

	if (error == -EINVAL)
		return value_refuse(r, d, kind, n);
	if (error || value > most || value < d->min)
		return refuse_range(r, d, n);
	if (at)
		store_unsigned(at, d->width, value);
	return true;
}

static int price_parse(struct slice s, uint64_t *ret)
{
	return money_parse(s, 6, ret);
}

static int usd_parse(struct slice s, uint64_t *ret)
{
	uint64_t value;
	int error = money_parse(s, 9, &value);

	if (!error && value > INT64_MAX)
		error = -ERANGE;
	if (!error)
		*ret = value;
	return error;
}

static int percent_parse_wide(struct slice s, uint64_t *ret)
{
	uint32_t basis;
	int error = percent_parse(s, &basis);

	if (!error)
		*ret = basis;
	return error;
}

static int mode_parse(struct slice s, uint64_t *ret)
{
	uint64_t mode = 0;

	if (s.len < 3 || s.len > 4)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '7')
			return -EINVAL;
		mode = mode * 8 + (uint64_t)(s.at[i] - '0');
	}
	if (mode > 0777)
		return -ERANGE;
	*ret = mode;
	return 0;
}

static bool bool_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	bool value = slice_is(n->text, "true");

	if (!n->plain || (!value && !slice_is(n->text, "false"))) {
		value_refuse(r, d, DIRECTIVE_BOOL, n);
		diagnostics_hint(r->d, "write true or false, without quotes");
		return false;
	}
	if (at)
		*(bool *)at = value;
	return true;
}

static bool rate_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	struct rate_conf rate;

	if (rate_parse(n->text, &rate)) {
		value_refuse(r, d, DIRECTIVE_RATE, n);
		diagnostics_hint(r->d, "per second, minute, hour or day; `per user`, `per key` and "
		                       "`burst N` may follow");
		return false;
	}
	if (at)
		*(struct rate_conf *)at = rate;
	return true;
}

bool words_find(const char *words, struct slice word, unsigned *ret_index)
{
	unsigned index = 0;

	for (const char *p = words; p && *p; index++) {
		size_t len = strcspn(p, " ");

		if (slice_equals(word, slice_from(p, len))) {
			*ret_index = index;
			return true;
		}
		p += len + (p[len] == ' ');
	}
	return false;
}

static bool choice_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	unsigned index;

	if (!words_find(d->words, n->text, &index)) {
		diagnostics_error(r->d, n->at, "%s: %.*s is not one of its choices", d->name,
		        SLICE_FMT(n->text));
		diagnostics_hint(r->d, "%s is one of: %s", d->name, d->words);
		return false;
	}
	if (at)
		store_unsigned(at, d->width, index);
	return true;
}

bool scalar_read_as(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at)
{
	switch (kind) {
	case DIRECTIVE_BOOL:
		return bool_read(r, d, n, at);
	case DIRECTIVE_COUNT:
		return number_read(r, d, kind, n, count_parse, at);
	case DIRECTIVE_SIZE:
		return number_read(r, d, kind, n, size_parse, at);
	case DIRECTIVE_TIME:
		return number_read(r, d, kind, n, duration_text_parse, at);
	case DIRECTIVE_PERCENT:
		return number_read(r, d, kind, n, percent_parse_wide, at);
	case DIRECTIVE_MONEY:
		return number_read(r, d, kind, n, usd_parse, at);
	case DIRECTIVE_PRICE:
		return number_read(r, d, kind, n, price_parse, at);
	case DIRECTIVE_DATE:
		return number_read(r, d, kind, n, date_parse, at);
	case DIRECTIVE_FILE_MODE:
		return number_read(r, d, kind, n, mode_parse, at);
	case DIRECTIVE_RATE:
		return rate_read(r, d, n, at);
	case DIRECTIVE_CHOICE:
		return value_text_is_meant(r, d, n) && choice_read(r, d, n, at);
	case DIRECTIVE_TEXT:
	case DIRECTIVE_NAME:
	case DIRECTIVE_MODEL:
	case DIRECTIVE_TOOL:
	case DIRECTIVE_CIDR:
		return value_text_read(r, d, kind, n, at);
	case DIRECTIVE_ADDRESS:
	case DIRECTIVE_URL:
		return value_place_read(r, d, kind, n, at);
	case DIRECTIVE_HASH:
		return value_hash_read(r, d, n, at);
	case DIRECTIVE_SECRET:
		return value_secret_read(r, n, at);
	case DIRECTIVE_ANY:
	case DIRECTIVE_BLOCK:
		break;
	}
	return true;
}
