/* SPDX-License-Identifier: Apache-2.0 */
/* openai_answer: what the dialect remembers of one answer, and how its files hand a document to
 * each other. A document is a whole JSON answer, or the data of one event; both hold choices, which
 * hold text, calls and a reason to finish. */
#pragma once
#include "dialect/held.h"
#include "dialect/openai.h"
#include "dialect/openai_pattern.h"
#include "dialect/toolcall.h"
#include "http/sse.h"

#define OPENAI_CHOICES_MAX 128
#define OPENAI_TEXTS_MAX 64 /* of one choice in one document */
#define OPENAI_EVENT_MAX                                                                           \
	(8u << 20) /* bytes of one event: a whole call or an image may be in it                    \
	            */

enum openai_field {
	FIELD_CONTENT,
	FIELD_REFUSAL,
	FIELD_REASONING,
	FIELD_REASONING_CONTENT,
	FIELD_TEXT,
	FIELD_N
};
extern const struct slice openai_fields[FIELD_N];

/* What is known of one choice; in the answer's arena. */
struct openai_choice {
	uint32_t index;
	bool finished;
	bool had_calls;
	bool stopped;       /* it has said so */
	unsigned released;  /* of its calls, once it has finished */
	int64_t last_call;  /* index of the call the last delta was about; -1: none */
	bool said[FIELD_N]; /* some text came on this channel */
	struct text_channel channels[FIELD_N];
};

/* What the usages of an answer told so far. */
struct openai_usage {
	struct usage_raw most;
	uint64_t searches;
	bool prompt, completion; /* told */
	bool told;               /* the last one said something about what was written */
	bool bad;                /* one of them held what is no count, and was passed over */
};

struct openai_answer {
	struct openai_usage usage;
	struct sse sse;
	struct toolcalls calls;
	struct held held;
	struct openai_choice *choices[OPENAI_CHOICES_MAX]; /* in the answer's arena */
	unsigned n_choices, n_finished;
	/* JSON tokens for events that Weir itself writes; in the answer's arena, empty while
	 * unknown */
	struct slice id, created, model;
	bool began;         /* an event was seen */
	bool head_is_known; /* id, created and model are what they will be */
	bool done;          /* [DONE] was seen: nothing counts after it */
	bool failed;        /* the provider said that it cannot go on */
	bool usage_came;    /* in the document in hand, wherever it stands there */
	bool usage_told;    /* and it said something */
	struct openai_pattern pattern;
	struct openai_choice *pattern_choice; /* whose text its hole is */
	enum openai_field pattern_field;
};

/* One choice of a document while it is open. */
struct openai_view {
	const struct json_value *element,
	        *message; /* message: or delta; a completion has neither: the element itself */
	const struct json_value *tool_calls, *function_call, *finish; /* NULL: absent or null */
	struct openai_choice *choice;
};

struct openai_text {
	enum openai_field field;
	const struct json_value *value;
};

/* The closing part of an event or document: the parts since the last such belong to it. */
enum openai_note {
	NOTE_EVENT = 1,
	NOTE_SPLIT = 2, /* calls of choices that go on were taken out and held */
	NOTE_COST = 4,  /* it says what was used, and the caller wants to know what that costs */
	NOTE_AGAIN = 8, /* a choice that had calls says once more that it has finished */
	NOTE_BARE = 16, /* there is no JSON in it: the end of the stream */
};

/* openai_answer.c: the ops, and whole documents */
int openai_answer_open(struct answer *a);
int openai_answer_feed(
        struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why);
int openai_answer_render(struct answer *a, struct lap *lap);
int openai_answer_cut(struct answer *a, const struct refusal *r, struct lap *lap);
void openai_answer_close(struct answer *a);

/* Top members that matter. */
struct openai_top {
	const struct json_value *id, *created, *model; /* NULL: absent */
	const struct json_value *usage, *choices,
	        *error; /* NULL: absent or null; an object, an array */
};

/* Text that came. */
static inline void openai_add_text(struct answer *a, struct slice text)
{
	a->text_bytes += text.len;
	if (a->tokens)
		tokens_feed(a->tokens, text);
}

/* openai_read.c, openai_view.c: documents as facts, choices as parts. All return 0, -ENOMEM, or
 * -EPROTO with why. */
__attribute__((cold)) int openai_malformed(struct complaint *why, const char *what);
/* Also takes usage, model, tier and the head of events into the answer. */
int openai_read_top(struct answer *a, const struct json_doc *doc, struct openai_top *ret,
        struct complaint *why);
static inline const struct json_value *openai_unless_null(const struct json_value *v)
{
	return json_type(v) == JSON_NULL ? NULL : v;
}
int openai_view(struct answer *a, const struct json_value *element, unsigned position,
        struct openai_view *ret, struct complaint *why);
static inline bool openai_has_calls(const struct openai_view *v)
{
	return v->tool_calls || v->function_call;
}
/* Every text of a choice that is not empty. */
int openai_texts(const struct openai_view *v, struct openai_text ret[OPENAI_TEXTS_MAX],
        unsigned *ret_n, struct complaint *why);
/* Counts the texts, and gives them as parts where text is wanted. */
int openai_add_texts(struct answer *a, const struct json_doc *doc, const struct openai_view *v,
        struct lap *lap, struct complaint *why);
int openai_add_text_ends(struct openai_choice *c, struct lap *lap);

/* openai_usage.c: one usage, of which an answer may have several, also in different places: of each
 * number the largest counts. 0, or -EPROTO with why. */
int openai_read_usage(struct answer *a, const struct json_value *usage, struct complaint *why);

/* openai_calls.c: the calls of a choice */
int openai_feed_calls(struct answer *a, const struct openai_view *v, struct complaint *why);
/* The call that an entry of tool_calls is about, NULL: none yet. last: index of the walk's last, -1
 * at its start. */
struct assembling *openai_call_of(struct openai_answer *s, const struct openai_view *v,
        const struct json_value *entry, unsigned position, bool stream, int64_t last);
const struct json_value *openai_call_name(
        const struct json_value *entry); /* its token, NULL: none */
/* A part a call; its note is 1 for a function_call. */
int openai_add_calls(struct answer *a, struct openai_choice *c, struct lap *lap);

/* openai_stream.c */
int openai_stream_feed(
        struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why);

/* openai_render.c: the group [first, closing] of parts, back into bytes */
int openai_render_group(struct answer *a, struct lap *lap, unsigned first, unsigned closing);

/* openai_write.c: events of our own */
int openai_write_text(struct answer *a, struct lap *lap, uint32_t choice, enum openai_field field,
        struct slice text);
/* The event that the edited document is: one data line and a blank one, in the arena. 0, -ENOMEM,
 * -EINVAL. */
int openai_event_text(struct edits *edits, struct slice json, struct slice *ret);
/* The JSON of an event that was read before, as one line. at == NULL: no memory. */
struct slice openai_event_json(struct arena *arena, struct slice event);
