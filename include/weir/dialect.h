/* SPDX-License-Identifier: Apache-2.0 */
/* dialect: what the bytes of one API mean. Pure: no I/O, no clock, no policy. It reads a request into facts that policies
 * judge, writes their verdicts back as edits, and cuts answers into parts. */
#pragma once
#include "base/buf.h"
#include "base/money.h"
#include "price/usage.h"
#include "weir/head.h"
#include "weir/lap.h"
#include "weir/tokens.h"

enum action {
	ACTION_NONE,
	ACTION_CHAT, ACTION_COMPLETION, ACTION_EMBEDDING, ACTION_MODERATION, /* go upstream, to a model */
	ACTION_TOOL,                                                       /* to a tool */
	ACTION_MODELS, ACTION_MODEL,                                       /* answered here */
	ACTION_ME, ACTION_CALL_STATUS, ACTION_BUDGET,
};

/* How a tool is asked over HTTP: its path in pieces, the first of which begins with a slash. A name stands for the argument of
 * that name. */
struct tool_piece {
	struct slice text;
	bool is_name;
};
struct tool_form {
	enum method method;
	const struct tool_piece *path; /* borrowed */
	unsigned n_path;
};

/* Of ACTION_TOOL. */
struct tool_asked {
	struct slice name;        /* as the path has it; static or as long as the exchange */
	struct slice target;      /* upstream, behind its base path: path and query */
	const struct edit *cuts;  /* what of the body stands there instead */
	unsigned n_cuts;
	bool bodiless;            /* all of it does */
};

/* What a request asks for. Slices live in the arena given to read_request or in the body. */
struct request_facts {
	enum action action;
	struct slice model;        /* as asked for, unescaped; ACTION_MODEL, ACTION_CALL_STATUS: the id in the path */
	struct span model_place;   /* its string token in the body, quotes included; empty when there is none */
	bool stream;
	bool usage_asked;          /* the caller itself asked for usage in the stream */
	bool options_given;        /* the body says something about the stream, so usage is asked for there */
	bool json_answer;          /* the answer's text must be JSON: refusals go where they do not break it */
	uint64_t max_output;       /* 0: the caller set no bound */
	struct span output_place;  /* the number that says so; empty when there is none */
	bool output_is_legacy;     /* it is a max_tokens */
	bool output_is_null;       /* a field for it is there and says null */
	uint64_t n;                /* answers wanted, 1 by default */
	struct tool_decl *tools;
	unsigned n_tools;
	enum tool_choice choice;
	struct slice *chosen;      /* CHOICE_NAMED: the names, also of an allowed_tools list */
	unsigned n_chosen;
	bool choice_is_required;   /* CHOICE_NAMED: one of them must be called (false: allowed_tools with mode auto) */
	struct slice user;         /* claimed in the body */
	uint64_t text_bytes;       /* unescaped text that a model may read, tools with all their braces: for bounds and estimates */
	uint32_t n_messages, n_texts; /* n_texts: in input and prompt */
	bool has_media;            /* images, audio, files or state held at the provider: text_bytes says too little */
	bool has_audio, wants_audio; /* of these, audio: few prices have a word about it */
	bool wants_media;          /* the answer may hold audio or images, which cost more than text */
	struct slice service_tier; /* that the caller asks for; empty: none */
	struct tool_asked tool;    /* ACTION_TOOL; all but its name once it is known how that tool is asked */
	uint64_t predicted_bytes;  /* of an answer that the caller predicts: what is not taken over is billed as written */
};

/* What is to be different upstream. */
struct edit_wishes {
	struct slice upstream_model; /* its name there; at == NULL: as asked */
	bool want_usage;             /* a stream must tell its usage */
	uint64_t output_bound;       /* tokens that one answer may have at most; 0: as asked */
	struct slice output_field;   /* that bound's name there; empty: the API's own */
};

/* Tokens that its input has at most, window at most (0: not known). UINT64_MAX: nothing bounds it. */
uint64_t request_input_bound(const struct request_facts *f, uint64_t window);
/* Of its text alone. */
uint64_t request_text_bound(const struct request_facts *f);
/* About how many tokens it has. t: what read_request was given. */
uint64_t request_input_estimate(const struct request_facts *f, const struct token_counter *t, enum token_family family);

/* Why a request could not be read: one sentence that names the JSON pointer or field. */
struct complaint {
	enum fault fault;
	char text[240];
	char param[80]; /* the field, "" when none */
};

/* Nothing said yet. The rest of the texts stays as it was: they are too large to be filled at each call. */
static inline void complaint_init(struct complaint *c, enum fault fault)
{
	c->fault = fault;
	c->text[0] = c->param[0] = '\0';
}

/* What Weir answers when it says no; each API has its own shape for it. */
struct refusal {
	enum fault fault;
	struct slice sentence;      /* what happened and what to do; never empty */
	struct slice param;         /* the field at fault; empty: null */
	uint64_t retry_after_ms;    /* 0: unknown */
	bool no_retry;              /* x-should-retry: false */
};

struct dialect_ops;
struct embedding_ops;

/* An answer while it is read. */
struct answer {
	const struct dialect_ops *dialect;
	const struct request_facts *facts; /* borrowed */
	struct arena *arena;      /* borrowed: lives as long as the exchange */
	bool stream;              /* server-sent events; else one JSON document */
	bool want_text;           /* some policy reads text: the reader must give PART_TEXT; else only calls are cut out */
	struct token_counter *tokens; /* borrowed: is given the text that comes; NULL: nobody asks */
	bool include_cost;        /* the caller wants a "weir" member in the usage event */
	const struct usage_rules *usage_rules; /* how this provider counts; never NULL */
	unsigned status;          /* of the upstream's answer; 4xx and 5xx bodies are passed on unread */
	/* found while reading */
	struct usage usage;       /* usage.known once the provider said it */
	struct slice model;       /* that really answered; in arena */
	struct slice service_tier;
	uint64_t text_bytes;      /* unescaped text that came, for estimates */
	uint64_t usage_at;        /* how much of it had come when a stream last said what was used */
	bool complete;            /* the API's own end was seen (finish, [DONE], a whole document) */
	bool closed;              /* that end was the last one there is: [DONE], or a whole document */
	bool cut_short;           /* it ended for another reason than that all was said: length, a filter, calls, an error */
	unsigned n_stopped;       /* choices that ended because all was said */
	unsigned calls_denied, calls_released;
	/* filled by the exchange before rendering */
	bool cost_known;
	nanousd cost;
	void *state;              /* the dialect's own, answer_size bytes, zeroed */
};

struct dialect_ops {
	const char *name;        /* the log's dialect: "openai" */
	size_t answer_size;
	/* Strict reading. body is borrowed for the whole exchange. tokens: is given the text that a model reads; NULL: nobody
	 * asks. 0, -ENOMEM, or -EPROTO with why filled. */
	int (*read_request)(enum action action, struct slice body, struct arena *arena,
		struct token_counter *tokens, struct request_facts *ret, struct complaint *why);
	/* Turns verdicts into edits: tools that were removed (and what goes with them), and the wishes. 0, -ENOMEM, -EPROTO. */
	int (*edit_request)(const struct request_facts *facts, struct slice body, const struct edit_wishes *wishes,
		struct edits *edits);
	/* The refusal as this API's JSON error. request_id: of this exchange. 0, -ENOMEM, -ENOBUFS. */
	int (*write_refusal)(const struct refusal *r, struct slice request_id, struct buf *out);
	struct slice refusal_type; /* its content type; empty: application/json */
	/* Whether a call that must be made (choice) has lost its tools, and the like: pure questions for the tools policy live
	 * in facts; nothing else is asked. */

	/* answers; all return 0, -ENOMEM, or -EPROTO: the provider's answer is malformed, why says how */
	int (*answer_open)(struct answer *a);
	/* in is lent until the lap is rendered (unary: the whole document at once, last = true). last: nothing follows. */
	int (*answer_feed)(struct answer *a, struct slice in, bool last, struct lap *lap, struct complaint *why);
	int (*answer_render)(struct answer *a, struct lap *lap);
	/* Ends a stream that cannot go on, well-formed: r->fault with blame UPSTREAM is the API's error event; others end it
	 * regularly with a "weir" member. Writes to lap->out. -EPROTO: nothing can be said in it any more, so it is broken off. */
	int (*answer_cut)(struct answer *a, const struct refusal *r, struct lap *lap);
	void (*answer_close)(struct answer *a); /* frees what state owns */
	const struct embedding_ops *embeddings; /* weir/embeddings.h; NULL: they cannot be told apart */
};

struct route {
	const struct dialect_ops *dialect;
	enum action action;
	struct slice id;       /* the last segment, where the path has one */
	bool known;            /* the path exists; with action NONE the method is wrong */
	const char *allow;     /* then: the methods it takes */
};

/* What a canonical path means. */
struct route dialect_route(enum method method, struct slice path);

extern const struct dialect_ops dialect_openai, dialect_tool;

/* Puts the arguments of a call where the tool's form wants them: into the path, then into the query (GET, DELETE) or what is
 * left of the body. body: what read_request has taken. Fills all of *ret but its name, in the arena. 0, -ENOMEM, -EPROTO
 * with why filled: they cannot be put there. */
int tool_place(const struct tool_form *form, struct slice body, struct arena *arena, struct tool_asked *ret,
	struct complaint *why);

/* What GET /v1/models shows. */
struct model_entry {
	struct slice id, owner;
};
int openai_write_models(const struct model_entry *models, unsigned n, struct buf *out);
int openai_write_model(const struct model_entry *model, struct buf *out);
