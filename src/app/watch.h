/* SPDX-License-Identifier: Apache-2.0 */
/* watch: tells when the policy's files may have changed. It watches the folders they stand in, since editors and ConfigMaps
 * put a new file (or a new ..data link) in the place of the old one; what else changes there does not count. Every link on
 * the way to a file is watched in its own folder, since a release may be a link that points elsewhere. */
#pragma once
#include <stdbool.h>

#define WATCH_NAMES_MAX 4096u

struct watched {
	int folder;  /* inotify's number */
	char *name;  /* owned: the file's or the link's in it; NULL: every *.yaml and *.yml */
};

struct watch {
	int fd;      /* to be polled for reading; -1: this system has no inotify */
	bool takes_all; /* whatever is not hidden counts in those folders: a policy may wait for a file that is not known yet */
	struct watched *paths; /* owned */
	unsigned n_paths;
	int *folders; /* owned: inotify's numbers of all that are watched */
	unsigned n_folders;
};

int watch_open(struct watch *w); /* 0 or a negative errno */
/* What was added counts no more. The folders stay watched, so that nothing is lost until it is added again. */
void watch_clear(struct watch *w);
/* A file, or a folder of *.yaml and *.yml. 0, -ENOSPC beyond WATCH_NAMES_MAX, or another negative errno: what could be
 * watched is watched all the same. */
int watch_add(struct watch *w, const char *path);
void watch_settle(struct watch *w); /* all is added: folders that nothing was found in are watched no more */
/* Takes what fd says. True if something changed that counts. */
bool watch_read(struct watch *w);
void watch_close(struct watch *w);
