/* SPDX-License-Identifier: Apache-2.0 */
/* listener: takes in connections for one loop. TCP has a socket of its own for every loop
 * (SO_REUSEPORT); unix sockets and inherited descriptors are one descriptor that every loop gets a
 * duplicate of. */
#pragma once
#include "net/cidr.h"
#include "net/wire.h"

struct listen_address {
	struct slice host;      /* a numeric address; "localhost" is 127.0.0.1 */
	uint16_t port;          /* 0: any free one */
	struct slice unix_path; /* not empty: a unix socket */
	uint32_t mode;          /* of the unix socket's file */
};

#define LISTEN_NOTE 256
/* Binds without listening yet; can be done before workers exist. For TCP call it once a loop. A
 * unix socket's path is taken over only when nobody answers there. 0 or a negative errno; ret_note
 * then holds one sentence for the user. */
int listen_bind(const struct listen_address *a, int *ret_fd, char ret_note[LISTEN_NOTE]);
/* A descriptor that the service manager handed down (LISTEN_FDS) and that is bound to a; -ENOENT
 * when there is none. It stays open for others: give each loop a duplicate. */
int listen_inherited(const struct listen_address *a, int *ret_fd);
/* Whether loops share one descriptor for a. */
static inline bool listen_is_shared(const struct listen_address *a, bool inherited)
{
	return inherited || a->unix_path.len > 0;
}
int listen_duplicate(int fd, int *ret_fd);
/* Removes the socket's file, if it is still the one that fd is bound to. */
void listen_unlink(const struct listen_address *a, int fd);
/* The port that fd is bound to, 0 for unix sockets. */
uint16_t listen_port(int fd);

struct listener_options {
	const struct cidr *allow_from; /* borrowed, as long as the listener; n == 0: anyone */
	unsigned n_allow_from;
	const uint32_t *peer_uids; /* borrowed; n == 0: any uid (the file mode decides) */
	unsigned n_peer_uids;
	unsigned connections; /* ceiling for this loop's share; 0: 10,000 */
	/* A connection was let in: open it with wire_open or close it. */
	void (*accept)(void *owner, struct wire *w);
	void *owner; /* borrowed */
};

struct listener_core;
struct listener {
	struct loop *loop; /* borrowed */
	struct listener_options options;
	struct list wires; /* those that came in here and are still open */
	unsigned n_wires;
	uint64_t accepted, refused; /* refused: by allow_from or peer_uids */
	bool full;                  /* paused at the ceiling */
	struct listener_core *core; /* owned: libuv's part */
};

/* Takes over fd (closes it when it fails), calls listen and starts to accept. NULL fields of
 * options are as above. */
int listener_open(struct loop *l, int fd, const struct listener_options *options,
        struct listener **ret_listener);
/* No more connections; those that are open live on. listener is freed by the loop. */
void listener_close(struct listener *l);
