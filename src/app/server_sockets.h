/* SPDX-License-Identifier: Apache-2.0 */
/* server_sockets: where a server listens: every worker has a socket of its own, or shares one where the kernel has no other way. */
#pragma once
#include "app/worker.h"

struct server;

bool listener_is_opened(const struct listener_conf *l);
/* Binds what a policy's listeners want and do not have yet, for every worker: grid[worker * n + listener], n in *ret_n; fd -1
 * where one listens already. grid: zeroed, with room for all. 0, or a negative errno and one sentence in note; what was bound
 * stands in grid. */
int server_bind(struct server *s, const struct conf *conf, struct worker_socket *grid, unsigned *ret_n, char *note);
/* Of a worker's row only those listeners that it serves; how many. */
unsigned server_pick_sockets(const struct worker *w, const struct worker_socket *row, unsigned n, struct worker_socket *ret);
void server_keep_sockets(struct server *s, struct worker_socket *row, unsigned n); /* the policy's that is in force now */
void server_remove_sockets(struct server *s); /* files of unix sockets */
