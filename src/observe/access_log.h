/* SPDX-License-Identifier: Apache-2.0 */
/* access_log: one line a call, as JSON or for people, gathered in memory over a turn and handed to the sink at its end. */
#pragma once
#include "base/sink.h"
#include "weir/record.h"

struct access_log;
struct access_log *access_log_new(struct sink *sink, bool text); /* sink is borrowed. NULL: no memory */
void access_log_free(struct access_log *l);
struct observer *access_log_observer(struct access_log *l); /* the log's own */
void access_log_flush(struct access_log *l); /* on the worker's thread, at a turn's end */
