/* SPDX-License-Identifier: Apache-2.0 */
/* ask: from asked to done, and the bytes of a command. Where an ask stands in between (sent on a
 * link, waiting for a map or a connection) is the business of those who hold it; its deadline finds
 * it there. */
#include "store/redis/ask.h"
#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include "base/decimal.h"
#include "base/mem.h"
#include "store/redis/link.h"

/* Takes it out of wherever it is. */
static void ask_become_idle(struct redis_ask *a)
{
	if (a->link)
		link_forget(a->link, a);
	list_unlink(&a->seat);
	list_unlink(&a->peers);
	loop_soon_clear(&a->deadline);
	a->loop = NULL;
}

/* Timers ring before sockets are read: a loop that was held up elsewhere may have the answer and
 * not know. It reads once more before it calls anybody late. */
static bool ask_may_be_here(struct redis_ask *a)
{
	if (a->looked || !a->link)
		return false;
	a->looked = true;
	loop_soon_set(a->loop, &a->deadline, a->loop->now);
	return true;
}

/* The link's owner hears of it last: what he does then must find no ask that is about to end. */
static void ask_on_due(struct deadline *d)
{
	struct redis_ask *a = container_of(d, struct redis_ask, deadline);
	struct redis_link *from = a->link;
	bool is_first;

	if (ask_may_be_here(a))
		return;
	if (a->kept || !from) {
		list_unlink(&a->seat);
		a->answer(a, from, a->kept ? -EAGAIN : -ETIMEDOUT, a->kept);
		return;
	}
	is_first = link_miss(from, a);
	a->answer(a, from, -ETIMEDOUT, NULL);
	if (is_first)
		link_tell_doubt(from);
}

void ask_begin(struct redis_ask *a, struct loop *l)
{
	assert(!a->loop);
	a->loop = l;
	a->link = NULL;
	a->kept = NULL;
	a->hops = 0;
	a->asking = false;
	a->looked = false;
	list_init(&a->seat);
	list_init(&a->peers);
	deadline_init(&a->deadline, ask_on_due);
	loop_soon_set(l, &a->deadline, l->now + (a->timeout ? a->timeout : ASK_TIMEOUT));
}

void ask_end(struct redis_ask *a, int result, const struct redis_reply *reply)
{
	struct redis_reply *kept = a->kept;

	ask_become_idle(a);
	a->kept = NULL;
	a->done(a, result, reply);
	mem_free(kept);
}

void ask_cancel(struct redis_ask *a)
{
	if (!a->loop)
		return;
	ask_become_idle(a);
	mem_free(a->kept);
	a->kept = NULL;
}

/* ---- bytes */

/* hiredis counts in int. */
static int words_format(const char **at, const size_t *len, unsigned n, struct gather *out)
{
	char *bytes = NULL;
	size_t sum = 0;
	int size;

	for (unsigned i = 0; i < n; i++) {
		if (len[i] > ASK_BYTES_MAX)
			return -EMSGSIZE;
		sum += len[i];
	}
	if (sum > ASK_BYTES_MAX)
		return -EMSGSIZE;
	size = redisFormatCommandArgv(&bytes, (int)n, at, len);
	if (size < 0)
		return -ENOMEM;
	gather_copy(out, slice_from(bytes, (size_t)size));
	redisFreeCommand(bytes);
	return out->error ? -ENOMEM : 0;
}

static unsigned words_add(const char **at, size_t *len, unsigned n, struct slice word)
{
	at[n] = word.at ? word.at : "";
	len[n] = word.len;
	return n + 1;
}

int command_format(const struct slice *args, unsigned n, struct gather *out)
{
	return ask_format(&(struct redis_ask){.args = args, .n_args = n}, out);
}

int ask_format(const struct redis_ask *a, struct gather *out)
{
	UNINIT const char *at[ASK_ARGS_MAX + 3];
	UNINIT size_t len[ASK_ARGS_MAX + 3];
	char keys[DECIMAL_MAX];
	unsigned n = 0;

	if (a->n_args > ASK_ARGS_MAX || a->n_keys > a->n_args)
		return -EMSGSIZE;
	if (a->script) {
		n = words_add(at, len, n, SLICE("EVALSHA"));
		n = words_add(at, len, n, slice_from(a->script->sha1, 40));
		n = words_add(at, len, n, slice_from(keys, decimal_put(a->n_keys, keys)));
	}
	for (unsigned i = 0; i < a->n_args; i++)
		n = words_add(at, len, n, a->args[i]);
	return words_format(at, len, n, out);
}
