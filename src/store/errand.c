/* SPDX-License-Identifier: Apache-2.0 */
/* errand: see errand.h. */
#include "store/errand.h"
#include <assert.h>
#include <errno.h>
#include "base/mem.h"
#include "store/keep.h"
#include "store/remote_core.h"
#include "store/script_words.h"

/* ---- life */

static struct errand *errand_new(struct remote *r, const char *op, size_t text)
{
	struct errand *e = mem_zalloc(sizeof(*e) + text);

	if (!e)
		return NULL;
	list_init(&e->link);
	list_init(&e->wait);
	e->remote = r;
	e->op = op;
	e->id = e->mark = e->bytes = e->grave = e->names = (struct slice){"", 0};
	return e;
}

/* The wall's span from now, by the loop's clock. */
static uint64_t by_loop(const struct remote *r, uint64_t now_wall, uint64_t at)
{
	uint64_t span = at > now_wall ? at - now_wall : 0;

	return span < UINT64_MAX - r->loop->now ? r->loop->now + span : UINT64_MAX;
}

static struct seal *sealing(struct remote *r)
{
	return r->n_seals ? &r->seals[0] : NULL;
}

static bool is_too_long(struct slice group, struct slice name)
{
	return group.len > VALUE_GROUP_MAX || name.len > VALUE_NAME_MAX;
}

int errand_of_claim(struct remote *r, struct value_claim *c, struct errand **ret)
{
	size_t sealed = c->mark.len + SEAL_OVERHEAD;
	size_t text = 3 * (c->group.len + KEY_AROUND) + c->name.len + 2 * c->id.len + sealed;
	struct errand *e;
	int error;

	if (is_too_long(c->group, c->name) || c->id.len > CLAIM_ID_MAX ||
	        c->mark.len > CLAIM_MARK_MAX)
		return -EMSGSIZE;
	if (!sealing(r))
		return -ENOKEY;
	e = errand_new(r, "claim", text);
	if (!e)
		return -ENOMEM;
	char *at = e->text;
	e->key = script_key(&at, c->group, SLICE("}:c:"), c->name);
	e->grave = script_key(&at, c->group, SLICE("}:x:"), c->id);
	e->names = script_key(&at, c->group, SLICE("}:cs"), SLICE(""));
	e->id = script_text(&at, c->id);
	error = seal_put_about(sealing(r), e->key, c->mark, (uint8_t *)at);
	e->mark = slice_from(at, sealed);
	e->until = by_loop(r, c->now_wall_ns, c->until);
	e->ends = by_loop(r, c->now_wall_ns, c->ends);
	if (error)
		errand_free(e);
	else
		*ret = e;
	return error;
}

int errand_of_value(struct remote *r, const char *op, struct value *v, struct errand **ret)
{
	struct errand *e;

	if (is_too_long(v->group, v->name))
		return -EMSGSIZE;
	if (!sealing(r))
		return -ENOKEY;
	e = errand_new(r, op, 3 * (v->group.len + KEY_AROUND) + v->name.len);
	if (!e)
		return -ENOMEM;
	char *at = e->text;
	e->key = script_key(&at, v->group, SLICE("}:v:"), v->name);
	if (v->room) {
		e->grave = script_key(&at, v->group, SLICE("}:vb"), SLICE(""));
		e->names = script_key(&at, v->group, SLICE("}:vs"), SLICE(""));
		e->room = v->room;
	}
	e->ends = by_loop(r, v->now_wall_ns, v->ends);
	e->expected = v->expected;
	*ret = e;
	return 0;
}

void errand_free(struct errand *e)
{
	ask_cancel(&e->ask);
	list_unlink(&e->wait);
	list_unlink(&e->link);
	if (e->bytes.len)
		mem_free((char *)e->bytes.at);
	mem_free(e);
}

/* ---- sealing */

int errand_seal(struct errand *e, struct slice bytes)
{
	size_t len = bytes.len + SEAL_OVERHEAD;
	uint8_t *sealed = mem_alloc(len);
	int r = sealed ? seal_put_about(sealing(e->remote), e->key, bytes, sealed) : -ENOMEM;

	assert(!e->bytes.len);
	if (r)
		mem_free(sealed);
	else
		e->bytes = slice_from(sealed, len);
	return r;
}

int value_open(struct remote *r, struct slice key, struct slice sealed, struct blob **ret)
{
	for (unsigned i = 0; i < r->n_seals; i++) {
		struct blob *b;
		int error;

		if (!seal_knows(&r->seals[i], sealed))
			continue;
		b = blob_room(sealed.len - SEAL_OVERHEAD);
		error = b ? seal_open_about(&r->seals[i], key, sealed, b->bytes) : -ENOMEM;
		if (!error) {
			*ret = b;
			return 0;
		}
		blob_unref(b);
		if (error != -EBADMSG)
			return error;
	}
	return -EBADMSG;
}

/* ---- words */

/* Microseconds from now. */
static uint64_t span_of(const struct errand *e, uint64_t at)
{
	uint64_t now = e->remote->loop->now;

	return at > now ? (at - now) / NS_PER_US : 0;
}

static unsigned words_make(struct errand *e)
{
	static const struct slice hows[] = {[CLAIM_RECORDED] = SLICE_INIT("d"),
	        [CLAIM_UNKNOWN] = SLICE_INIT("l"),
	        [CLAIM_UNUSED] = SLICE_INIT("u")};
	struct slice *w = e->words;
	char *at = e->numbers;
	unsigned n = 0;

	w[n++] = e->key;
	if (e->grave.len) {
		w[n++] = e->grave;
		w[n++] = e->names;
	}
	w[n++] = slice_str(e->op);
	w[n++] = e->id;
	w[n++] = script_number(&at, span_of(e, e->until));
	w[n++] = script_number(&at, span_of(e, e->ends));
	w[n++] = e->bytes;
	w[n++] = e->mark;
	w[n++] = hows[e->how];
	w[n++] = e->expected == VALUE_ANY ? SLICE("-1") : script_number(&at, e->expected);
	w[n++] = script_number(&at, e->room ? e->room : KEEP_VALUES_A_GROUP);
	assert(n <= ERRAND_WORDS);
	return n;
}

int errand_ask(struct errand *e, struct redis_link *on,
        void (*done)(struct redis_ask *a, int result, const struct redis_reply *reply))
{
	struct remote *r = e->remote;
	unsigned n = words_make(e);

	e->asked_at = r->loop->now;
	e->ask = (struct redis_ask){.args = e->words,
	        .n_args = n,
	        .n_keys = e->grave.len ? 3 : 1,
	        .script = &redis_script_values,
	        .reads = e->op[0] == 'g',
	        .done = done};
	return on ? redis_ask_on(r->redis, on, e->key, &e->ask)
	          : redis_ask(r->redis, e->key, &e->ask);
}

int errand_read(const struct redis_reply *reply, struct errand_answer *ret)
{
	const struct redis_reply *code = reply_at(reply, 0), *version = reply_at(reply, 1),
	                         *mark = reply_at(reply, 2), *bytes = reply_at(reply, 3);

	*ret = (struct errand_answer){.mark = {"", 0}, .bytes = {"", 0}};
	if (!code || code->type != REPLY_INTEGER)
		return -EPROTO;
	if ((version && (version->type != REPLY_INTEGER || version->integer < 0)) ||
	        (mark && mark->type != REPLY_TEXT) || (bytes && bytes->type != REPLY_TEXT))
		return -EPROTO;
	ret->code = code->integer;
	ret->version = version ? (uint64_t)version->integer : 0;
	if (mark)
		ret->mark = mark->text;
	if (bytes)
		ret->bytes = bytes->text;
	return 0;
}
