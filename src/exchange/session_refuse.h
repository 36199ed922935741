/* SPDX-License-Identifier: Apache-2.0 */
/* session_refuse: answers that a session gives by itself, without an exchange: the request's head could not be read, or
 * the listener has its answers at hand. */
#pragma once
#include "weir/codec.h"

/* h: status, headers and keep_alive; the framing is added. */
void session_answer(struct codec *c, uint32_t stream, struct head *h, struct slice body);
/* note: one sentence or NULL. The connection is to be closed afterwards. */
void session_refuse(struct codec *c, uint32_t stream, enum fault why, const char *note);
