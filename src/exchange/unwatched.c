/* SPDX-License-Identifier: Apache-2.0 */
/* unwatched: see unwatched.h. */
#include "exchange/unwatched.h"
#include "exchange/nowhere.h"
#include "exchange/sharing.h"

/* Takes the place of the agent's side. In the exchange's arena. */
struct unwatched {
	struct downstream down;
	struct codec codec;
	struct downstream *home; /* borrowed: the agent's side, which holds the request's head until it is told of the end */
};

static void down_ended(struct downstream *d, struct exchange *x, bool keep)
{
	struct downstream *home = container_of(d, struct unwatched, down)->home;

	(void)keep;
	list_unlink(&x->unwatched);
	home->ops->ended(home, x, false);
}

static const struct downstream_ops down_ops = {nowhere_is_full, nowhere_pause, nowhere_wrote, down_ended};

static int put_head(struct codec *c, uint32_t stream, const struct head *head, bool last)
{
	(void)c, (void)stream, (void)head, (void)last;
	return 0;
}

static int put_data(struct codec *c, uint32_t stream, const struct slice *data, unsigned n, bool last)
{
	(void)c, (void)stream, (void)data, (void)n, (void)last;
	return 0;
}

/* Of an answer; its request was read, and it is never one for a connection. */
static const struct codec_ops codec_ops = {.name = "none", .put_head = put_head, .put_data = put_data};

static bool waits_for_upstream(const struct exchange *x)
{
	return (x->phase == PHASE_REACHING || x->phase == PHASE_RELAYING) && x->source && !x->source_local &&
	       x->source_fault == FAULT_NONE && !x->running && !x->aborted;
}

bool unwatched_begin(struct exchange *x)
{
	struct unwatched *u;

	if (!waits_for_upstream(x) || !sharing_goes_on(x))
		return false;
	u = arena_zalloc(&x->arena, sizeof(*u));
	if (!u)
		return false;
	u->home = x->down;
	u->codec.ops = &codec_ops;
	u->down = (struct downstream){&down_ops, &u->codec, x->down->listener, SLICE(""), NULL};
	x->down = &u->down;
	x->client_gone = true;
	list_push(&x->env->unwatched, &x->unwatched);
	return true;
}

void unwatched_end(struct exchange *x)
{
	x->aborted = true;
	exchange_wake(x);
}

unsigned unwatched_each(
	const struct exchange_env *env, unsigned max, bool (*fn)(void *arg, const struct exchange *x), void *arg)
{
	unsigned n = 0;

	for (struct list *node = env->unwatched.prev; node != &env->unwatched && n < max; node = node->prev) {
		n++;
		if (!fn(arg, container_of(node, struct exchange, unwatched)))
			break;
	}
	return n;
}

void unwatched_shutdown(struct exchange_env *env)
{
	list_foreach_safe(node, after, &env->unwatched) {
		struct exchange *x = container_of(node, struct exchange, unwatched);
		exchange_on_shutdown(x);
		if (x->phase != PHASE_DONE)
			unwatched_end(x);
	}
}
