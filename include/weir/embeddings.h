/* SPDX-License-Identifier: Apache-2.0 */
/* embeddings: a call for embeddings item by item: which ones it asks for and which ones its answer holds, so that each can be
 * kept, left out and put back by itself. Everything is a place in the original bytes: what nobody touches stays as it was. */
#pragma once
#include "base/buf.h"
#include "weir/edit.h"

struct complaint;
struct request_facts;
struct token_counter;

#define EMBEDDING_ITEMS_MAX 2048u /* of one call; providers take no more */

struct embedding_input {
	struct span *items; /* in the arena: each as written, a text or a list of tokens */
	uint32_t *weights;  /* in the arena: tokens that each has at most */
	unsigned n;
	struct span place;  /* of all of them: the list with its brackets, or the only item */
};

struct embedding {
	struct slice bytes;  /* all that the provider wrote of one item */
	struct span number;  /* in them: which item of its call it is */
};

struct embedding_answer {
	struct embedding *items; /* in the arena, in the order in which they were asked for */
	unsigned n;
	struct span list;        /* in the document: from the first item to the end of the last one */
	struct slice model;      /* as written, with its quotes; empty: none was said */
};

/* What an answer says was used. */
struct embedding_usage {
	uint64_t prompt, total;
	bool known;
};

struct embedding_ops {
	/* body is one that read_request has read. 0, -ENOMEM, -ENOTSUP: its input is no list of items that can be told apart. */
	int (*read_input)(struct slice body, struct arena *arena, struct embedding_input *ret);
	/* What is left of the facts without some of its items; t, unless NULL, is counted anew. 0 or -ENOMEM. */
	int (*weigh_input)(struct slice body, const bool *left_out, struct request_facts *facts, struct token_counter *t);
	/* At least one item stays. 0 or -ENOMEM. */
	int (*edit_input)(const struct embedding_input *in, const bool *left_out, struct edits *edits);
	/* n: so many were asked for. 0, -ENOMEM, -EPROTO: it does not hold each of them once; why says how. */
	int (*read_answer)(struct slice text, unsigned n, struct arena *arena, struct embedding_answer *ret, struct complaint *why);
	/* An answer without its items, in the arena; ret_list: where they go. model: as written. at == NULL: no memory. */
	struct slice (*empty_answer)(
		struct slice model, const struct embedding_usage *used, struct arena *arena, struct span *ret_list);
};

/* The item as the one with this number. 0, -ENOMEM, -ENOBUFS. */
int embedding_put(struct buf *b, const struct embedding *item, unsigned number);

extern const struct embedding_ops openai_embeddings;
