/* SPDX-License-Identifier: Apache-2.0 */
/* price_table: looking up in the constant tables. A name is put into lower case once; the
 * provider's exact names are searched by halves, and only the pattern rules of models that come
 * before the hit can still win. */
#include <errno.h>
#include "price/price_rows.h"
#include "price/price_table.h"
#include "price/usage.h"

#define NAME_MAX_LEN 256 /* longer names are no model's */
#define NO_MODEL UINT16_MAX

struct lower {
	size_t len;
	char at[NAME_MAX_LEN + NAME_MAX_LEN / 8 * 2]; /* room for the dashes of dates */
};

static bool lower_init(struct lower *l, struct slice name)
{
	name = slice_trim(name);
	if (!name.len || name.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++)
		l->at[i] = (char)(name.at[i] | (name.at[i] >= 'A' && name.at[i] <= 'Z' ? 0x20 : 0));
	l->len = name.len;
	return true;
}

static struct slice lower_slice(const struct lower *l)
{
	return (struct slice){l->at, l->len};
}

static struct slice text_at(struct price_place place)
{
	return (struct slice){price_text + place.at, place.len};
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* '#' is a digit, '*' any run of bytes. After a miss only the last star takes one byte more. */
static bool shape_fits(struct slice shape, struct slice s)
{
	size_t i = 0, j = 0, star = SIZE_MAX, from = 0;

	while (j < s.len) {
		if (i < shape.len && shape.at[i] == '*') {
			star = i++;
			from = j;
		} else if (i < shape.len &&
		           (shape.at[i] == '#' ? is_digit(s.at[j]) : shape.at[i] == s.at[j])) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			j = ++from;
		} else {
			return false;
		}
	}
	while (i < shape.len && shape.at[i] == '*')
		i++;
	return i == shape.len;
}

static bool term_fits(const struct price_term *t, struct slice s)
{
	struct slice text = text_at(t->text);

	switch (t->sign) {
	case '=':
		return slice_equals(s, text);
	case '^':
		return slice_starts(s, text);
	case '$':
		return slice_ends(s, text);
	case '~':
		return s.len >= text.len && memmem(s.at, s.len, text.at, text.len);
	default:
		return shape_fits(text, s);
	}
}

static bool rule_fits(const struct price_rule *r, struct slice s)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct price_term *t = &price_terms[r->first + i];

		if (term_fits(t, s) == t->negated)
			return false;
	}
	return true;
}

static bool any_rule_fits(struct price_span span, struct slice s)
{
	for (unsigned i = 0; i < span.n; i++)
		if (rule_fits(&price_rules[span.first + i], s))
			return true;
	return false;
}

static int slice_order(struct slice a, struct slice b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static unsigned exact_find(struct price_span span, struct slice s)
{
	unsigned low = span.first, high = span.first + span.n;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = slice_order(s, text_at(price_exacts[middle].text));

		if (!order)
			return price_exacts[middle].model;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NO_MODEL;
}

/* The first model of the provider that the name fits, in the order of the file. */
static unsigned own_model_find(const struct price_provider *p, struct slice s)
{
	unsigned best = exact_find(p->exacts, s);

	for (unsigned i = 0; i < p->rules.n; i++) {
		const struct price_rule *r = &price_rules[p->rules.first + i];

		if (r->model >= best)
			break;
		if (rule_fits(r, s))
			return r->model;
	}
	return best;
}

static unsigned model_find(const struct price_provider *p, struct slice s)
{
	unsigned model = own_model_find(p, s);

	for (unsigned i = 0; i < p->fallbacks.n && model == NO_MODEL; i++)
		model = own_model_find(
		        &price_providers[price_fallbacks[p->fallbacks.first + i]], s);
	return model;
}

/* Days of a month; 0 for what is none. */
static unsigned days_of(unsigned year, unsigned month)
{
	static const unsigned char days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month > 12 ? 0 : days[month] + (month == 2 && leap);
}

/* Whether "-20250514" stands here, as a day of this century and before the end, a dash or a colon.
 */
static bool is_packed_date(struct slice s)
{
	unsigned n = 0, day;

	if (s.len < 9 || s.at[0] != '-' || (s.len > 9 && s.at[9] != '-' && s.at[9] != ':'))
		return false;
	for (unsigned i = 1; i < 9; i++) {
		if (!is_digit(s.at[i]))
			return false;
		n = n * 10 + (unsigned)(s.at[i] - '0');
	}
	day = n % 100;
	return n / 1000000 == 20 && day && day <= days_of(n / 10000, n / 100 % 100);
}

/* A snapshot's date with its dashes: providers that resell write -20250514 for -2025-05-14. False
 * if there is none. */
static bool dates_spread(const struct lower *l, struct lower *ret)
{
	struct slice s = lower_slice(l);

	ret->len = 0;
	while (s.len) {
		size_t n = is_packed_date(s) ? 9 : 1;

		if (n == 9) {
			memcpy(ret->at + ret->len,
			        (char[]){'-', s.at[1], s.at[2], s.at[3], s.at[4], '-', s.at[5],
			                s.at[6], '-', s.at[7], s.at[8]},
			        11);
			ret->len += 11;
		} else {
			ret->at[ret->len++] = s.at[0];
		}
		s = slice_skip(s, n);
	}
	return ret->len != l->len;
}

static const struct price_provider *provider_by_name(struct slice name)
{
	struct lower l;
	struct slice s;

	if (!lower_init(&l, name))
		return NULL;
	s = lower_slice(&l);
	for (unsigned i = 0; i < price_providers_n; i++)
		if (slice_equals(text_at(price_providers[i].name), s))
			return &price_providers[i];
	for (unsigned i = 0; i < price_providers_n; i++)
		if (any_rule_fits(price_providers[i].names, s))
			return &price_providers[i];
	return NULL;
}

struct slice price_provider_by_name(struct slice name)
{
	const struct price_provider *p = provider_by_name(name);

	return p ? text_at(p->name) : (struct slice){0};
}

struct slice price_provider_by_host(struct slice host)
{
	struct lower l;

	if (!lower_init(&l, host))
		return (struct slice){0};
	for (unsigned i = 0; i < price_providers_n; i++)
		if (any_rule_fits(price_providers[i].hosts, lower_slice(&l)))
			return text_at(price_providers[i].name);
	return (struct slice){0};
}

struct slice price_provider_by_model(struct slice model)
{
	struct lower l;

	if (!lower_init(&l, model))
		return (struct slice){0};
	for (unsigned i = 0; i < price_providers_n; i++)
		if (any_rule_fits(price_providers[i].own, lower_slice(&l)))
			return text_at(price_providers[i].name);
	return (struct slice){0};
}

const struct price_model *price_model_find(struct slice provider, struct slice model)
{
	const struct price_provider *p = provider_by_name(provider);
	struct lower name, dated;
	unsigned found;

	if (!p || !lower_init(&name, model))
		return NULL;
	found = model_find(p, lower_slice(&name));
	if (found == NO_MODEL && dates_spread(&name, &dated))
		found = model_find(p, lower_slice(&dated));
	return found == NO_MODEL ? NULL : &price_models[found];
}

static bool list_holds(const struct price_list *l, uint64_t wall_ns)
{
	uint64_t second = wall_ns / 1000000000, of_day = second % 86400;

	switch ((enum price_when)l->when) {
	case PRICE_SINCE:
		return second >= l->from;
	case PRICE_DAILY:
		if (l->until < l->from)
			return of_day >= l->from || of_day < l->until;
		return of_day >= l->from && of_day < l->until;
	case PRICE_ALWAYS:
		break;
	}
	return true;
}

static void list_fill(const struct price_list *l, struct price *ret)
{
	struct price_row *row = NULL;

	for (unsigned i = 0; i < l->n; i++) {
		const struct price_value *v = &price_values[l->first + i];

		if (!row || v->above != row->above)
			row = price_row_add(ret, v->above);
		row->of[v->unit] = v->each;
		row->known |= 1u << v->unit;
	}
	ret->free = l->free;
}

void price_at(const struct price_model *m, uint64_t wall_ns, struct price *ret)
{
	struct slice provider = text_at(price_providers[m->provider].name);
	unsigned last = m->first + m->n - 1;

	while (last > m->first && !list_holds(&price_lists[last], wall_ns))
		last--;
	ret->n = 0;
	ret->audio_as_text = usage_rules_find(provider)->audio_as_text;
	list_fill(&price_lists[last], ret);
}

int price_find(struct slice provider, struct slice model, uint64_t wall_ns, struct price *ret)
{
	const struct price_model *m = price_model_find(provider, model);
	struct price p;

	if (!m)
		return -ENOENT;
	price_at(m, wall_ns, &p);
	if (!p.n && !p.free)
		return -ENOENT;
	*ret = p;
	return 0;
}

struct slice price_model_name(const struct price_model *m)
{
	return text_at(m->name);
}

const char *price_table_version(void)
{
	return price_version;
}

const struct price_model *price_model_at(unsigned i, struct slice *ret_provider)
{
	if (i >= price_models_n)
		return NULL;
	*ret_provider = text_at(price_providers[price_models[i].provider].name);
	return &price_models[i];
}
