/* SPDX-License-Identifier: Apache-2.0 */
/* embeddings: a call for embeddings and the cache, item by item. What is known is left out of the request; the answer is put
 * together from what is known and what came, as if upstream had been asked for all. What came is kept when the call ends. */
#pragma once
#include "store/cache.h"
#include "weir/embeddings.h"
#include "weir/exchange.h"

#define EMBEDDING_MODEL_MAX 512 /* bytes of its name as written */
#define EMBEDDING_TYPE_MAX (sizeof(struct span) + EMBEDDING_MODEL_MAX)

struct embedding_item {
	uint8_t key[CACHE_KEY_LEN];
	struct cache_entry *known;     /* counted; NULL: it is to be asked for */
	struct embedding_item *same;   /* an earlier one that is the same, and is asked for in its place */
	unsigned asked;                /* among those that upstream is asked for */
};

struct embeddings { /* in the exchange's arena */
	struct embedding_input input;
	struct embedding_item *items;
	bool *left_out;                /* an item each: upstream is not asked for it */
	unsigned n_asked;
	bool settled;                  /* n_asked stands */
	uint8_t rest[CACHE_KEY_LEN];   /* the key of all but its items: calls that share it differ in nothing else */
	bool given;                    /* the answer that comes was put together for this call already */
	bool shared;                   /* and its call paid by several: */
	nanousd cost;                  /* what this one bears of it */
	bool keeps;                    /* what upstream answers may be stored */
	struct embedding_answer answer; /* of upstream; n == 0: it could not be read */
	struct buf came;               /* owned: what that is in, once the answer was put together */
};

/* Asks the cache for each item, once the model is known. apply: what it has answers; else that is only noted. */
void embeddings_look(struct call *c, bool apply);
/* What the cache of this process has meanwhile is known too, and what is asked for stands: once, where others have been asked
 * for items (shared_items.h). */
void embeddings_look_again(struct call *c);
/* The type of an item's entry: where the item says its number, then the model, if its name is not too long. Its length. */
size_t embeddings_type(char to[EMBEDDING_TYPE_MAX], struct span number, struct slice model);
/* Takes out of the request what is known. 0 or -ENOMEM. */
int embeddings_edit(const struct call *c, struct edits *edits);
/* Puts the answer together, once all of upstream's has arrived. FAULT_NONE, or why the agent cannot have it: what has arrived
 * is then as it came, since it still says what was used. */
enum fault embeddings_join(struct exchange *x);
/* Makes what is known the source of x's answer. 0 or a negative errno. */
int embeddings_reach(struct exchange *x);
/* One item as it came, kept in the cache as far as that has room. *ret is the caller's to unref; ret may be NULL.
 * 0 or -ENOMEM. */
int embeddings_keep(const struct exchange *x, const uint8_t key[CACHE_KEY_LEN], const struct embedding *got, struct slice model,
	struct cache_entry **ret);
/* x's source is about to give the whole document, made once every item is known; for_nothing: x has had nothing asked for. */
void embeddings_give(struct exchange *x, bool for_nothing);
/* That document, appended to `to`. model: as written; empty: as the call named it. 0, -ENOMEM, -ENOBUFS. */
int embeddings_document(struct exchange *x, struct slice model, const struct embedding_usage *used, struct buf *to);
/* Keeps what came, if the call has ended well. Once, when it ends. */
void embeddings_end(struct call *c);
