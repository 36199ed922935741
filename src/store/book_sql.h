/* SPDX-License-Identifier: Apache-2.0 */
/* book_sql: the schema, and every statement that the book runs. Texts are the journal's. Cells of
 * the ledger stand by hour, so that what is written lies close together. plus() is an addition that
 * saturates, where SQL's own would turn into a float. What is taken out is read first, and not by
 * RETURNING: that makes a table for its rows, which costs more than both. */
#pragma once
#include "store/book_core.h"

/* What came with schema 2: values, and the pieces of their bytes, sealed. */
#define BOOK_SCHEMA_2                                                                              \
	"CREATE TABLE kept(type INTEGER, grp TEXT, name TEXT, version INTEGER NOT NULL, state "    \
	"INTEGER NOT NULL, id TEXT NOT NULL, mark BLOB NOT NULL, until INTEGER NOT NULL, ends "    \
	"INTEGER NOT NULL, parts INTEGER NOT NULL, PRIMARY KEY(type, grp, name)) WITHOUT ROWID;"   \
	"CREATE INDEX kept_ends ON kept(ends);"                                                    \
	"CREATE TABLE kept_parts(type INTEGER, grp TEXT, name TEXT, version INTEGER, part "        \
	"INTEGER, bytes BLOB NOT NULL, PRIMARY KEY(type, grp, name, version, part));"

/* And with schema 3. */
#define BOOK_SCHEMA_3 "ALTER TABLE places ADD COLUMN head BLOB;"

#define BOOK_SCHEMA_SQL                                                                            \
	"CREATE TABLE places(worker INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset "        \
	"INTEGER "                                                                                 \
	"NOT NULL, hash BLOB NOT NULL);"                                                           \
	"CREATE TABLE calls(request_id TEXT PRIMARY KEY, denied INTEGER NOT NULL, estimated "      \
	"INTEGER "                                                                                 \
	"NOT NULL, cost INTEGER NOT NULL, tokens INTEGER NOT NULL, record BLOB NOT NULL) WITHOUT " \
	"ROWID;"                                                                                   \
	"CREATE TABLE held(id TEXT PRIMARY KEY, request_id TEXT NOT NULL, expires INTEGER NOT "    \
	"NULL, "                                                                                   \
	"charged INTEGER NOT NULL, cost INTEGER NOT NULL, tokens INTEGER NOT NULL, record BLOB "   \
	"NOT "                                                                                     \
	"NULL) WITHOUT ROWID;"                                                                     \
	"CREATE TABLE counters(grp TEXT, name TEXT, window INTEGER, ends INTEGER NOT NULL, cost "  \
	"INTEGER NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY(grp, name, window)) WITHOUT "      \
	"ROWID;"                                                                                   \
	"CREATE INDEX counters_ends ON counters(ends);"                                            \
	"CREATE TABLE ledger(hour INTEGER, agent TEXT, team TEXT, user BLOB, workflow TEXT, "      \
	"workflow_type TEXT, session TEXT, model TEXT, upstream TEXT, calls INTEGER NOT NULL, "    \
	"refused INTEGER NOT NULL, tokens_input INTEGER NOT NULL, tokens_cached INTEGER NOT "      \
	"NULL, "                                                                                   \
	"tokens_output INTEGER NOT NULL, tokens_reasoning INTEGER NOT NULL, tokens_total INTEGER " \
	"NOT "                                                                                     \
	"NULL, cost INTEGER NOT NULL, estimated INTEGER NOT NULL, PRIMARY KEY(hour, agent, team, " \
	"user, workflow, workflow_type, session, model, upstream)) WITHOUT ROWID;"                 \
	"CREATE TABLE tools(hour INTEGER, agent TEXT, team TEXT, user BLOB, workflow TEXT, tool "  \
	"TEXT, calls INTEGER NOT NULL, denied INTEGER NOT NULL, cost INTEGER NOT NULL, PRIMARY "   \
	"KEY(hour, agent, team, user, workflow, tool)) WITHOUT ROWID;" BOOK_SCHEMA_2 BOOK_SCHEMA_3 \
	"PRAGMA application_id = 1464159570;" /* WEIR */

#define SUM(column) #column " = plus(" #column ", excluded." #column ")"

/* clang-format off */
static const char *const book_sql_texts[SQL_N] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_PLACES] = "SELECT worker, segment, offset, hash, head FROM places ORDER BY worker",
	[SQL_PLACE] = "INSERT OR REPLACE INTO places VALUES(?, ?, ?, ?, ?)",
	[SQL_CALL] = "INSERT OR IGNORE INTO calls VALUES(?, ?, ?, ?, ?, ?)",
	[SQL_CALL_SETTLED] = "UPDATE calls SET cost = plus(cost, ?2), tokens = plus(tokens, ?3), "
		"estimated = max(estimated, ?4) WHERE request_id = ?1",
	[SQL_CALL_OF] = "SELECT denied FROM calls WHERE request_id = ?",
	[SQL_CALL_OVER] = "DELETE FROM calls WHERE request_id = ?",
	[SQL_CALLS] = "SELECT record, denied, estimated, cost, tokens FROM calls",
	[SQL_HELD] = "INSERT OR IGNORE INTO held VALUES(?, ?, ?, 0, 0, 0, ?)",
	[SQL_HELD_OF] = "SELECT record, charged, cost, tokens FROM held WHERE id = ?",
	[SQL_HELD_OVER] = "DELETE FROM held WHERE id = ?",
	[SQL_HELD_CHARGED] = "UPDATE held SET charged = 1, cost = ?2, tokens = ?3 WHERE id = ?1",
	[SQL_HELD_ALL] = "SELECT record FROM held WHERE NOT charged",
	[SQL_COUNTER] = "INSERT INTO counters VALUES(?, ?, ?, ?, max(?, 0), max(?, 0)) ON CONFLICT DO UPDATE "
		"SET ends = max(ends, excluded.ends), cost = max(plus(cost, ?5), 0), tokens = max(plus(tokens, ?6), 0)",
	[SQL_COUNTERS] = "SELECT grp, name, window, ends, cost, tokens FROM counters WHERE ends > ? "
		"AND (cost OR tokens)",
	[SQL_LEDGER] = "INSERT INTO ledger VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO "
		"UPDATE SET " SUM(calls) ", " SUM(refused) ", " SUM(tokens_input) ", " SUM(tokens_cached) ", "
		SUM(tokens_output) ", " SUM(tokens_reasoning) ", " SUM(tokens_total) ", " SUM(cost) ", " SUM(estimated),
	[SQL_TOOL] = "INSERT INTO tools VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
		SUM(calls) ", " SUM(denied) ", " SUM(cost),
	[SQL_OLD_COUNTERS] = "DELETE FROM counters WHERE ends <= ?",
	[SQL_OLD_HELD] = "DELETE FROM held WHERE charged AND expires <= ?",
	[SQL_KEPT] = "INSERT INTO kept VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = ?4, "
		"state = ?5, id = ?6, mark = ?7, until = ?8, ends = ?9, parts = ?10 WHERE version < ?4",
	[SQL_KEPT_PART] = "INSERT OR REPLACE INTO kept_parts VALUES(?, ?, ?, ?, ?, ?)",
	[SQL_KEPT_PARTS_OVER] = "DELETE FROM kept_parts WHERE type = ?1 AND grp = ?2 AND name = ?3 AND version < "
		"(SELECT version FROM kept WHERE type = ?1 AND grp = ?2 AND name = ?3)",
	[SQL_KEPT_ALL] = "SELECT type, grp, name, version, state, id, mark, until, ends, parts FROM kept "
		"WHERE ends > ? AND state != ? ORDER BY version",
	[SQL_KEPT_BYTES] = "SELECT bytes FROM kept_parts WHERE type = ? AND grp = ? AND name = ? AND version = ? "
		"ORDER BY part",
	[SQL_OLD_KEPT] = "DELETE FROM kept WHERE ends <= ?",
	[SQL_LOST_PARTS] = "DELETE FROM kept_parts WHERE NOT EXISTS (SELECT 1 FROM kept WHERE kept.type = "
		"kept_parts.type AND kept.grp = kept_parts.grp AND kept.name = kept_parts.name)",
};
/* clang-format on */
