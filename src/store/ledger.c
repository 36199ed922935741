/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: see ledger.h. */
#include "store/ledger.h"
#include <assert.h>
#include <errno.h>
#include "store/book_core.h"
#include "store/ledger_groups.h"

#define SQL_MAX 2048

const char *const ledger_by_names[BY_N] = {
        [BY_AGENT] = "agent",
        [BY_TEAM] = "team",
        [BY_USER] = "user",
        [BY_WORKFLOW] = "workflow",
        [BY_WORKFLOW_TYPE] = "workflow_type",
        [BY_SESSION] = "session",
        [BY_MODEL] = "model",
        [BY_UPSTREAM] = "upstream",
        [BY_TOOL] = "tool",
};

#define OF_TOOLS                                                                                   \
	(1u << BY_AGENT | 1u << BY_TEAM | 1u << BY_USER | 1u << BY_WORKFLOW | 1u << BY_TOOL)

bool ledger_can(const struct ledger_query *q)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < q->n_by; i++) {
		if (seen & 1u << q->by[i])
			return false;
		seen |= 1u << q->by[i];
	}
	return !(seen & 1u << BY_TOOL) || !(seen & ~OF_TOOLS);
}

static void sql_period(sqlite3_context *c, int n, sqlite3_value **v)
{
	enum window_kind per = (enum window_kind)sqlite3_value_int(v[0]);

	(void)n;
	sqlite3_result_int64(
	        c, as_signed(window_of(per, (uint64_t)sqlite3_value_int64(v[1])).start));
}

/* SQL's own sum() ends a question with an error where it turns over. */
static void sql_add(sqlite3_context *c, int n, sqlite3_value **v)
{
	int64_t *sum = sqlite3_aggregate_context(c, sizeof(*sum));

	(void)n;
	if (sum)
		*sum = plus(*sum, sqlite3_value_int64(v[0]));
	else
		sqlite3_result_error_nomem(c);
}

static void sql_added(sqlite3_context *c)
{
	const int64_t *sum = sqlite3_aggregate_context(c, 0);

	sqlite3_result_int64(c, sum ? *sum : 0);
}

static int add_functions(struct book *b)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
	int code = sqlite3_create_function(b->db, "period", 2, flags, NULL, sql_period, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_create_function(
		        b->db, "added", 1, flags, NULL, NULL, sql_add, sql_added);
	return code == SQLITE_OK ? 0 : book_error(b);
}

/* The names are the table's own columns. */
static void write_sql(const struct ledger_query *q, bool total, struct buf *sql)
{
	static const char *const columns[] = {"calls", "refused", "cost", "tokens_input",
	        "tokens_cached", "tokens_output", "tokens_reasoning", "tokens_total", "estimated"};
	static const char *const tool_columns[] = {"calls", "denied", "cost"};
	bool tools = ledger_is_of_tools(q);
	unsigned n = tools ? sizeof(tool_columns) / sizeof(*tool_columns)
	                   : sizeof(columns) / sizeof(*columns);
	int r = buf_put_str(sql, "SELECT ");

	for (unsigned i = 0; !r && i < n; i++)
		r = buf_printf(
		        sql, total ? "added(%s), " : "%s, ", tools ? tool_columns[i] : columns[i]);
	if (!r)
		r = buf_put_str(sql, total ? "0" : "period(?3, hour)");
	for (unsigned i = 0; !r && !total && i < q->n_by; i++)
		r = buf_printf(sql, ", %s", ledger_by_names[q->by[i]]);
	if (!r)
		r = buf_printf(
		        sql, " FROM %s WHERE hour >= ?1 AND hour < ?2", tools ? "tools" : "ledger");
	if (!r)
		buf_put_char(sql, '\0'); /* what is cut short does not parse */
}

static int prepare(struct book *b, const struct ledger_query *q, bool total, sqlite3_stmt **ret)
{
	struct buf sql = BUF_INIT(SQL_MAX);
	uint64_t since = q->since - q->since % HOUR_S;
	int r;

	assert(ledger_can(q));
	*ret = NULL;
	r = add_functions(b);
	if (r)
		return r;
	write_sql(q, total, &sql);
	if (!buf_len(&sql) || buf_at(&sql)[buf_len(&sql) - 1]) {
		buf_finish(&sql);
		return -ENOMEM;
	}
	sqlite3_prepare_v2(b->db, buf_at(&sql), -1, ret, NULL);
	buf_finish(&sql);
	if (!*ret)
		return book_error(b);
	sqlite3_bind_int64(*ret, 1, as_signed(since));
	sqlite3_bind_int64(*ret, 2, as_signed(q->until));
	if (!total)
		sqlite3_bind_int(*ret, 3, (int)q->per);
	return 0;
}

static void take_line(
        const struct ledger_query *q, sqlite3_stmt *s, bool total, struct ledger_line *l)
{
	uint64_t *const rest[] = {&l->tokens_input, &l->tokens_cached, &l->tokens_output,
	        &l->tokens_reasoning, &l->tokens_total};
	int at = 3;

	*l = (struct ledger_line){
	        .calls = (uint64_t)sqlite3_column_int64(s, 0),
	        .refused = (uint64_t)sqlite3_column_int64(s, 1),
	        .cost = sqlite3_column_int64(s, 2),
	};
	if (!ledger_is_of_tools(q)) {
		for (unsigned i = 0; i < sizeof(rest) / sizeof(*rest); i++)
			*rest[i] = (uint64_t)sqlite3_column_int64(s, at++);
		l->estimated = sqlite3_column_int64(s, at++);
	}
	l->from = (uint64_t)sqlite3_column_int64(s, at++);
	for (unsigned i = 0; !total && i < q->n_by; i++)
		l->names[i] = column_slice(s, at++);
}

static int read_groups(struct book *b, struct ledger_groups *g)
{
	sqlite3_stmt *s;
	int code = SQLITE_DONE, r = prepare(b, g->q, false, &s);

	while (!r && (code = sqlite3_step(s)) == SQLITE_ROW) {
		struct ledger_line row;

		take_line(g->q, s, false, &row);
		r = ledger_groups_add(g, &row);
	}
	if (!r && code != SQLITE_DONE)
		r = book_error(b);
	sqlite3_finalize(s);
	if (!r)
		r = ledger_groups_sort(g);
	if (r == -ENOBUFS)
		book_say(b, "These are more than %u lines: " LEDGER_NARROW ".", LEDGER_GROUPS_MAX);
	else if (r == -ENOMEM)
		book_say(b, "There is not enough memory for so many lines: " LEDGER_NARROW ".");
	return r;
}

int ledger_read(struct book *b, const struct ledger_query *q,
        int (*fn)(void *arg, const struct ledger_line *line), void *arg)
{
	struct ledger_groups g;
	int r;

	ledger_groups_init(&g, q);
	r = read_groups(b, &g);
	for (unsigned i = 0; !r && i < g.n; i++)
		r = fn(arg, g.sorted[i]);
	ledger_groups_finish(&g);
	return r;
}

int ledger_total(struct book *b, const struct ledger_query *q, struct ledger_line *ret)
{
	sqlite3_stmt *s;
	int r = prepare(b, q, true, &s);

	if (!r && sqlite3_step(s) == SQLITE_ROW)
		take_line(q, s, true, ret);
	else if (!r)
		r = book_error(b);
	sqlite3_finalize(s);
	return r;
}

bool ledger_user(struct book *b, struct slice sealed, char text[1024], struct slice *ret)
{
	for (unsigned i = 0; i < b->n_seals; i++) {
		struct seal *s = &b->seals[i];

		if (!seal_knows(s, sealed) || sealed.len - SEAL_OVERHEAD > 1024 ||
		        seal_open(s, sealed, text) != 0)
			continue;
		*ret = slice_from(text, sealed.len - SEAL_OVERHEAD);
		return true;
	}
	return false;
}
