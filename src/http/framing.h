/* SPDX-License-Identifier: Apache-2.0 */
/* framing: where a message's content ends, decided from the collected header list and from nothing
 * else, together with every other rule that one connection's two ends must agree on: Host,
 * Connection, Expect, Upgrade, persistence. What two readers could take differently is refused,
 * never repaired (RFC 9112 6.3, 11.2). */
#pragma once
#include "weir/fault.h"
#include "weir/head.h"

/* Judges a request's fields and fills framing, length, keep_alive, expects_continue. method, minor
 * and headers must be there. FAULT_NONE, or what to answer before the connection is closed;
 * ret_note is then one sentence (static). */
enum fault framing_of_request(struct head *h, const char **ret_note);
/* The same of an answer to a request with the method asked; status, minor and headers must be
 * there. An answer without content (to HEAD, 204, 304, 1xx) has FRAMING_NONE and keeps its
 * Content-Length field. */
enum fault framing_of_answer(struct head *h, enum method asked, const char **ret_note);
/* Takes out what is between two neighbours only: Connection and what it names, and the fields that
 * RFC 9110 7.6.1 lists, and Expect, which has become expects_continue. */
void head_strip_hop_by_hop(struct head *h);
