/* SPDX-License-Identifier: Apache-2.0 */
/* link: one connection to a server. Commands leave in the order in which they were put, all of a
 * turn in one write, and their answers come back in that order. An answer that does not come in
 * time is dropped when it comes; until then the link is doubtful, and nobody should put anything on
 * it. It lives once: when it has failed, a new one is made. */
#pragma once
#include "net/dial.h"
#include "store/redis/ask.h"
#include "store/redis/info.h"

#define LINK_ENTRIES 1024u             /* commands without an answer */
#define LINK_OUT_MAX (16u << 20)       /* bytes that wait to be sent */
#define LINK_CONNECT (250 * NS_PER_MS) /* look-up, TCP, TLS and greeting together */
#define LINK_PATIENCE (1 * NS_PER_S)   /* so long a link may be doubtful */
#define LINK_NOTE 256
#define LINK_WAIT_MS 20 /* replicas may take that long */

/* Where it leads and how it begins; all of it is borrowed as long as the link. */
struct redis_place {
	struct dial_target target;   /* connect_ns: LINK_CONNECT when 0 */
	struct slice user, password; /* empty password: no AUTH */
	unsigned db;
	struct slice name; /* for CLIENT SETNAME; empty: none */
	bool is_sentinel;  /* knows no scripts and stores nothing */
	bool any_role;     /* a replica will do */
	unsigned replicas; /* so many must have a write before its ask is answered */
};

struct redis_link_events {
	void (*ready)(void *owner, struct redis_link *l);   /* greeted: info says by whom */
	void (*heard)(void *owner, struct redis_link *l);   /* an answer came in time */
	void (*doubted)(void *owner, struct redis_link *l); /* one did not: doubtful from now on */
	void (*settled)(void *owner, struct redis_link *l); /* all that were missing have come */
	/* It is over and must be forgotten. error and l->note say why. Its asks have ended. */
	void (*closed)(void *owner, struct redis_link *l, int error);
	/* What a server says without being asked; NULL: that is a failure. */
	void (*push)(void *owner, struct redis_link *l, const struct redis_reply *reply);
};

enum link_state { LINK_DIALLING, LINK_GREETING, LINK_READY, LINK_CLOSED };
enum link_greeting { GREET_AUTH, GREET_SELECT, GREET_INFO, GREETINGS };

struct link_entry;
struct redis_link {
	struct reapable reapable;
	struct dialler *dialler;                /* borrowed */
	const struct redis_place *place;        /* borrowed */
	const struct redis_link_events *events; /* borrowed; NULL once closed by its owner */
	void *owner;                            /* borrowed */
	struct wire *wire;                      /* owned; NULL before and after */
	struct dial dial;
	struct ticket dialled;
	struct ticket
	        waits; /* rings before the turn ends: WAIT is put behind what was asked in it */
	struct dial_target target;
	struct reply_reader reader;
	struct link_entry *entries; /* owned: LINK_ENTRIES, a ring */
	uint32_t first, next;       /* entries[first .. next) are without an answer */
	uint32_t missing;           /* of them, those whose ask ran out of time */
	struct list held;           /* asks that were answered and wait for replicas */
	struct deadline patience;   /* with the greeting, and while doubtful */
	struct redis_ask greet[GREETINGS];
	struct slice greet_words[GREETINGS][3];
	struct redis_info info;
	enum link_state state;
	bool doubtful;
	char note[LINK_NOTE];
};

/* Begins to dial. 0 or -ENOMEM; ready or closed follows. */
int link_new(struct dialler *by, const struct redis_place *place,
        const struct redis_link_events *events, void *owner, struct redis_link **ret_link);
/* The owner hears nothing any more and forgets l; asks that are on it are forgotten too: they are
 * ended by their deadlines. */
void link_close(struct redis_link *l);

/* Only on a link that is ready. The ask has begun; its answer function hears how it ends. 0,
 * -ENOBUFS (too much waits), -ENOMEM, -EMSGSIZE. */
int link_put(struct redis_link *l, struct redis_ask *a);
/* A command whose answer nobody wants. The same errors. */
int link_tell(struct redis_link *l, const struct slice *args, unsigned n);
/* For ask.c. Whoever asked wants no answer any more. */
void link_forget(struct redis_link *l, struct redis_ask *a);
/* Its time is up. True: the link had not been doubtful, and link_tell_doubt is due. */
bool link_miss(struct redis_link *l, struct redis_ask *a);
void link_tell_doubt(struct redis_link *l);

static inline bool link_is_usable(const struct redis_link *l)
{
	return l->state == LINK_READY && !l->doubtful;
}
static inline unsigned link_load(const struct redis_link *l)
{
	return l->next - l->first;
}
