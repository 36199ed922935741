/* SPDX-License-Identifier: Apache-2.0 */
/* h1_collect: bytes become one head. llhttp walks over them where they lie, and they are copied
 * once, into head.block; until the head is whole its slices hold offsets. llhttp decides about
 * syntax only: limits, versions, methods, names and all that follows from fields are judged here
 * and in framing. */
#pragma once
#include <llhttp.h>
#include "http/h1_limits.h"
#include "weir/fault.h"
#include "weir/head.h"

struct h1_collect {
	llhttp_t parser;
	const struct h1_limits *limits; /* borrowed */
	struct head *head;              /* borrowed */
	struct header *field;           /* borrowed: the one that is being read; NULL: none yet */
	uintptr_t shift;                /* from the input that is walked over to places in block */
	size_t fields_at;               /* where the first field begins; 0: not there yet */
	enum fault fault;               /* why it stopped, FAULT_NONE while it goes on */
	const char *note;               /* static */
	bool answers;                   /* it reads answers, not requests */
};

/* Ready for a head; what it holds already is forgotten. Nothing has to be finished. */
void h1_collect_start(
        struct h1_collect *c, struct head *head, bool answers, const struct h1_limits *limits);
/* Returns how many bytes it took. *ret_whole: the head is complete and judged but for framing;
 * c->fault says if it is to be refused. */
size_t h1_collect_feed(struct h1_collect *c, struct slice in, bool *ret_whole);
