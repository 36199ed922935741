/* SPDX-License-Identifier: Apache-2.0 */
/* sink: lines on their way to a file descriptor, written by a thread of its own, so that a full pipe never stops a
 * worker. Bounded: what does not fit is dropped whole and counted. */
#pragma once
#include <stdatomic.h>
#include "base/buf.h"

struct sink;
/* fd is borrowed. room: bytes that may wait (lines beyond are dropped). NULL: no memory or no thread. */
struct sink *sink_new(int fd, size_t room);
void sink_free(struct sink *s); /* writes what waits, for at most one second; then ends the thread */
/* Hands over whole lines (each ends in a newline); n_lines is what is counted if they must be dropped. Empties lines.
 * Wakes the thread at most once in 20 ms, and when 64 KiB wait. */
void sink_put(struct sink *s, struct buf *lines, unsigned n_lines);
void sink_drop(struct sink *s, unsigned n_lines); /* counts lines that got lost on their way here */
uint64_t sink_dropped(const struct sink *s);
