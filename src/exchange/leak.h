/* SPDX-License-Identifier: Apache-2.0 */
/* leak: an upstream that repeats our credential must not hand it to the agent. */
#pragma once
#include "weir/exchange.h"

/* Whether s holds the credential that x's request was sent with. */
bool leak_is_in(const struct exchange *x, struct slice s);
/* The same for the next piece of a stream, and over the edge to the piece before. Not over the edges of events: what is told in
 * pieces is not the credential before an agent has put it together. 1: it is there, 0: it is not, -ENOMEM. */
int leak_streams(struct exchange *x, struct slice in);
/* Whether a header of an upstream's answer stays here: it concerns browsers, speaks in our name under one that is not known,
 * or holds our credential. */
bool leak_keeps_header(const struct exchange *x, const struct header *h);
