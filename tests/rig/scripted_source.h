/* SPDX-License-Identifier: Apache-2.0 */
/* scripted_source: an answer that comes when the test says so. It lends what it reports until the
 * end of the turn and then overwrites it, as a read buffer would be; and it notes what the exchange
 * asks of it. */
#pragma once
#include "weir/exchange.h"

#define SCRIPTED_LENT_MAX (256u << 10)

struct scripted_source {
	struct source source;
	struct head head;
	unsigned pauses;   /* reasons that hold */
	unsigned n_pauses; /* how often a reason was set */
	unsigned n_closed; /* must never pass 1 */
	void (*resumed)(struct scripted_source
	                *s); /* called when the last reason went; may report at once */
	size_t used;
	char lent[SCRIPTED_LENT_MAX];
};

void scripted_source_init(struct scripted_source *s);
void scripted_source_finish(struct scripted_source *s);
void scripted_source_open(struct scripted_source *s, struct exchange *x); /* becomes x's source */
/* Each reports, unless the exchange has closed the source: then false. */
bool scripted_source_head(struct scripted_source *s, unsigned status, const char *content_type);
bool scripted_source_header(
        struct scripted_source *s, const char *name, const char *value); /* before the head */
bool scripted_source_data(struct scripted_source *s, struct slice data);
bool scripted_source_end(struct scripted_source *s);
bool scripted_source_fault(struct scripted_source *s, enum fault why, const char *note);
void scripted_source_turn_end(struct scripted_source *s); /* what was lent is gone */
