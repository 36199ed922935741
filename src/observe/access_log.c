/* SPDX-License-Identifier: Apache-2.0 */
/* access_log: the observer and its buffer. A line that finds no memory is dropped whole and counted
 * by the sink. */
#include "observe/access_log.h"
#include "base/list.h"
#include "base/mem.h"
#include "observe/access_log_line.h"

#define FLUSH_AT (64u * 1024)   /* bytes that are not kept for the turn's end */
#define LINES_MAX (512u * 1024) /* FLUSH_AT and the longest line that its ceilings allow */

struct access_log {
	struct observer observer;
	struct sink *sink; /* borrowed */
	struct buf lines;  /* owned */
	unsigned n_lines;
	bool text;
	struct line_time time;
};

static void access_log_call_ended(struct observer *o, const struct record *r)
{
	struct access_log *log = container_of(o, struct access_log, observer);
	struct line l;

	line_begin(&l, &log->lines);
	if (log->text)
		line_as_text(&l, &log->time, r);
	else
		line_as_json(&l, &log->time, r);
	line_put_literal(&l, "\n");
	if (line_end(&l) < 0) {
		sink_drop(log->sink, 1);
		return;
	}
	log->n_lines++;
	if (buf_len(&log->lines) >= FLUSH_AT)
		access_log_flush(log);
}

struct access_log *access_log_new(struct sink *sink, bool text)
{
	struct access_log *l = mem_zalloc(sizeof(*l));

	if (!l)
		return NULL;
	l->observer = (struct observer){.name = "log", .call_ended = access_log_call_ended};
	l->sink = sink;
	l->text = text;
	buf_init(&l->lines, LINES_MAX);
	return l;
}

void access_log_free(struct access_log *l)
{
	if (!l)
		return;
	access_log_flush(l);
	buf_finish(&l->lines);
	mem_free(l);
}

struct observer *access_log_observer(struct access_log *l)
{
	return &l->observer;
}

void access_log_flush(struct access_log *l)
{
	if (!buf_len(&l->lines))
		return;
	sink_put(l->sink, &l->lines, l->n_lines);
	l->n_lines = 0;
}
