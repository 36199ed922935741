/* SPDX-License-Identifier: Apache-2.0 */
/* plain_dialect: the smallest API that has everything an answer's way needs, so that chain and
 * relay can be tested apart from any real one.
 *
 * A request is words: the model, then "tools=a,b", "choose=a", "require", "whole" (no stream is
 * wanted), "user=u"; "bad" makes it unreadable. An answer is text of one channel, with markers in
 * it: !name! is a call of a tool, |bytes| what no policy reads, ~12,34~ the tokens in and out, and
 * ^ makes it malformed. A marker may be cut anywhere. */
#pragma once
#include "weir/dialect.h"

extern const struct dialect_ops dialect_plain;
