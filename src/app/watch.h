/* SPDX-License-Identifier: Apache-2.0 */
/* watch: tells when the policy's files may have changed. It watches the folders they stand in, since editors and
 * ConfigMaps put a new file (or a new ..data link) in the place of the old one. */
#pragma once

struct watch {
	int fd; /* to be polled for reading; -1: this system has no inotify */
};

int watch_open(struct watch *w); /* 0 or a negative errno */
/* Watches the folder that path stands in, or is. Adding it again is harmless and loses nothing that happened meanwhile. */
int watch_add(struct watch *w, const char *path);
/* Takes what fd says. 1 if something in those folders changed. */
int watch_read(struct watch *w);
void watch_close(struct watch *w);
