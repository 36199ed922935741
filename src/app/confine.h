/* SPDX-License-Identifier: Apache-2.0 */
/* confine: applies the sandbox to this program: which folders it writes in, in which order, and what is said of it. */
#pragma once
#include <stdbool.h>

struct conf;
struct state;

/* What holds, for the log. */
struct confinement {
	int landlock; /* the kernel's version of it; 0: none; a negative errno: why not */
	int seccomp;  /* 0: in force; a negative errno: why not */
};

/* Before the first thread and the first loop: from here on files are written only in the state folder and where the policy's
 * unix sockets are, and system calls are few. Not for a Weir that starts a command, which would inherit both. */
void confine_start(struct confinement *c, const struct state *state, const struct conf *conf);
/* For a Weir that has started its command: system calls only, for the threads that run. */
void confine_late(struct confinement *c);
/* One line of the log: what holds, and a warning when a part that should does not. */
void confine_say(const struct confinement *c, bool starts_command);
