/* SPDX-License-Identifier: Apache-2.0 */
/* value: one scalar of each kind, from its text to its member. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "config/address.h"
#include "config/reader.h"
#include "config/secrets.h"
#include "config/units.h"

#define NAME_LEN_MAX 63u
#define TOOL_LEN_MAX 128u
#define TEXT_LEN_MAX 4096u

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

static bool refuse(
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
		return refuse(r, d, kind, n);
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
		refuse(r, d, DIRECTIVE_BOOL, n);
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
		refuse(r, d, DIRECTIVE_RATE, n);
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

static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!first && (!i || (c != '_' && c != '.' && c != '-')))
			return false;
	}
	return s.len && s.len <= NAME_LEN_MAX;
}

static bool is_tool(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.at[i]) && !memchr("_.-*", s.at[i], 4))
			return false;
	return s.len && s.len <= TOOL_LEN_MAX;
}

static bool is_model(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= 0x20 || (unsigned char)s.at[i] >= 0x7f ||
		        s.at[i] == '"')
			return false;
	return s.len && s.len <= TOOL_LEN_MAX;
}

/* What tools that read YAML 1.1 take for a boolean. */
static bool looks_boolean(struct slice s)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_equals_nocase(s, slice_str(words[i])))
			return true;
	return false;
}

static bool text_is_meant(struct reader *r, const struct directive *d, const struct node *n)
{
	if (n->plain && looks_boolean(n->text)) {
		diagnostics_error(r->d, n->at, "%s: %.*s is a boolean where a word is meant",
		        d->name, SLICE_FMT(n->text));
		diagnostics_hint(r->d,
		        "the word for nothing is none (many tools turn off and no into false); "
		        "if it is a name, quote it");
		return false;
	}
	if (text_holds_reference(n->text)) {
		diagnostics_error(r->d, n->at, "%s: a ${…} is not replaced here", d->name);
		diagnostics_hint(
		        r->d, "references stand where secrets, addresses, URLs and hashes do");
		return false;
	}
	return true;
}

static bool text_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at)
{
	const char *wrong;

	if (!text_is_meant(r, d, n))
		return false;
	if ((kind == DIRECTIVE_NAME && !is_name(n->text)) ||
	        (kind == DIRECTIVE_TOOL && !is_tool(n->text)) ||
	        (kind == DIRECTIVE_MODEL && !is_model(n->text)) || !n->text.len ||
	        n->text.len > TEXT_LEN_MAX)
		return refuse(r, d, kind, n);
	wrong = kind == DIRECTIVE_CIDR ? cidr_text_check(n->text) : NULL;
	if (wrong) {
		diagnostics_error(r->d, n->at, "%s: %.*s is no range of addresses: %s", d->name,
		        SLICE_FMT(n->text), wrong);
		return false;
	}
	if (at)
		*(struct slice *)at = reader_keep(r, n->text);
	return true;
}

/* n with its references replaced, in the conf's arena. False: it was said. */
static bool expand(struct reader *r, const struct node *n, struct slice *ret)
{
	struct buf room = BUF_INIT(SECRET_MAX);
	bool good;

	if (!text_holds_reference(n->text)) {
		*ret = reader_keep(r, n->text);
		return true;
	}
	good = references_expand(r, n, &room, NULL);
	if (good)
		*ret = reader_keep(r, buf_slice(&room));
	buf_wipe(&room);
	return good;
}

static bool place_read(struct reader *r, const struct directive *d, enum directive_kind kind,
        const struct node *n, void *at)
{
	struct address_conf address = {0};
	struct endpoint_conf endpoint = {0};
	struct slice text;
	const char *wrong;

	if (!expand(r, n, &text))
		return false;
	if (at && kind == DIRECTIVE_URL && d->width == sizeof(endpoint))
		endpoint = *(struct endpoint_conf *)at;
	wrong = kind == DIRECTIVE_URL ? endpoint_url_parse(text, &endpoint)
	                              : listen_address_parse(text, &address);
	if (wrong && memchr(n->text.at, '@', n->text.len)) {
		diagnostics_hide(r->d, n->at); /* a password may stand there */
		diagnostics_error(r->d, n->at, "%s is no %s: %s", d->name,
		        kind == DIRECTIVE_URL ? "URL" : "address", wrong);
		return false;
	}
	if (wrong) {
		/* As it is written: what a variable holds is nobody's business. */
		diagnostics_error(r->d, n->at, "%s: %.*s is no %s: %s", d->name, SLICE_FMT(n->text),
		        kind == DIRECTIVE_URL ? "URL" : "address", wrong);
		return false;
	}
	if (!at)
		return true;
	if (kind == DIRECTIVE_ADDRESS)
		*(struct address_conf *)at = address;
	else if (d->width == sizeof(endpoint))
		*(struct endpoint_conf *)at = endpoint;
	else
		*(struct slice *)at = text;
	return true;
}

static bool hash_read(struct reader *r, const struct directive *d, const struct node *n, void *at)
{
	uint8_t hash[SHA256_LEN];
	struct slice text;

	if (!expand(r, n, &text))
		return false;
	if (slice_starts(text, SLICE("sha256:")) &&
	        !hex_decode(slice_skip(text, 7), hash, sizeof(hash))) {
		if (at)
			memcpy(at, hash, sizeof(hash));
		return true;
	}
	if (!slice_starts(n->text, SLICE("sha256:")) && !text_holds_reference(n->text))
		diagnostics_hide(r->d, n->at); /* it may be the key itself */
	diagnostics_error(r->d, n->at, "%s is not %s", d->name, kind_form(DIRECTIVE_HASH));
	diagnostics_hint(r->d, "`weir key new AGENT` makes a key and prints its hash; the key "
	                       "itself never stands here");
	return false;
}

static bool secret_store(struct reader *r, const struct node *n, void *at)
{
	struct secret *s = secret_read(r, n, "");

	if (s && at)
		*(struct secret **)at = s;
	return s;
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
		return text_is_meant(r, d, n) && choice_read(r, d, n, at);
	case DIRECTIVE_TEXT:
	case DIRECTIVE_NAME:
	case DIRECTIVE_MODEL:
	case DIRECTIVE_TOOL:
	case DIRECTIVE_CIDR:
		return text_read(r, d, kind, n, at);
	case DIRECTIVE_ADDRESS:
	case DIRECTIVE_URL:
		return place_read(r, d, kind, n, at);
	case DIRECTIVE_HASH:
		return hash_read(r, d, n, at);
	case DIRECTIVE_SECRET:
		return secret_store(r, n, at);
	case DIRECTIVE_ANY:
	case DIRECTIVE_BLOCK:
		break;
	}
	return true;
}
