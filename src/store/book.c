/* SPDX-License-Identifier: Apache-2.0 */
/* book: opening the database and closing it; see book.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "store/book_core.h"
#include "store/book_sql.h"
#include "store/ledger.h"

#define READER_STEPS 10000 /* of SQLite's machine, well under a millisecond */
#define BUSY_MS 2000       /* for somebody who looks at it by hand */

/* ---- what SQLite says ---- */

void book_say(struct book *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(b->note, sizeof(b->note), format, args);
	va_end(args);
}

static int errno_of(sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_IOERR:
		if (code == SQLITE_IOERR_NOMEM)
			return -ENOMEM;
		return sqlite3_system_errno(db) == ENOSPC ? -ENOSPC : -EIO;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return -EACCES;
	default:
		return -EIO;
	}
}

int book_error(struct book *b)
{
	int code = b->db ? sqlite3_extended_errcode(b->db) : SQLITE_NOMEM;
	int r = errno_of(b->db, code);

	if (r == -ENOMEM)
		book_say(b, "There is not enough memory for the book.");
	else if (r == -EINTR)
		book_say(b, "That is more than can be read in time: " LEDGER_NARROW ".");
	else if (r == -EBADMSG)
		book_say(b, BOOK_FILE
		        " is damaged or is no database; move it away, and what the journal holds "
		        "is counted anew.");
	else if (r == -ENOSPC)
		book_say(b, "The disk that " BOOK_FILE " is on is full; free some room there. "
		            "Nothing is lost: what was spent is in "
		            "the journal and is counted then.");
	else
		book_say(b, BOOK_FILE " cannot be used: %s.",
		        b->db ? sqlite3_errmsg(b->db) : strerror(-r));
	return r;
}

const char *book_note(const struct book *b)
{
	return b->note;
}

/* ---- statements ---- */

sqlite3_stmt *book_statement(struct book *b, enum book_sql which)
{
	sqlite3_stmt **s = &b->statements[which];

	if (!*s)
		sqlite3_prepare_v3(
		        b->db, book_sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
	return *s;
}

int book_run(struct book *b, sqlite3_stmt *s)
{
	int r = 0, code;

	do
		code = sqlite3_step(s);
	while (code == SQLITE_ROW);
	if (code != SQLITE_DONE)
		r = book_error(b);
	sqlite3_reset(s);
	return r;
}

int book_do(struct book *b, enum book_sql which)
{
	sqlite3_stmt *s = book_statement(b, which);

	return s ? book_run(b, s) : book_error(b);
}

int book_execute(struct book *b, const char *sql)
{
	return sqlite3_exec(b->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : book_error(b);
}

static int read_number(struct book *b, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s;
	int r = 0;

	if (sqlite3_prepare_v2(b->db, sql, -1, &s, NULL) != SQLITE_OK)
		return book_error(b);
	if (sqlite3_step(s) == SQLITE_ROW)
		*ret = sqlite3_column_int64(s, 0);
	else
		r = book_error(b);
	sqlite3_finalize(s);
	return r;
}

void book_say_full(struct book *b)
{
	if (!b->is_full)
		log_error("a sum in " BOOK_FILE
		          " has reached what it can hold (9223372036 USD, or as many thousand "
		          "million tokens) and is shown as that from now on; budgets of it refuse. "
		          "A price, or what a provider says was used, must be wrong");
	b->is_full = true;
}

static void sql_plus(sqlite3_context *c, int n, sqlite3_value **v)
{
	int64_t sum = plus(sqlite3_value_int64(v[0]), sqlite3_value_int64(v[1]));

	(void)n;
	if (sum == INT64_MAX)
		book_say_full(sqlite3_user_data(c));
	sqlite3_result_int64(c, sum);
}

/* ---- life ---- */

static int run_schema(struct book *b, const char *sql)
{
	char version[40];
	int r = book_do(b, SQL_BEGIN);

	snprintf(version, sizeof(version), "PRAGMA user_version = %d", BOOK_SCHEMA);
	if (!r)
		r = book_execute(b, sql);
	if (!r)
		r = book_execute(b, version);
	return r ? r : book_do(b, SQL_COMMIT);
}

static int make_schema(struct book *b)
{
	return run_schema(b, BOOK_SCHEMA_SQL);
}

static int upgrade_schema(struct book *b, int64_t from)
{
	return run_schema(b, from == 1 ? BOOK_SCHEMA_2 BOOK_SCHEMA_3 : BOOK_SCHEMA_3);
}

static int check_schema(struct book *b)
{
	int64_t version = 0, tables = 0;
	int r = read_number(b, "PRAGMA user_version", &version);

	if (!r && version == BOOK_SCHEMA)
		return 0;
	if (!r && version > 0 && version < BOOK_SCHEMA)
		return upgrade_schema(b, version);
	if (!r && !version)
		r = read_number(b, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r)
		return r;
	if (version > BOOK_SCHEMA) {
		book_say(b,
		        BOOK_FILE
		        " is of a later Weir (schema %lld, this one knows %d); start that one, or "
		        "move the file away.",
		        (long long)version, BOOK_SCHEMA);
		return -EPROTONOSUPPORT;
	}
	if (version < 0 || tables) {
		book_say(b, BOOK_FILE " is somebody else's database; move it away.");
		return -EBADMSG;
	}
	return make_schema(b);
}

/* Made here, so that nobody else may read it, not even for a moment; the files beside it take after
 * it. */
static int make_file(struct book *b, const char *path, bool *ret_new)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600),
	    r = fd < 0 ? -errno : 0;

	if (!r && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
		r = -EINVAL;
	*ret_new = !r && !st.st_size;
	if (fd >= 0)
		close(fd);
	if (r)
		book_say(b, "%.200s cannot be used: %s.", path, strerror(-r));
	return r;
}

static int open_database(struct book *b, const char *path, int flags)
{
	if (sqlite3_open_v2(path, &b->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	            NULL) != SQLITE_OK)
		return book_error(b);
	sqlite3_db_config(b->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_busy_timeout(b->db, BUSY_MS);
	if (sqlite3_create_function(b->db, "plus", 2,
	            SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, b, sql_plus, NULL,
	            NULL) != SQLITE_OK)
		return book_error(b);
	return book_execute(b, "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -64; PRAGMA "
	                       "temp_store = MEMORY");
}

static int open_own(struct book *b, const char *path)
{
	bool is_new = false;
	int r = make_file(b, path, &is_new);

	if (!r)
		r = open_database(b, path, SQLITE_OPEN_READWRITE);
	/* An empty one is made without a word to the disk: all that it will hold, the journal has.
	 */
	if (!r && is_new)
		r = book_execute(b,
		        "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA "
		        "journal_mode = WAL");
	if (!r)
		r = book_execute(b,
		        "PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL; PRAGMA "
		        "journal_size_limit = 8388608");
	return r ? r : check_schema(b);
}

static int copy_file(struct book *b, const char *path)
{
	struct book from = {.db = NULL};
	sqlite3_backup *copy;
	int r = open_database(&from, path, SQLITE_OPEN_READONLY);

	if (r) {
		memcpy(b->note, from.note, sizeof(b->note));
		sqlite3_close(from.db);
		return r;
	}
	copy = sqlite3_backup_init(b->db, "main", from.db, "main");
	if (copy) {
		sqlite3_backup_step(copy, -1);
		sqlite3_backup_finish(copy);
	}
	if (sqlite3_errcode(b->db) != SQLITE_OK)
		r = book_error(b);
	sqlite3_close(from.db);
	return r;
}

static int open_copy(struct book *b, const char *path)
{
	struct stat st;
	int r = open_database(b, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

	b->lenient = true;
	if (!r && stat(path, &st) == 0)
		r = copy_file(b, path);
	else if (!r && errno != ENOENT) {
		r = -errno;
		book_say(b, "%.200s cannot be read: %s.", path, strerror(-r));
	}
	return r ? r : check_schema(b);
}

static int reader_is_late(void *arg)
{
	const struct book *b = arg;

	return clock_mono(b->clock) >= b->until ||
	       (b->ending && atomic_load_explicit(b->ending, memory_order_relaxed));
}

static int open_reader(struct book *b, const char *path)
{
	return open_database(b, path, SQLITE_OPEN_READONLY);
}

static int open_seals(struct book *b, const struct book_options *o)
{
	for (unsigned i = 0; i < o->n_keys && i < BOOK_KEYS_MAX; i++) {
		int r = seal_init(&b->seals[i], o->keys[i], USER_LABEL);

		b->n_seals++;
		if (!r)
			r = seal_init(&b->kept_seals[i], o->keys[i], KEPT_LABEL);
		if (r)
			return r;
	}
	return 0;
}

static struct book *make(const struct book_options *o)
{
	struct book *b = mem_zalloc(sizeof(*b));

	if (!b)
		return NULL;
	/* One connection, one thread at a time; nobody asks how much memory it has, and it is to
	 * take none ahead of need. */
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	b->unpack = (struct unpack)UNPACK_INIT;
	b->clock = o->clock ? o->clock : &clock_system;
	b->journal = o->journal;
	b->keeper = o->keeper;
	b->workers = o->keeper ? o->workers : 0;
	sem_init(&b->wake, 0, 0);
	tally_init(&b->tally);
	buf_init(&b->gaps, 1u << 20);
	book_say(b, "There is not enough memory for the book.");
	return b;
}

static int open_with(struct book **ret, const struct book_options *o,
        int (*open_it)(struct book *b, const char *path), char ret_note[BOOK_NOTE])
{
	struct book *b = make(o);
	char path[4096];
	int r = b ? open_seals(b, o) : -ENOMEM;

	if (!r && snprintf(path, sizeof(path), "%s/" BOOK_FILE, o->path) >= (int)sizeof(path)) {
		book_say(b, "The path of the state directory is too long.");
		r = -ENAMETOOLONG;
	}
	if (!r)
		r = open_it(b, path);
	if (!r)
		r = book_places_read(b);
	if (r) {
		snprintf(ret_note, BOOK_NOTE, "%s",
		        b ? b->note : "There is not enough memory for the book.");
		book_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

int book_open_reader(struct book **ret, const struct book_options *o, uint64_t until,
        const atomic_bool *stop, char ret_note[BOOK_NOTE])
{
	int r = open_with(ret, o, open_reader, ret_note);

	if (r)
		return r;
	(*ret)->until = until;
	(*ret)->ending = stop;
	sqlite3_progress_handler((*ret)->db, READER_STEPS, reader_is_late, *ret);
	return 0;
}

int book_open(struct book **ret, const struct book_options *o, char ret_note[BOOK_NOTE])
{
	return open_with(ret, o, open_own, ret_note);
}

int book_open_copy(struct book **ret, const struct book_options *o, char ret_note[BOOK_NOTE])
{
	return open_with(ret, o, open_copy, ret_note);
}

void book_close(struct book *b)
{
	if (!b)
		return;
	if (b->started) {
		atomic_store_explicit(&b->stop, true, memory_order_release);
		sem_post(&b->wake);
		pthread_join(b->thread, NULL);
	}
	for (unsigned i = 0; i < SQL_N; i++)
		sqlite3_finalize(b->statements[i]);
	sqlite3_close(b->db);
	for (unsigned i = 0; i < b->n_seals; i++) {
		seal_finish(&b->seals[i]);
		seal_finish(&b->kept_seals[i]);
	}
	unpack_finish(&b->unpack);
	tally_finish(&b->tally);
	mem_free(b->committed.list);
	mem_free(b->read.list);
	buf_finish(&b->gaps);
	sem_destroy(&b->wake);
	mem_free(b);
}
