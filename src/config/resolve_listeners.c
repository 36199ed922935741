/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_listeners: what a listener is by its name, the ones that open without being named, and
 * their defaults. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include "config/address.h"
#include "config/resolve.h"

#define CONNECTIONS_MAX 10000u
#define ADMIN_CONNECTIONS 256u
#define ANSWER_BYTES_MAX (32u << 20)
#define PATH_SHOWN 200

static const struct {
	const char *name;
	const char *address;
} kinds[] = {
        [LISTENER_AGENTS] = {"agents", "127.0.0.1:4000"},
        [LISTENER_ADMIN] = {"admin", NULL},
        [LISTENER_HEALTH] = {"health", "127.0.0.1:4002"},
};

/* 45% of the descriptors: a call needs two, and some are for other things. */
static uint32_t connections_default(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return CONNECTIONS_MAX;
	if (limit.rlim_cur / 100 * 45 >= CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return limit.rlim_cur < 16 ? 4 : (uint32_t)(limit.rlim_cur * 45 / 100);
}

/* systemd's folder for what lives as long as the service, else beside the state. A path that is too
 * long for a socket closes the listener, since nobody asked for it there. */
static void fill_admin(struct load *l, struct listener_conf *c, struct place at)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	struct buf text = BUF_INIT(PATH_MAX);
	struct sockaddr_un room;
	int r;

	if (runtime && *runtime) /* of several, the first */
		r = buf_printf(&text, "unix:%.*s/admin.sock", (int)strcspn(runtime, ":"), runtime);
	else
		r = buf_printf(&text, "unix:%.*s/admin.sock", SLICE_FMT(l->conf->state_path));
	c->address = (struct address_conf){.text = SLICE("none"), .none = true};
	if (r == -ENOMEM) {
		diagnostics_no_memory(l->d);
	} else if (r || buf_len(&text) - 5 >= sizeof(room.sun_path)) {
		diagnostics_warning(l->d, at,
		        "the admin listener stays closed: its path would be %.*s, longer than a "
		        "socket's may be",
		        (int)(buf_len(&text) < PATH_SHOWN ? buf_len(&text) : PATH_SHOWN),
		        buf_slice(&text).at);
		diagnostics_hint(
		        l->d, "name it: listeners: admin: {address: \"unix:/short/path\"}");
	} else {
		c->address.text = reader_keep(&l->reader, buf_slice(&text));
		c->address.unix_path = slice_skip(c->address.text, 5);
		c->address.none = !c->address.text.len;
		c->address.loopback = true;
	}
	buf_finish(&text);
}

static void fill(struct load *l, struct listener_conf *c, struct place at)
{
	if (!c->address.text.at && c->kind == LISTENER_ADMIN)
		fill_admin(l, c, at);
	else if (!c->address.text.at)
		listen_address_parse(slice_str(kinds[c->kind].address), &c->address);
	if (!c->limits.connections)
		c->limits.connections =
		        c->kind == LISTENER_ADMIN ? ADMIN_CONNECTIONS : connections_default();
	c->limits.answer_bytes = ANSWER_BYTES_MAX;
}

static void resolve_one(struct load *l, struct listener_conf *c, const struct node *n)
{
	const struct node *agent = node_member(n, "default_agent");
	unsigned index;

	if (!node_member(n, "kind")) {
		for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (slice_is(c->name, kinds[k].name))
				c->kind = (enum listener_kind)k;
	}
	fill(l, c, node_place(n));
	if (!agent || agent->kind != NODE_SCALAR)
		return;
	index = resolve_name(l, "agents", "agent", agent);
	if (index < l->conf->n_agents)
		c->default_agent = &l->conf->agents[index];
}

static bool names_kind(const struct conf *c, enum listener_kind kind)
{
	for (unsigned i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].kind == kind)
			return true;
	return false;
}

static void add(struct load *l, enum listener_kind kind)
{
	static const struct limits_conf limits = {.header_bytes = 32 << 10,
	        .header_fields = 100,
	        .h2_streams = 100,
	        .body_bytes = 32 << 20,
	        .header_timeout_ns = 10000000000,
	        .idle_timeout_ns = 60000000000};
	struct listener_conf *c = &l->conf->listeners[l->conf->n_listeners++];

	*c = (struct listener_conf){
	        .name = slice_str(kinds[kind].name), .kind = kind, .mode = 0600, .limits = limits};
	fill(l, c, l->root->at);
}

/* Room for the three that open by themselves. */
static bool make_room(struct load *l)
{
	struct conf *c = l->conf;
	struct listener_conf *all = reader_alloc(&l->reader, (c->n_listeners + 3) * sizeof(*all));

	if (!all)
		return false;
	if (c->n_listeners)
		memcpy(all, c->listeners, c->n_listeners * sizeof(*all));
	c->listeners = all;
	return true;
}

void resolve_listeners(struct load *l)
{
	struct conf *c = l->conf;

	if (!make_room(l))
		return;
	for (unsigned i = 0; i < c->n_listeners; i++)
		resolve_one(l, &c->listeners[i], load_entry(l, "listeners", i));
	if (!names_kind(c, LISTENER_AGENTS))
		add(l, LISTENER_AGENTS);
	if (!names_kind(c, LISTENER_HEALTH))
		add(l, LISTENER_HEALTH);
	if (!names_kind(c, LISTENER_ADMIN))
		add(l, LISTENER_ADMIN);
}
