/* SPDX-License-Identifier: Apache-2.0 */
/* book_rig: see book_rig.h. */
#include "rig/book_rig.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "journal/keeper.h"
#include "journal/read.h"
#include "rig/unit.h"
#include "store/book_core.h"

#define CALLS_MAX 200000u

static uint64_t still_mono(struct clock *c)
{
	return clock_system.mono(c);
}

static uint64_t still_wall(struct clock *c)
{
	(void)c;
	return BOOK_RIG_WALL;
}

static struct clock still = {still_mono, still_wall}; /* the wall's time does not move */

void book_rig_make(struct book_rig *r, unsigned workers)
{
	*r = (struct book_rig){.workers = workers,
	        .made = 1,
	        .keys = {SLICE_INIT("first key of the rig")},
	        .n_keys = 1};
	snprintf(r->folder, sizeof(r->folder), "/tmp/weir-book-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	log_init(NULL, LEVEL_ERROR, FORMAT_TEXT);
}

int book_rig_start(struct book_rig *r)
{
	char path[128], note[KEEPER_NOTE];

	snprintf(path, sizeof(path), "%s/journal", r->folder);
	struct keeper_options k = {.path = path,
	        .workers = r->workers,
	        .segment = KEEPER_SEGMENT_MIN,
	        .key = r->keys[0],
	        .clock = &still};
	assert_int_equal(keeper_open(&r->keeper, &k, note), 0);
	struct book_options o = {.path = r->folder,
	        .journal = keeper_folder(r->keeper),
	        .keeper = r->keeper,
	        .workers = r->workers,
	        .keys = r->keys,
	        .n_keys = r->n_keys,
	        .clock = &still};
	return book_open(&r->book, &o, r->note);
}

void book_rig_start_surely(struct book_rig *r)
{
	int n = book_rig_start(r);

	if (n)
		fail_msg("%d: %s", n, r->note);
}

void book_rig_stop(struct book_rig *r)
{
	book_close(r->book);
	if (r->keeper)
		keeper_close(r->keeper);
	r->book = NULL;
	r->keeper = NULL;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(path);
}

void book_rig_remove(struct book_rig *r)
{
	book_rig_stop(r);
	if (r->made)
		nftw(r->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct journal *book_rig_journal(struct book_rig *r, unsigned worker)
{
	return keeper_journal(r->keeper, worker);
}

/* ---- records ---- */

struct texts {
	char request[32], id[32], agent[8];
};

static struct texts texts_of(const struct book_rig_call *c)
{
	struct texts t;

	snprintf(t.request, sizeof(t.request), "req-%u", c->number);
	snprintf(t.id, sizeof(t.id), "req-%u:1", c->number);
	snprintf(t.agent, sizeof(t.agent), "a:%u", c->number % 4);
	return t;
}

static uint64_t wall_of(const struct book_rig_call *c)
{
	return c->wall_s ? c->wall_s * NS_PER_S : BOOK_RIG_WALL;
}

static struct entry_who who_of(const struct book_rig_call *c, const struct texts *t)
{
	return (struct entry_who){.request_id = slice_str(t->request),
	        .wall_ns = wall_of(c),
	        .agent = slice_str(t->agent),
	        .team = SLICE("crew"),
	        .user = slice_str(c->user),
	        .workflow = slice_str(c->workflow)};
}

void book_rig_decide(struct journal *j, const struct book_rig_call *c)
{
	struct texts t = texts_of(c);
	struct entry_decision e = {.who = who_of(c, &t),
	        .model = SLICE("gpt-4o"),
	        .upstream = SLICE("openai"),
	        .decision = c->denied ? SLICE("deny") : SLICE("allow"),
	        .code = c->denied ? SLICE("budget_exceeded") : SLICE("")};

	assert_int_equal(journal_put_decision(j, &e), 0);
}

void book_rig_reserve(struct journal *j, const struct book_rig_call *c)
{
	struct texts t = texts_of(c);
	/* The last one is the first again: a policy may name a counter twice. */
	const struct entry_counter counters[] = {
	        {SLICE("g"), SLICE("month"), BOOK_RIG_HOUR - 1000, BOOK_RIG_HOUR + 100000},
	        {slice_str(t.agent), SLICE("total"), 0, UINT64_MAX},
	        {SLICE("g"), SLICE("month"), BOOK_RIG_HOUR - 1000, BOOK_RIG_HOUR + 100000},
	};
	struct entry_reservation e = {.id = slice_str(t.id),
	        .request_id = slice_str(t.request),
	        .wall_ns = wall_of(c),
	        .expires = wall_of(c) + 60 * NS_PER_S,
	        .cost = c->reserved,
	        .tokens = c->tokens_reserved,
	        .counters = counters,
	        .n = 3};

	assert_int_equal(journal_put_reservation(j, &e), 0);
}

void book_rig_settle(struct journal *j, const struct book_rig_call *c)
{
	struct texts t = texts_of(c);
	struct entry_settlement e = {.id = slice_str(t.id),
	        .request_id = slice_str(t.request),
	        .wall_ns = wall_of(c),
	        .cost = c->cost,
	        .tokens = c->tokens,
	        .estimated = c->estimated,
	        .by_recovery = c->by_recovery};

	assert_int_equal(journal_put_settlement(j, &e), 0);
}

void book_rig_outcome(struct journal *j, const struct book_rig_call *c)
{
	struct texts t = texts_of(c);
	struct entry_tool tool = {.name = slice_str(c->tool), .allowed = !c->tool_denied};
	struct entry_outcome e = {.who = who_of(c, &t),
	        .model = SLICE("gpt-4o"),
	        .upstream = SLICE("openai"),
	        .code = c->denied ? SLICE("budget_exceeded") : SLICE("ok"),
	        .ended_by = SLICE("upstream"),
	        .tokens_input = c->tokens / 2,
	        .tokens_output = c->tokens - c->tokens / 2,
	        .tokens_total = c->tokens,
	        .cost = c->cost,
	        .estimated = c->estimated,
	        .tools = &tool,
	        .n_tools = c->tool ? 1 : 0};

	assert_int_equal(journal_put_outcome(j, &e), 0);
}

void book_rig_whole(struct journal *j, const struct book_rig_call *c)
{
	book_rig_decide(j, c);
	book_rig_reserve(j, c);
	book_rig_settle(j, c);
	book_rig_outcome(j, c);
}

void book_rig_turn(struct journal *j)
{
	assert_true(journal_is_ready(j));
	assert_int_equal(journal_end_turn(j), 0);
}

void book_rig_fold(struct book_rig *r)
{
	int n = book_fold(r->book);

	if (n)
		fail_msg("%d: %s", n, book_note(r->book));
}

/* ---- what the book says, and what the journal does ---- */

int64_t book_rig_number(struct book_rig *r, const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(r->book->db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(r->book->db));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

struct seen { /* of one call */
	bool decided, over, reserved, settled, by_recovery;
	int64_t cost, tokens;
};

static unsigned number_of(struct slice request)
{
	char text[32] = "";

	assert_in_range(request.len, 5, 20);
	memcpy(text, request.at + 4, request.len - 4);
	unsigned n = (unsigned)strtoul(text, NULL, 10);
	assert_true(n < CALLS_MAX);
	return n;
}

static void add_spent(struct book_rig_truth *t, unsigned number, int64_t cost, int64_t tokens)
{
	const unsigned counters[] = {0, 1 + number % 4};

	for (unsigned i = 0; i < 2; i++) {
		t->spent[counters[i]] += cost;
		t->tokens[counters[i]] += tokens;
	}
}

static void add_settlement(
        struct book_rig_truth *t, struct seen *s, const struct entry_settlement *e, unsigned number)
{
	if (s->settled && (!s->by_recovery || e->by_recovery)) {
		t->is_doubled |= e->by_recovery;
		return;
	}
	add_spent(t, number, e->cost - s->cost, (int64_t)e->tokens - s->tokens);
	s->settled = true;
	s->by_recovery = e->by_recovery;
	t->charged += e->by_recovery;
	s->cost = e->cost;
	s->tokens = (int64_t)e->tokens;
}

static void add_entry(struct book_rig_truth *t, struct seen *all, const struct entry *e)
{
	struct seen *s;

	if (e->kind == ENTRY_DECISION) {
		s = &all[number_of(e->decision.who.request_id)];
		t->decisions += !s->decided;
		s->decided = true;
	} else if (e->kind == ENTRY_RESERVATION) {
		all[number_of(e->reservation.request_id)].reserved = true;
	} else if (e->kind == ENTRY_SETTLEMENT) {
		unsigned n = number_of(e->settlement.request_id);
		add_settlement(t, &all[n], &e->settlement, n);
	} else if (e->kind == ENTRY_OUTCOME) {
		s = &all[number_of(e->outcome.who.request_id)];
		t->is_doubled |= s->over;
		t->outcomes += !s->over;
		t->cost += s->over ? 0 : e->outcome.cost;
		s->over = true;
	}
}

void book_rig_read_truth(struct book_rig *r, struct book_rig_truth *ret)
{
	struct seen *all = mem_zalloc(CALLS_MAX * sizeof(*all));
	struct segment_list l = {NULL};
	struct unpack u = UNPACK_INIT;
	char path[128];
	int n = 0;

	snprintf(path, sizeof(path), "%s/journal", r->folder);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(all && dir >= 0);
	assert_int_equal(segment_list_read(dir, &l), 0);
	*ret = (struct book_rig_truth){.cost = 0};
	for (unsigned pass = 0; pass < 2;
	        pass++) /* recovery stands in the first worker's, which counts last */
		for (size_t i = 0; i < l.n; i++) {
			struct segment_reader s;
			struct entry e;
			if ((l.ids[i].worker == 0) != pass)
				continue;
			assert_int_equal(segment_open(&s, dir, l.ids[i], 0), 0);
			while ((n = segment_next(&s, &u, &e)) > 0)
				add_entry(ret, all, &e);
			assert_int_equal(n, 0);
			segment_close(&s);
		}
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		ret->held += all[i].reserved && !all[i].settled;
		ret->open += all[i].decided && !all[i].over;
	}
	segment_list_finish(&l);
	unpack_finish(&u);
	close(dir);
	mem_free(all);
}

void book_rig_assert_equal(struct book_rig *r)
{
	struct book_rig_truth t;
	char sql[160];

	book_rig_read_truth(r, &t);
	for (unsigned i = 0; i < BOOK_RIG_COUNTERS; i++) {
		char group[8] = "g";
		if (i)
			snprintf(group, sizeof(group), "a:%u", i - 1);
		for (unsigned k = 0; k < 2; k++) {
			snprintf(sql, sizeof(sql),
			        "SELECT coalesce(sum(%s), 0) FROM counters WHERE grp = '%s'",
			        k ? "tokens" : "cost", group);
			int64_t got = book_rig_number(r, sql), want = k ? t.tokens[i] : t.spent[i];
			if (got != want)
				fail_msg("%s of %s: the book says %lld, the journal %lld",
				        k ? "tokens" : "cost", group, (long long)got,
				        (long long)want);
		}
	}
	assert_int_equal(book_rig_number(r, "SELECT coalesce(sum(cost), 0) FROM ledger"), t.cost);
	assert_int_equal(
	        book_rig_number(r, "SELECT coalesce(sum(calls), 0) FROM ledger"), t.outcomes);
	assert_int_equal(book_rig_number(r, "SELECT count(*) FROM calls"), t.open);
	assert_int_equal(book_rig_number(r, "SELECT count(*) FROM held WHERE NOT charged"), t.held);
	assert_false(t.is_doubled);
}
