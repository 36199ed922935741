/* SPDX-License-Identifier: Apache-2.0 */
/* answer: what is said to one request, before it is framed: status, headers, content in pieces, and
 * the ledger's facts about it. render_* write it; play.h turns it into octets, waits and faults. */
#pragma once
#include "request.h"
#include "script.h"

/* What a request asks for. All borrowed. */
struct ask {
	const struct script *script;
	const struct json *body; /* NULL: none, or not read because nothing depends on it */
	struct text path, model, credential;
	uint64_t id;            /* in the ledger, and in the answer's own id */
	uint64_t prompt_tokens; /* unless the script says otherwise */
	bool stream, include_usage;
};

struct piece {
	size_t end;       /* in body */
	uint32_t wait_us; /* before it is sent */
};

struct answer {
	unsigned status;
	struct bytes headers; /* lines, each with its CRLF */
	struct bytes body;
	struct piece *pieces; /* owned */
	unsigned n_pieces, cap_pieces;
	bool stream;
	struct bytes usage;  /* JSON, or empty */
	struct bytes called; /* tools called: JSON strings with commas between */
	size_t usage_end;    /* content up to here holds the usage; 0: never said */
};

void answer_piece(struct answer *a,
        uint32_t wait_us); /* what was added to body since the last is one piece */
void answer_finish(struct answer *a);

void render(struct answer *a, const struct ask *ask);

/* Between the render files. */
void render_error(struct answer *a, const struct ask *ask, unsigned status);
void render_chat(struct answer *a, const struct ask *ask);
void render_text_completion(struct answer *a, const struct ask *ask);
void render_usage(struct answer *a, const struct ask *ask, uint64_t completion_tokens);
struct text render_default_text(const struct ask *ask); /* what the model says */
/* Streams. */
void event_begin(struct answer *a);
void event_end(struct answer *a, const struct ask *ask);
void stream_done(struct answer *a, const struct ask *ask);
void stream_head(struct answer *a);
/* Length of the text's next delta: n octets, and then to the end of a character. */
size_t delta_length(struct text left, size_t n);
