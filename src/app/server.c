/* SPDX-License-Identifier: Apache-2.0 */
/* server: see server.h. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "app/admin_key.h"
#include "app/server.h"
#include "app/server_sockets.h"
#include "app/shared_store.h"
#include "app/team_change.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/diagnostics.h"
#include "journal/keeper.h"
#include "store/book.h"
#include "store/cache.h"
#include "store/flight.h"

#define SINK_ROOM (8u << 20)
#define LEARNED_PAIRS 1024 /* of an agent and a model */
#define SHARED_CALLS (1u << 16) /* that run or wait for one answer of several */
#define STORE_MEMORY ((size_t)256 << 20) /* of counters: touched only as they come into being */

static bool serves_admin(const struct conf *conf)
{
	for (unsigned i = 0; i < conf->n_listeners; i++)
		if (conf->listeners[i].kind == LISTENER_ADMIN && listener_is_opened(&conf->listeners[i]))
			return true;
	return false;
}

/* Before the first policy that names no operator is in force. It is read once: no worker looks at it before it is told. */
static int need_first_operator(struct server *s, const struct conf *conf, char note[512])
{
	struct operator_conf *o = &s->first_operator;
	int r;

	if (conf->n_operators || o->roles || !serves_admin(conf))
		return 0;
	r = admin_key_open(&s->state, slice_str(s->state_path), o->key_sha256, &s->admin_key_made, note);
	if (r < 0)
		return r;
	o->name = SLICE("first");
	o->roles = ROLE_READ | ROLE_APPROVE | ROLE_OPERATE;
	return 0;
}

/* Binds what is new and posts the policy to every worker; takes over one reference of snapshot. */
static int put_in_force(struct server *s, struct snapshot *snapshot, char *note)
{
	const struct conf *conf = snapshot->conf;
	size_t room = (conf->n_listeners + 1) * s->n_workers;
	struct worker_socket *grid = mem_zalloc(room * sizeof(*grid));
	struct worker_socket *mine = mem_zalloc((conf->n_listeners + 1) * sizeof(*mine));
	unsigned n = 0;
	int r = grid && mine ? need_first_operator(s, conf, note) : -ENOMEM;

	if (r == 0)
		r = server_bind(s, conf, grid, &n, note);

	if (r < 0) {
		for (size_t i = 0; grid && i < room; i++)
			if (grid[i].conf && grid[i].fd >= 0)
				close(grid[i].fd);
		snapshot_unref(snapshot);
	} else {
		for (unsigned w = 0; w < s->n_workers; w++)
			worker_post_policy(&s->workers[w], snapshot_ref(snapshot), mine,
				server_pick_sockets(&s->workers[w], grid + (size_t)w * n, n, mine));
		cache_set_limits(s->cache, (struct cache_limits){conf->cache.memory, conf->cache.max_entry});
		server_keep_sockets(s, grid, n);
		snapshot_unref(s->snapshot);
		s->snapshot = snapshot;
	}
	mem_free(grid);
	mem_free(mine);
	return r;
}

/* ---- start ---- */

/* The CPUs that this process may use: its mask, and the cgroup's quota where there is one. */
static unsigned cpus_allowed(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
	char line[64];
	unsigned long quota, period;

	if (f && fgets(line, sizeof(line), f) && sscanf(line, "%lu %lu", &quota, &period) == 2 && period) {
		unsigned whole = (unsigned)((quota + period - 1) / period);
		if (whole && whole < n)
			n = whole;
	}
	if (f)
		fclose(f);
	return n ? n : 1;
}

static struct slice deployment_key(const struct server *s, const struct conf *conf)
{
	if (conf->n_deployment_keys)
		return secret_slice(conf->deployment_keys[0]);
	return slice_from(s->state.key, sizeof(s->state.key));
}

/* Names of counters hold keyed hashes of users: by the oldest key there is, so that a new one in front of it begins no budget anew. */
static struct slice hash_key(const struct server *s, const struct conf *conf)
{
	unsigned n = conf->n_deployment_keys;

	return n ? secret_slice(conf->deployment_keys[n - 1]) : deployment_key(s, conf);
}

static const struct run_key *run_key(const struct server *s)
{
	return *s->run_key.agent ? &s->run_key : NULL;
}

/* Loading the system's CAs takes longer than anything else at start; begun early it is done when it is needed. */
static void warm_contexts(struct server *s, const struct conf *conf)
{
	for (unsigned i = 0; i < conf->n_upstreams; i++)
		for (unsigned k = 0; k < conf->upstreams[i].n_endpoints; k++)
			if (conf->upstreams[i].endpoints[k].tls)
				tls_contexts_warm(s->contexts, conf->upstreams[i].tls_ca);
}

static unsigned count_workers(const struct conf *conf)
{
	unsigned n = conf->workers ? conf->workers : cpus_allowed();

	return n > SERVER_WORKERS_MAX ? SERVER_WORKERS_MAX : n;
}

static int open_journal(struct server *s, const struct conf *conf, char note[512])
{
	struct keeper_options o = {
		.path = conf->audit.path.at,
		.workers = count_workers(conf),
		.segment = conf->audit.segment,
		.key = deployment_key(s, conf),
	};

	return keeper_open(&s->keeper, &o, note);
}

unsigned server_keys(const struct server *s, const struct conf *conf, struct slice keys[])
{
	unsigned n = 0;

	for (; n < conf->n_deployment_keys && n + 1 < BOOK_KEYS_MAX; n++)
		keys[n] = secret_slice(conf->deployment_keys[n]);
	keys[n++] = slice_from(s->state.key, sizeof(s->state.key));
	return n;
}

static int load_counter(void *arg, struct slice group, struct slice name, uint64_t window, uint64_t ends, nanousd cost,
	uint64_t tokens)
{
	struct server *s = arg;

	return embedded_load(s->store, group, name, window, ends, cost, tokens);
}

static int load_kept(void *arg, const struct kept_row *row)
{
	struct server *s = arg;

	int r = embedded_load_kept(s->store, row);

	return r == -ENOSPC ? 0 : r; /* a value for which there is no room any more; claims always have it */
}

/* What was spent before, and what processes that died have left, is counted before the first call. */
static int open_book(struct server *s, const struct conf *conf, char note[512])
{
	struct slice keys[BOOK_KEYS_MAX];
	struct book_options o = {
		.path = s->state_path,
		.journal = keeper_folder(s->keeper),
		.keeper = s->keeper,
		.workers = count_workers(conf),
		.keys = keys,
		.n_keys = server_keys(s, conf, keys),
	};
	int r = book_open(&s->book, &o, note);
	if (r < 0)
		return r;
	r = book_catch_up(s->book, keeper_journal(s->keeper, 0));
	if (r == 0) {
		r = book_each_counter(s->book, load_counter, s);
		if (r < 0 && !*book_note(s->book)) {
			snprintf(note, 512, "The budgets' counters in %.160s do not fit into memory.", s->state_path);
			return r;
		}
	}
	if (r == 0) {
		r = book_each_kept(s->book, load_kept, s);
		if (r < 0 && !*book_note(s->book)) {
			snprintf(note, 512, "The values that the store in %.160s has kept do not fit into memory.", s->state_path);
			return r;
		}
	}
	if (r < 0)
		snprintf(note, 512, "%s", book_note(s->book));
	return r;
}

static int start_workers(struct server *s, const struct conf *conf)
{
	unsigned n = count_workers(conf);

	s->metrics = metrics_new(n + 1);
	s->workers = mem_zalloc((n + 1) * sizeof(*s->workers));
	if (!s->workers || !s->metrics)
		return -ENOMEM;
	for (unsigned i = 0; i <= n; i++) {
		int r = worker_init(&s->workers[i], s, i, i == n);
		if (r < 0)
			return r;
		s->n_workers++;
	}
	return 0;
}

/* A way to the store that instances share for each loop, as long as the process lives. */
static int open_stores(struct server *s, struct snapshot *snapshot, char note[512])
{
	const struct store_conf *c = &snapshot->conf->store;
	struct slice keys[BOOK_KEYS_MAX];
	unsigned n_keys = server_keys(s, snapshot->conf, keys);
	int r = 0;

	if (c->kind != STORE_REDIS)
		return 0;
	s->first = snapshot_ref(snapshot);
	s->store_times = mem_zalloc(s->n_workers * sizeof(*s->store_times));
	if (!s->store_times)
		return -ENOMEM;
	for (unsigned i = 0; i < s->n_workers && r == 0; i++) {
		r = worker_open_store(&s->workers[i], c);
		if (r == 0)
			r = remote_set_keys(s->workers[i].remote, keys, n_keys);
		if (r == 0)
			s->store_times[s->n_store_times++] = remote_times(s->workers[i].remote);
	}
	if (r == -EINVAL)
		snprintf(note, 512, "The store that the policy names cannot be used; weir check says more.");
	return r ? r : owed_teller_init(&s->owed, s->keeper, s->n_workers - 1);
}

static int start_shared(struct server *s)
{
	s->sink = sink_new(STDOUT_FILENO, SINK_ROOM);
	s->recent = recent_new();
	s->store = embedded_new((struct table_limits){EMBEDDED_IDS_A_GROUP, STORE_MEMORY}, &clock_system);
	s->cache = cache_new((struct cache_limits){0});
	s->flights = flights_new(SHARED_CALLS);
	s->strangers = mem_zalloc(sizeof(*s->strangers));
	s->contexts = tls_contexts_new();
	if (tokens_learn_init(&s->learn, LEARNED_PAIRS) < 0)
		return -ENOMEM;
	return s->sink && s->recent && s->store && s->cache && s->flights && s->strangers && s->contexts ? 0 : -ENOMEM;
}

int server_start(struct server *s, struct conf *conf, bool log_text, char ret_note[512])
{
	s->log_text = log_text;
	s->state = (struct state){.dir = -1, .lock = -1};
	s->control_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = s->control_fd < 0 ? -errno : state_open(&s->state, conf->state_path, ret_note);
	if (s->control_fd < 0)
		snprintf(ret_note, 512, "There are no file descriptors left to start with.");
	if (r < 0) {
		conf_free(conf);
		return r;
	}
	snprintf(s->state_path, sizeof(s->state_path), "%.*s", SLICE_FMT(conf->state_path)); /* it is open: it fits */
	if (!s->starts_command)
		confine_start(&s->confinement, &s->state, conf);
	snprintf(ret_note, 512, "There is not enough memory to start.");
	r = start_shared(s);
	if (r == 0)
		r = open_journal(s, conf, ret_note);
	if (r == 0)
		r = open_book(s, conf, ret_note);
	if (r == 0)
		r = start_workers(s, conf);
	if (r < 0) {
		conf_free(conf);
		return r;
	}
	log_init(s->sink, (enum log_level)conf->log_level, log_text ? FORMAT_TEXT : FORMAT_JSON);
	struct snapshot *snapshot = snapshot_new(conf, hash_key(s, conf), run_key(s), ++s->number);
	r = snapshot ? open_stores(s, snapshot, ret_note) : -ENOMEM;
	if (r < 0)
		snapshot_unref(snapshot);
	else
		r = put_in_force(s, snapshot, ret_note);
	for (unsigned i = 0; r == 0 && i < s->n_workers; i++)
		r = worker_start(&s->workers[i]);
	if (r == 0 && s->first)
		r = owed_teller_start(&s->owed, &s->workers[0]);
	if (r == 0)
		r = book_start(s->book, s->store);
	if (r < 0)
		return r;
	atomic_store(&s->last_reload_good, true);
	atomic_store(&s->last_reload_wall, clock_wall(&clock_system));
	atomic_store(&s->ready, true);
	warm_contexts(s, s->snapshot->conf);
	return 0;
}

/* ---- reload ---- */

static void report(const struct diagnostics *d, struct buf *problems)
{
	struct buf text = BUF_INIT(256u << 10);

	if (diagnostics_print(d, &text, false) == 0)
		log_write(LEVEL_ERROR, LOG_FIELDS(LOG_TEXT("problems", buf_slice(&text))),
			"the new policy has mistakes and is not taken; the old one stays in force");
	if (problems)
		buf_put_slice(problems, buf_slice(&text));
	buf_finish(&text);
}

static bool reload_failed(struct server *s)
{
	atomic_store(&s->last_reload_good, false);
	atomic_fetch_add(&s->reloads_failed, 1);
	return false;
}

bool server_reload(struct server *s, struct buf *problems)
{
	struct diagnostics d;
	char note[512] = "There is not enough memory.";

	if (!s->n_paths)
		return true;
	diagnostics_init(&d);
	struct conf *conf = conf_load(s->paths, s->n_paths, &d);
	if (!conf)
		report(&d, problems);
	diagnostics_finish(&d);
	if (!conf)
		return reload_failed(s);
	if (!shared_store_is_same(&s->snapshot->conf->store, &conf->store))
		log_warn("the new policy names another store; the one of the start stays until Weir is started again");
	tls_contexts_renew(s->contexts);
	struct snapshot *old = snapshot_ref(s->snapshot), *snapshot = snapshot_new(conf, hash_key(s, conf), run_key(s), ++s->number);
	int r = snapshot ? put_in_force(s, snapshot, note) : -ENOMEM;
	if (r == 0)
		team_changes_say(old->conf, s->snapshot->conf);
	snapshot_unref(old);
	if (r < 0) {
		log_error("the new policy cannot be put in force and the old one stays: %s%s", note,
			r == -EACCES && s->confinement.landlock > 0 ? "; a socket in a folder that is new to Weir needs a restart" : "");
		if (problems)
			buf_put_str(problems, note);
		return reload_failed(s);
	}
	warm_contexts(s, s->snapshot->conf);
	atomic_store(&s->last_reload_wall, clock_wall(&clock_system));
	atomic_store(&s->last_reload_good, true);
	log_write(LEVEL_INFO, LOG_FIELDS(LOG_STR("policy_version", s->snapshot->conf->version)), "policy reloaded");
	return true;
}

void server_order_reload(struct server *s, struct reload_order *o)
{
	atomic_store(&s->reload_asked, o);
	eventfd_write(s->control_fd, 1);
}

struct reload_order *server_take_order(struct server *s)
{
	return atomic_exchange(&s->reload_asked, NULL);
}

void server_worker_took(struct server *s, unsigned long number)
{
	(void)number;
	atomic_fetch_add(&s->taken, 1);
}

/* ---- stop ---- */

unsigned server_sessions(const struct server *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i + 1 < s->n_workers; i++)
		n += atomic_load(&s->workers[i].env.sessions);
	return n;
}

unsigned server_in_flight(const struct server *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i + 1 < s->n_workers; i++)
		n += atomic_load(&s->workers[i].env.in_flight);
	return n;
}

void server_order(struct server *s, enum worker_order order)
{
	for (unsigned i = 0; i + 1 < s->n_workers; i++) /* health stays up to the end */
		worker_post_order(&s->workers[i], order);
}

void server_stop(struct server *s)
{
	struct reload_order *order;

	atomic_store(&s->ready, false);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_stop(&s->workers[i]);
	owed_teller_finish(&s->owed);
	order = server_take_order(s);
	if (order)
		mailbox_post(order->loop, &order->back); /* it comes too late */
	admin_desk_end(&s->desk);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_end(&s->workers[i]);
	if (s->workers)
		workers_say_last_words(s->workers, s->n_workers, &clock_system);
	book_close(s->book);
	s->book = NULL;
	if (s->keeper)
		keeper_close(s->keeper);
	s->keeper = NULL;
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_journal_finish(&s->workers[i].journal);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_finish(&s->workers[i]);
	server_remove_sockets(s);
	log_init(NULL, LEVEL_INFO, s->log_text ? FORMAT_TEXT : FORMAT_JSON);
	snapshot_unref(s->snapshot);
	snapshot_unref(s->first);
	mem_free(s->store_times);
	if (s->contexts)
		tls_contexts_free(s->contexts);
	recent_free(s->recent);
	embedded_free(s->store);
	flights_free(s->flights);
	cache_free(s->cache);
	tokens_learn_finish(&s->learn);
	mem_free(s->strangers);
	metrics_free(s->metrics);
	own_listeners_finish(&s->own);
	mem_free(s->sockets);
	mem_free(s->workers);
	if (s->sink)
		sink_free(s->sink);
	if (s->control_fd > 0)
		close(s->control_fd);
	state_close(&s->state);
}
