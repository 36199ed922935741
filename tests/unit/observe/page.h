/* SPDX-License-Identifier: Apache-2.0 */
/* page: a strict reader of the metrics page, stricter than Prometheus: every family is declared
 * once and before its samples, no series stands there twice, buckets rise and end in the count.
 * Fails the test where the page is wrong. Included once a program. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rig/unit.h"
#include "observe/metrics.h"
#include "store/times.h"

#define PAGE_SAMPLES_MAX 100000
#define PAGE_MAX (64u << 20)

struct sample {
	char *name;             /* in text */
	char *labels;           /* in text, without the braces */
	char *value, *exemplar; /* in text; exemplar is NULL where there is none */
};

struct page_read {
	char *text;
	bool openmetrics;
	struct sample *samples;
	unsigned n;
	char family[128], type[32];
	char seen[100][128]; /* families */
	unsigned n_seen;
};

static inline bool is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (!first && c >= '0' && c <= '9');
}

static inline char *skip_name(char *at)
{
	char *from = at;

	while (is_name_char(*at, at == from))
		at++;
	assert_true(at > from);
	return at;
}

/* Labels up to their closing brace. */
static inline char *skip_labels(char *at)
{
	while (*at != '}') {
		at = skip_name(at);
		assert_memory_equal(at, "=\"", 2);
		for (at += 2; *at != '"'; at++) {
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
			if (*at == '\\')
				assert_non_null(strchr("\\\"n", *++at));
		}
		at++;
		if (*at == ',')
			assert_true(is_name_char(*++at, true));
	}
	return at;
}

static inline void check_number(const char *text)
{
	const char *at = text;

	while ((*at >= '0' && *at <= '9') || *at == '.')
		at++;
	assert_true(at > text && !*at);
}

static inline bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && !strcmp(text + len - n, end);
}

/* The name of a sample belongs to the family that was declared last. */
static inline void check_family(const struct page_read *p, const char *name)
{
	size_t len = strlen(p->family);
	const char *suffix = name + len;
	bool histogram = !strcmp(p->type, "histogram");

	assert_true(len && !strncmp(name, p->family, len));
	if (histogram)
		assert_true(!strcmp(suffix, "_bucket") || !strcmp(suffix, "_sum") ||
		            !strcmp(suffix, "_count"));
	else if (!p->openmetrics)
		assert_string_equal(suffix, "");
	else if (!strcmp(p->type, "counter"))
		assert_string_equal(suffix, "_total");
	else if (!strcmp(p->type, "info"))
		assert_string_equal(suffix, "_info");
	else
		assert_string_equal(suffix, "");
	if (!strcmp(p->type, "counter"))
		assert_true(ends_in(name, "_total"));
}

static inline void read_exemplar(const struct page_read *p, struct sample *s, char *at)
{
	char *end;

	assert_true(p->openmetrics && ends_in(s->name, "_bucket"));
	assert_memory_equal(at, "# {", 3);
	s->exemplar = at + 3;
	end = skip_labels(s->exemplar);
	*end = '\0';
	assert_true(strlen(s->exemplar) < 128);
	assert_int_equal(end[1], ' ');
	at = strchr(end + 2, ' ');
	assert_non_null(at);
	*at = '\0';
	check_number(end + 2);
	check_number(at + 1);
}

static inline void read_sample(struct page_read *p, char *line)
{
	struct sample *s = &p->samples[p->n++ % PAGE_SAMPLES_MAX];
	char *at = skip_name(line);
	static char none[] = "";

	assert_true(p->n <= PAGE_SAMPLES_MAX);
	*s = (struct sample){.name = line, .labels = none};
	if (*at == '{') {
		*at++ = '\0';
		s->labels = at;
		at = skip_labels(at);
		*at++ = '\0';
		assert_true(*s->labels);
	}
	assert_int_equal(*at, ' ');
	*at++ = '\0';
	s->value = at;
	at = strchr(at, ' ');
	if (at) {
		*at = '\0';
		read_exemplar(p, s, at + 1);
	}
	check_family(p, s->name);
	check_number(s->value);
}

static inline void read_about(struct page_read *p, char *line)
{
	bool help = !strncmp(line, "# HELP ", 7);
	char *name = line + 7, *end = skip_name(name);

	assert_int_equal(*end, ' ');
	*end = '\0';
	assert_true(end[1]);
	if (help) {
		for (unsigned i = 0; i < p->n_seen; i++)
			assert_string_not_equal(p->seen[i], name);
		assert_true(p->n_seen < 100);
		snprintf(p->seen[p->n_seen++], sizeof(p->seen[0]), "%s", name);
		snprintf(p->family, sizeof(p->family), "%s", name);
		p->type[0] = '\0';
		return;
	}
	assert_memory_equal(line, "# TYPE ", 7);
	assert_string_equal(p->family, name);
	assert_string_equal(p->type, "");
	snprintf(p->type, sizeof(p->type), "%s", end + 1);
	assert_true(!strcmp(p->type, "counter") || !strcmp(p->type, "gauge") ||
	            !strcmp(p->type, "histogram") || (p->openmetrics && !strcmp(p->type, "info")));
}

static inline int compare_samples(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->labels, y->labels);
}

/* The labels of a bucket without le, and le itself. */
static inline const char *split_le(const char *labels, char *ret_rest, size_t size)
{
	const char *le = strstr(labels, ",le=\"");

	assert_non_null(le);
	snprintf(ret_rest, size, "%.*s", (int)(le - labels), labels);
	return le + 5;
}

/* Buckets stand together in rising order, the count behind them. */
static inline void check_buckets(const struct page_read *p)
{
	for (unsigned i = 0; i + 1 < p->n; i++) {
		const struct sample *s = &p->samples[i], *next = &p->samples[i + 1];
		char rest[1024], next_rest[1024];
		const char *le, *next_le;

		if (!ends_in(s->name, "_bucket"))
			continue;
		le = split_le(s->labels, rest, sizeof(rest));
		if (!strncmp(le, "+Inf\"", 5)) {
			assert_true(ends_in(next->name, "_sum"));
			assert_true(ends_in(s[2].name, "_count"));
			assert_string_equal(s[2].labels, rest);
			assert_string_equal(s[2].value, s->value);
			continue;
		}
		next_le = split_le(next->labels, next_rest, sizeof(next_rest));
		assert_string_equal(rest, next_rest);
		assert_true(*next_le == '+' || strtod(le, NULL) < strtod(next_le, NULL));
		assert_true(strtoull(s->value, NULL, 10) <= strtoull(next->value, NULL, 10));
	}
}

static inline void page_close(struct page_read *p)
{
	free(p->text);
	free(p->samples);
}

/* Reads a page; samples are sorted by name and labels afterwards. */
static inline struct page_read page_parse(struct slice text, bool openmetrics)
{
	struct page_read p = {.openmetrics = openmetrics,
	        .samples = calloc(PAGE_SAMPLES_MAX, sizeof(struct sample))};
	bool ended = false;

	assert_true(text.len && text.at[text.len - 1] == '\n');
	p.text = strndup(text.at, text.len);
	assert_int_equal(strlen(p.text), text.len);
	for (char *line = p.text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		assert_false(ended);
		if (openmetrics && !strcmp(line, "# EOF"))
			ended = true;
		else if (*line == '#')
			read_about(&p, line);
		else
			read_sample(&p, line);
	}
	assert_int_equal(ended, openmetrics);
	check_buckets(&p);
	qsort(p.samples, p.n, sizeof(*p.samples), compare_samples);
	for (unsigned i = 0; i + 1 < p.n; i++)
		assert_true(compare_samples(&p.samples[i], &p.samples[i + 1]));
	return p;
}

static inline struct page_read page_of(struct metrics *m, bool openmetrics)
{
	struct budget_gauge budgets[] = {
	        {"agent", SLICE("support-bot"), "day", 20000000000, 1500000001, 0},
	        {"gateway", SLICE("gateway"), "total", 500000000000, 0, 70000},
	};
	struct store_times times[2] = {{.up = true}, {.up = false}};
	const struct store_times *stores[] = {&times[0], &times[1]};
	struct metrics_gauges g = {.version = "1.2.3",
	        .stores = stores,
	        .n_stores = 2,
	        .policy_version = SLICE("abc\"d"),
	        .budgets = budgets,
	        .n_budgets = 2};
	struct buf out = BUF_INIT(PAGE_MAX);
	struct page_read p;

	store_times_count(&times[0], STORE_ADMIT, STORE_OK, 300000);
	store_times_count(&times[1], STORE_ADMIT, STORE_OK, 700000);
	store_times_count(&times[1], STORE_ADMIT, STORE_TIMEOUT, 33000000);
	assert_int_equal(metrics_write(m, &g, openmetrics, &out), 0);
	p = page_parse(buf_slice(&out), openmetrics);
	buf_finish(&out);
	return p;
}

/* The value of a series, or NULL. */
static inline const char *page_value(
        const struct page_read *p, const char *name, const char *labels)
{
	for (unsigned i = 0; i < p->n; i++)
		if (!strcmp(p->samples[i].name, name) && !strcmp(p->samples[i].labels, labels))
			return p->samples[i].value;
	return NULL;
}

#define assert_sample(page, name, labels, want)                                                    \
	do {                                                                                       \
		const char *sample_got = page_value((page), (name), (labels));                     \
		assert_non_null(sample_got);                                                       \
		assert_string_equal(sample_got, (want));                                           \
	} while (0)

static inline unsigned page_count(const struct page_read *p, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += !strcmp(p->samples[i].name, name);
	return n;
}

/* The sum of a metric's series. */
static inline uint64_t page_sum(const struct page_read *p, const char *name)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (!strcmp(p->samples[i].name, name))
			n += strtoull(p->samples[i].value, NULL, 10);
	return n;
}
