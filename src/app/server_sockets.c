/* SPDX-License-Identifier: Apache-2.0 */
/* server_sockets: see server_sockets.h. */
#include <errno.h>
#include <unistd.h>
#include "app/server.h"
#include "app/server_sockets.h"
#include "base/mem.h"

static struct listen_address listen_address_of(const struct listener_conf *l)
{
	return (struct listen_address){
		.host = l->address.host, .port = l->address.port, .unix_path = l->address.unix_path, .mode = l->mode};
}

bool listener_is_opened(const struct listener_conf *l)
{
	return !l->address.none;
}

static bool listens(const struct server *s, const struct listener_conf *l)
{
	for (unsigned i = 0; i < s->n_sockets; i++)
		if (slice_equals(s->sockets[i].conf->address.text, l->address.text))
			return true;
	return false;
}

/* One descriptor for one worker. The first is kept in *first, to be duplicated where loops share one. */
static int bind_one(const struct listener_conf *l, int *first, bool *shared, int *ret_fd, char note[LISTEN_NOTE])
{
	struct listen_address a = listen_address_of(l);

	if (*first >= 0 && *shared)
		return listen_duplicate(*first, ret_fd);
	int r = listen_inherited(&a, ret_fd);
	bool inherited = r == 0;
	if (r == -ENOENT)
		r = listen_bind(&a, ret_fd, note);
	if (r == 0 && *first < 0) {
		*first = *ret_fd;
		*shared = listen_is_shared(&a, inherited);
		if (*shared)
			return listen_duplicate(*first, ret_fd);
	}
	return r;
}

int server_bind(struct server *s, const struct conf *conf, struct worker_socket *grid, unsigned *ret_n, char *note)
{
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_listeners; i++)
		n += listener_is_opened(&conf->listeners[i]);
	*ret_n = n;
	for (unsigned k = 0; k < n * s->n_workers; k++)
		grid[k].fd = -1;
	unsigned at = 0;
	for (unsigned i = 0; i < conf->n_listeners; i++) {
		const struct listener_conf *l = &conf->listeners[i];
		int first = -1;
		bool shared = false, old = listens(s, l);
		if (!listener_is_opened(l))
			continue;
		for (unsigned w = 0; w < s->n_workers; w++) {
			struct worker_socket *to = &grid[w * n + at];
			bool mine = (l->kind != LISTENER_AGENTS) == s->workers[w].health;
			to->conf = l;
			int r = old || !mine ? 0 : bind_one(l, &first, &shared, &to->fd, note);
			if (r < 0)
				return r;
			if (to->fd < 0)
				continue;
			own_listeners_add(&s->own, to->fd);
			if (l->kind == LISTENER_AGENTS && !s->agents_port)
				s->agents_port = listen_port(to->fd);
		}
		if (shared && first >= 0)
			close(first);
		at++;
	}
	return 0;
}

unsigned server_pick_sockets(const struct worker *w, const struct worker_socket *row, unsigned n, struct worker_socket *ret)
{
	unsigned picked = 0;

	for (unsigned i = 0; i < n; i++)
		if ((row[i].conf->kind != LISTENER_AGENTS) == w->health)
			ret[picked++] = row[i];
	return picked;
}

void server_keep_sockets(struct server *s, struct worker_socket *row, unsigned n)
{
	struct worker_socket *copy = mem_alloc((n + 1) * sizeof(*copy));

	if (!copy)
		return;
	memcpy(copy, row, n * sizeof(*copy));
	mem_free(s->sockets);
	s->sockets = copy;
	s->n_sockets = n;
}

void server_remove_sockets(struct server *s)
{
	for (unsigned i = 0; i < s->n_sockets; i++)
		if (s->sockets[i].conf->address.unix_path.len)
			unlink(s->sockets[i].conf->address.unix_path.at);
}
