/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: see snapshot.h. */
#include <assert.h>
#include "base/mem.h"
#include "exchange/excess.h"
#include "exchange/snapshot.h"

static void add_key(struct snapshot *s, const struct agent_conf *agent, const uint8_t *sha256, uint64_t not_after)
{
	unsigned at;

	memcpy(&at, sha256, sizeof(at));
	for (at &= s->cap_keys - 1; s->keys[at].agent; at = (at + 1) & (s->cap_keys - 1))
		;
	memcpy(s->keys[at].sha256, sha256, SHA256_LEN);
	s->keys[at].agent = agent;
	s->keys[at].not_after = not_after;
	s->n_keys++;
}

static void index_agent(struct snapshot *s, const struct agent_conf *agent)
{
	for (unsigned k = 0; k < agent->n_identities; k++) {
		const struct identity_conf *id = &agent->identities[k];
		if (id->kind == IDENTITY_API_KEY)
			add_key(s, agent, id->key_sha256, id->not_after);
	}
}

static int index_keys(struct snapshot *s, const struct run_key *run_key)
{
	const struct conf *c = s->conf;
	const struct agent_conf *runner = run_key ? conf_agent(c, slice_str(run_key->agent)) : NULL;
	unsigned n = 1;

	for (unsigned i = 0; i < c->n_agents; i++)
		n += c->agents[i].n_identities;
	for (s->cap_keys = 8; s->cap_keys < n * 2; s->cap_keys *= 2)
		;
	s->keys = mem_zalloc(s->cap_keys * sizeof(*s->keys));
	if (!s->keys)
		return -1;
	for (unsigned i = 0; i < c->n_agents; i++)
		index_agent(s, &c->agents[i]);
	if (runner)
		add_key(s, runner, run_key->sha256, 0);
	return 0;
}

/* Who sells it, as the price table knows him: by the host we call, else by the name the policy gives. */
static void learn_upstream(struct upstream_facts *f, const struct upstream_conf *u)
{
	f->provider = price_provider_by_host(u->endpoints[0].host);
	if (!f->provider.at)
		f->provider = price_provider_by_name(u->name);
	if (!f->provider.at)
		f->provider = (struct slice){"", 0};
	f->usage_rules = usage_rules_find(f->provider);
}

static void set_fixed(struct price *p, const struct price_conf *c)
{
	price_set(p, PRICE_input, c->input);
	price_set(p, PRICE_output, c->output);
	if (c->has_cached_input)
		price_set(p, PRICE_cache_read, c->cached_input);
	if (c->has_cache_write)
		price_set(p, PRICE_cache_write, c->cache_write);
	if (c->has_request)
		price_set(p, PRICE_request, c->request);
}

static void learn_price(const struct snapshot *s, struct model_price *p, const struct model_conf *m)
{
	if (m->price.set) {
		p->fixed = true;
		set_fixed(&p->price, &m->price);
		return;
	}
	struct slice name = m->upstream_name.len ? m->upstream_name : m->name;
	if (!m->is_glob || m->upstream_name.len)
		p->table = snapshot_table_price(s, m->upstream, name);
}

static const struct price_model *find_price(struct slice provider, struct slice upstream_model)
{
	if (!provider.len)
		provider = price_provider_by_model(upstream_model);
	return provider.at ? price_model_find(provider, upstream_model) : NULL;
}

const struct price_model *snapshot_table_price(const struct snapshot *s, const struct upstream_conf *upstream,
	struct slice upstream_model)
{
	return find_price(s->upstreams[upstream->index].provider, upstream_model);
}

bool snapshot_price_of(const struct model_conf *m, struct slice asked, uint64_t wall_ns, struct price *ret)
{
	const struct price_model *table;
	struct upstream_facts f;

	*ret = (struct price){0};
	if (m->price.set) {
		set_fixed(ret, &m->price);
		return true;
	}
	learn_upstream(&f, m->upstream);
	table = find_price(f.provider, m->upstream_name.len ? m->upstream_name : asked);
	if (table)
		price_at(table, wall_ns, ret);
	return table;
}

/* By these, what one account was answered is told from what another was; of the value itself nothing can be made sure. */
static void learn_credentials(struct snapshot *s, struct slice deployment_key)
{
	uint8_t key[SHA256_LEN];

	hmac_sha256(deployment_key, SLICE("weir upstream credentials in names of answers"), key);
	for (unsigned i = 0; i < s->conf->n_upstreams; i++) {
		const struct secret *value = s->conf->upstreams[i].credential_value;
		if (value)
			hmac_sha256(slice_from(key, sizeof(key)), secret_slice(value), s->upstreams[i].credential);
	}
	wipe(key, sizeof(key));
}

struct snapshot *snapshot_new(
	struct conf *conf, struct slice deployment_key, const struct run_key *run_key, unsigned long number)
{
	struct snapshot *s = mem_zalloc(sizeof(*s));

	if (!s) {
		conf_free(conf);
		return NULL;
	}
	atomic_init(&s->refs, 1);
	s->conf = conf;
	s->number = number;
	s->prices = mem_zalloc((conf->n_models + 1) * sizeof(*s->prices));
	s->upstreams = mem_zalloc((conf->n_upstreams + 1) * sizeof(*s->upstreams));
	s->excess = excess_new();
	if (!s->prices || !s->upstreams || !s->excess || index_keys(s, run_key) < 0) {
		snapshot_unref(s);
		return NULL;
	}
	for (unsigned i = 0; i < conf->n_upstreams; i++)
		learn_upstream(&s->upstreams[i], &conf->upstreams[i]);
	for (unsigned i = 0; i < conf->n_models; i++)
		learn_price(s, &s->prices[i], &conf->models[i]);
	learn_credentials(s, deployment_key);
	hmac_sha256(deployment_key, SLICE("weir user ids in logs"), s->user_key);
	return s;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	wipe(s->user_key, sizeof(s->user_key));
	mem_free(s->keys);
	mem_free(s->prices);
	mem_free(s->upstreams);
	excess_free(s->excess);
	conf_free(s->conf);
	mem_free(s);
}

const struct snapshot_key *snapshot_find_key(const struct snapshot *s, const uint8_t sha256[SHA256_LEN])
{
	unsigned at;

	memcpy(&at, sha256, sizeof(at));
	for (at &= s->cap_keys - 1; s->keys[at].agent; at = (at + 1) & (s->cap_keys - 1))
		if (bytes_equal_constant(s->keys[at].sha256, sha256, SHA256_LEN))
			return &s->keys[at];
	return NULL;
}
