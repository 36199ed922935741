/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_text: the ledger as a table, as CSV, as JSON. Names are the callers' own: what would move
 * a terminal's cursor, turn the direction of text or be taken for a formula is shown and not done.
 */
#include "observe/ledger_text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/json_write.h"
#include "crypto/digest.h"

#define COLUMNS_MAX (BY_N + 10)
#define NUMBERS 9

struct printing {
	struct book *book;
	const struct ledger_query *q;
	struct buf *out; /* borrowed */
	struct json_writer json;
	struct buf cell;
	size_t widths[COLUMNS_MAX];
	bool measuring;
	char user[1024];
};

static const char *const number_names[NUMBERS] = {"calls", "refused", "tokens_input",
        "tokens_cached", "tokens_output", "tokens_reasoning", "tokens_used", "cost_usd",
        "estimated_usd"};

static bool number_is_shown(const struct printing *p, unsigned i)
{
	return !ledger_is_of_tools(p->q) || i < 2 || i == 7;
}

static const char *number_name(const struct printing *p, unsigned i)
{
	return i == 1 && ledger_is_of_tools(p->q) ? "denied" : number_names[i];
}

static bool number_is_money(unsigned i)
{
	return i >= 7;
}

static uint64_t number_of(const struct ledger_line *l, unsigned i)
{
	const uint64_t all[NUMBERS] = {l->calls, l->refused, l->tokens_input, l->tokens_cached,
	        l->tokens_output, l->tokens_reasoning, l->tokens_total, (uint64_t)l->cost,
	        (uint64_t)l->estimated};

	return all[i];
}

/* "2026-11-22T08:00Z", "2026-11-22", "2026-11" */
static struct slice period_of(const struct printing *p, const struct ledger_line *l, char text[32])
{
	static const unsigned cut[] = {[WINDOW_HOUR] = 16, [WINDOW_DAY] = 10, [WINDOW_MONTH] = 7};
	unsigned len = cut[p->q->per];

	clock_format(l->from * NS_PER_S, text);
	if (p->q->per == WINDOW_HOUR)
		text[len++] = 'Z';
	return slice_from(text, len);
}

/* What nobody has the key for can still be told apart. */
static struct slice name_of(struct printing *p, const struct ledger_line *l, unsigned i)
{
	struct slice name = l->names[i], opened;
	uint8_t hash[SHA256_LEN];

	if (p->q->by[i] != BY_USER || !name.len)
		return name;
	if (ledger_user(p->book, name, p->user, &opened))
		return opened;
	sha256(name, hash);
	memcpy(p->user, "user_", 5);
	hex_encode(hash, 6, p->user + 5);
	return slice_from(p->user, 5 + 12);
}

static bool has_period(const struct printing *p)
{
	return p->q->per != WINDOW_TOTAL;
}

/* ---- table and CSV: rows of cells ---- */

static size_t characters(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.at[i] & 0xc0) != 0x80;
	return n;
}

static int put_table_cell(struct printing *p, unsigned column, struct slice text, bool right)
{
	size_t n = characters(text), pad = p->widths[column] > n ? p->widths[column] - n : 0;
	int r = 0;

	if (p->measuring) {
		p->widths[column] = n > p->widths[column] ? n : p->widths[column];
		return 0;
	}
	if (column)
		r = buf_put_str(p->out, "  ");
	for (size_t i = 0; !r && right && i < pad; i++)
		r = buf_put_char(p->out, ' ');
	if (!r)
		r = buf_put_slice(p->out, text);
	for (size_t i = 0; !r && !right && i < pad; i++)
		r = buf_put_char(p->out, ' ');
	return r;
}

static bool csv_is_formula(struct slice s)
{
	return s.len && strchr("=+-@", s.at[0]);
}

static int put_csv_cell(struct printing *p, unsigned column, struct slice text)
{
	bool formula = csv_is_formula(text), quoted = formula;
	int r = column ? buf_put_char(p->out, ',') : 0;

	for (size_t i = 0; i < text.len && !quoted; i++)
		quoted = strchr(",\" ", text.at[i]) != NULL;
	if (!r && quoted)
		r = buf_put_str(p->out, formula ? "\"'" : "\"");
	for (size_t i = 0; !r && i < text.len; i++) {
		r = buf_put_char(p->out, text.at[i]);
		if (!r && text.at[i] == '"')
			r = buf_put_char(p->out, '"');
	}
	return r || !quoted ? r : buf_put_char(p->out, '"');
}

static int put_cell(struct printing *p, bool csv, unsigned *column, struct slice text, bool right)
{
	unsigned at = (*column)++;

	return csv ? put_csv_cell(p, at, text) : put_table_cell(p, at, text, right);
}

/* A caller's own text. */
static int put_name(struct printing *p, bool csv, unsigned *column, struct slice name)
{
	int r;

	buf_clear(&p->cell);
	r = name.len ? json_escape(&p->cell, name) : buf_put_str(&p->cell, csv ? "" : "-");
	return r ? r : put_cell(p, csv, column, buf_slice(&p->cell), false);
}

static int end_row(struct printing *p, bool csv)
{
	struct slice s = buf_slice(p->out);

	if (p->measuring)
		return 0;
	while (!csv && s.len && s.at[s.len - 1] == ' ')
		s.len--;
	buf_truncate(p->out, s.len);
	return buf_put_str(p->out, csv ? "\r\n" : "\n");
}

static int put_numbers(struct printing *p, bool csv, unsigned *column, const struct ledger_line *l)
{
	char text[MONEY_TEXT];
	int r = 0;

	for (unsigned i = 0; !r && i < NUMBERS; i++) {
		uint64_t n = number_of(l, i);
		size_t len;

		if (!number_is_shown(p, i))
			continue;
		len = number_is_money(i)
		              ? money_format((nanousd)n, text)
		              : (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
		r = put_cell(p, csv, column, slice_from(text, len), true);
	}
	return r;
}

static int put_head(struct printing *p, bool csv)
{
	unsigned column = 0;
	int r = has_period(p) ? put_cell(p, csv, &column, SLICE("period"), false) : 0;

	for (unsigned i = 0; !r && i < p->q->n_by; i++)
		r = put_cell(p, csv, &column, slice_str(ledger_by_names[p->q->by[i]]), false);
	for (unsigned i = 0; !r && i < NUMBERS; i++)
		if (number_is_shown(p, i))
			r = put_cell(p, csv, &column, slice_str(number_name(p, i)), true);
	return r ? r : end_row(p, csv);
}

static int put_row(struct printing *p, bool csv, const struct ledger_line *l)
{
	unsigned column = 0;
	char period[32];
	int r = has_period(p) ? put_cell(p, csv, &column, period_of(p, l, period), false) : 0;

	for (unsigned i = 0; !r && i < p->q->n_by; i++)
		r = put_name(p, csv, &column, name_of(p, l, i));
	if (!r)
		r = put_numbers(p, csv, &column, l);
	return r ? r : end_row(p, csv);
}

static int put_table_row(void *arg, const struct ledger_line *l)
{
	return put_row(arg, false, l);
}

static int put_csv_row(void *arg, const struct ledger_line *l)
{
	return put_row(arg, true, l);
}

static int put_total(struct printing *p, bool csv, const struct ledger_line *l)
{
	unsigned column = 0, labels = has_period(p) + p->q->n_by;
	int r = 0;

	for (unsigned i = 0; !r && i < labels; i++)
		r = put_cell(p, csv, &column, i ? SLICE("") : SLICE("total"), false);
	if (!r)
		r = put_numbers(p, csv, &column, l);
	return r ? r : end_row(p, csv);
}

static int put_rows(struct printing *p, bool csv)
{
	struct ledger_line total;
	int r = ledger_total(p->book, p->q, &total);

	if (!r)
		r = put_head(p, csv);
	if (!r)
		r = ledger_read(p->book, p->q, csv ? put_csv_row : put_table_row, p);
	return r ? r : put_total(p, csv, &total);
}

/* ---- JSON ---- */

static void put_json_numbers(struct printing *p, const struct ledger_line *l)
{
	for (unsigned i = 0; i < NUMBERS; i++) {
		if (!number_is_shown(p, i))
			continue;
		if (number_is_money(i))
			json_put_money(&p->json, number_name(p, i), (nanousd)number_of(l, i));
		else
			json_put_u64(&p->json, number_name(p, i), number_of(l, i));
	}
}

static int put_json_row(void *arg, const struct ledger_line *l)
{
	struct printing *p = arg;
	char period[32];

	json_open(&p->json, '{');
	if (has_period(p))
		json_put_slice(&p->json, "period", period_of(p, l, period));
	for (unsigned i = 0; i < p->q->n_by; i++)
		json_put_slice(&p->json, ledger_by_names[p->q->by[i]], name_of(p, l, i));
	put_json_numbers(p, l);
	json_close(&p->json, '}');
	return p->json.error;
}

static int put_json(struct printing *p)
{
	struct ledger_line total;
	int r = ledger_total(p->book, p->q, &total);

	if (r)
		return r;
	json_begin(&p->json, p->out);
	json_open(&p->json, '{');
	json_key(&p->json, "rows");
	json_open(&p->json, '[');
	r = ledger_read(p->book, p->q, put_json_row, p);
	json_close(&p->json, ']');
	json_key(&p->json, "total");
	json_open(&p->json, '{');
	put_json_numbers(p, &total);
	json_close(&p->json, '}');
	json_close(&p->json, '}');
	if (!r)
		r = json_end(&p->json);
	return r ? r : buf_put_char(p->out, '\n');
}

int ledger_text_write(
        struct book *b, const struct ledger_query *q, enum ledger_format format, struct buf *out)
{
	struct printing p = {.book = b, .q = q, .out = out, .cell = BUF_INIT(1u << 20)};
	int r;

	if (format == LEDGER_JSON) {
		r = put_json(&p);
	} else {
		p.measuring = format == LEDGER_TABLE;
		r = p.measuring ? put_rows(&p, false) : 0;
		p.measuring = false;
		if (!r)
			r = put_rows(&p, format == LEDGER_CSV);
	}
	buf_finish(&p.cell);
	wipe(p.user, sizeof(p.user));
	return r;
}
