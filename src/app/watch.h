/* SPDX-License-Identifier: Apache-2.0 */
/* watch: tells when the policy's files may have changed. It watches the folders they stand in, since editors and
 * ConfigMaps put a new file (or a new ..data link) in the place of the old one. */
#pragma once

struct watch {
	int fd; /* to be polled for reading; -1: this system has no inotify */
};

int watch_open(struct watch *w, const char *const *paths, unsigned n); /* 0 or a negative errno */
/* Takes what fd says. 1 if something in those folders changed. */
int watch_read(struct watch *w);
void watch_close(struct watch *w);
