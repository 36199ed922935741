/* SPDX-License-Identifier: Apache-2.0 */
/* control: what the control thread does while workers work: signals, file changes, draining, the command's end. */
#pragma once
#include "app/server.h"

/* Blocks the signals that control handles, for this thread and those it makes. Before any thread. */
void control_block_signals(void);
/* Runs until Weir is to end. child: the command of `run -- COMMAND`, or 0. Returns the exit status. */
int control_run(struct server *s, int child);
