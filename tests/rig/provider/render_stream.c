/* SPDX-License-Identifier: Apache-2.0 */
/* render_stream: server-sent events as scripts want them: line ends, waits, comments, the last
 * word. */
#include "answer.h"

static struct text line_end(const struct ask *ask)
{
	return script_says(ask->script, "eol", "crlf") ? TEXT("\r\n")
	       : script_says(ask->script, "eol", "cr") ? TEXT("\r")
	                                               : TEXT("\n");
}

void stream_head(struct answer *a)
{
	a->stream = true;
	bytes_text(&a->headers,
	        "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n");
}

void event_begin(struct answer *a)
{
	bytes_text(&a->body, "data: ");
}

void event_end(struct answer *a, const struct ask *ask)
{
	struct text end = line_end(ask);
	int64_t wait = script_int(ask->script, "event_delay_us", 0) +
	               script_int(ask->script, "event_delay_ms", 0) * 1000;
	bytes_add(&a->body, end.at, end.n);
	bytes_add(&a->body, end.at, end.n);
	if (script_true(ask->script, "comments", false)) {
		bytes_text(&a->body, ": still here");
		bytes_add(&a->body, end.at, end.n);
		bytes_add(&a->body, end.at, end.n);
	}
	answer_piece(a, a->n_pieces ? (uint32_t)wait : 0);
}

void stream_done(struct answer *a, const struct ask *ask)
{
	if (!script_true(ask->script, "done", true))
		return;
	event_begin(a);
	bytes_text(&a->body, "[DONE]");
	event_end(a, ask);
}

size_t delta_length(struct text left, size_t n)
{
	if (n >= left.n)
		return left.n;
	while (n < left.n && ((unsigned char)left.at[n] & 0xc0) == 0x80)
		n++;
	return n;
}
