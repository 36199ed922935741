/* SPDX-License-Identifier: Apache-2.0 */
/* confine: applies the sandbox to this program: which folders it writes in, in which order, and what is said of it. */
#pragma once

struct conf;
struct state;

/* What holds, for the log: of files from confine_files, of system calls from confine_calls. */
struct confinement {
	int landlock; /* the kernel's version of it; 0: none */
	int seccomp;  /* 0: in force; a negative errno: why not */
};

/* Before the first thread is started: from here on files are written only in the state folder and where the policy's unix
 * sockets are. Not for a Weir that starts a command, which would inherit it. */
void confine_files(struct confinement *c, const struct state *state, const struct conf *conf);
void confine_calls(struct confinement *c); /* after everything is started; for all threads */
void confine_say(const struct confinement *c);
