/* SPDX-License-Identifier: Apache-2.0 */
/* redis_store: the owner's side of a struct redis. */
#include "rig/redis_store.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/mem.h"
#include "store/redis/error.h"

static void on_failover(void *owner, uint64_t epoch)
{
	struct redis_store *s = owner;

	(void)epoch;
	s->failovers++;
	s->answers_at_failover = s->answers;
}

static void on_mend(void *owner, struct redis_link *l)
{
	struct redis_store *s = owner;

	s->mends++;
	if (s->mend)
		s->mend(s, l);
}

static void on_changed(void *owner)
{
	struct redis_store *s = owner;

	s->changes++;
	s->up = redis_state(s->redis).up;
	s->down = !s->up;
	if (s->changed)
		s->changed(s);
}

static const struct redis_events events = {
        .failover = on_failover,
        .mend = on_mend,
        .changed = on_changed,
};

void redis_store_init(struct redis_store *s)
{
	*s = (struct redis_store){.loop = NULL};
	if (loop_new(&s->loop, NULL))
		abort();
	s->resolver = resolver_new(s->loop);
	s->contexts = tls_contexts_new();
	s->options.events = &events;
	s->options.owner = s;
	s->options.place.name = SLICE("weir-test");
}

void redis_store_open(struct redis_store *s)
{
	if (redis_new(s->loop, s->resolver, s->contexts, &s->options, &s->redis))
		abort();
}

void redis_store_close(struct redis_store *s)
{
	int forgotten;

	if (s->redis)
		redis_free(s->redis);
	resolver_free(s->resolver);
	forgotten = loop_free(s->loop);
	tls_contexts_free(s->contexts);
	if (forgotten)
		abort();
}

bool redis_store_run(struct redis_store *s, const bool *done, unsigned ms)
{
	uint64_t end = clock_mono(&clock_system) + ms * NS_PER_MS;

	while (!*done && clock_mono(&clock_system) < end) {
		uint64_t turns = s->loop->turns, began = clock_mono(&clock_system), took;

		loop_run_once(s->loop, false);
		took = clock_mono(&clock_system) - began;
		if (took > s->stall)
			s->stall = took;
		if (s->loop->turns == turns)
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return *done;
}

static void on_done(struct redis_ask *ask, int result, const struct redis_reply *reply)
{
	struct store_ask *a = container_of(ask, struct store_ask, ask);

	a->done = true;
	a->times++;
	a->result = result;
	a->took = clock_mono(&clock_system) - a->began;
	if (reply) {
		a->type = reply->type;
		a->integer = reply->integer;
		snprintf(a->text, sizeof(a->text), "%.*s", SLICE_FMT(reply->text));
	}
	if (!result)
		a->store->answers++;
}

static int put(struct redis_store *s, struct store_ask *a, const char *first, va_list words)
{
	unsigned n = 0;
	struct slice key;

	for (const char *w = first; w; w = va_arg(words, const char *))
		a->words[n++] = slice_str(w);
	key = a->ask.script ? a->words[0] : a->words[n > 1];
	a->store = s;
	a->ask.args = a->words;
	a->ask.n_args = n;
	a->ask.done = on_done;
	a->done = false;
	a->text[0] = 0;
	s->loop->now_is_stale = true; /* the test may have been busy with something else */
	loop_enter(s->loop);
	a->began = clock_mono(&clock_system);
	return redis_ask(s->redis, key, &a->ask);
}

int redis_store_put(struct redis_store *s, struct store_ask *a, const char *first, ...)
{
	va_list words;
	int r;

	va_start(words, first);
	r = put(s, a, first, words);
	va_end(words);
	return r;
}

int redis_store_ask(struct redis_store *s, struct store_ask *a, const char *first, ...)
{
	va_list words;
	int r;

	va_start(words, first);
	r = put(s, a, first, words);
	va_end(words);
	if (r != PENDING)
		return r;
	redis_store_run(s, &a->done, 5000);
	return a->done ? a->result : -EDEADLK;
}
