/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_ask: getaddrinfo on a detached thread. libuv's own pool is not used: it lets two slow
 * look-ups hold up all others. What a thread needs outlives the loop, if it must. */
#include "net/resolve_ask.h"
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include "base/mem.h"
#include "net/mailbox.h"

#define STACK (512u << 10)

struct asker {
	atomic_uint refs;     /* the resolver's and one a thread or letter */
	pthread_mutex_t lock; /* over loop */
	struct loop *loop;    /* borrowed; NULL once closed */
	/* the loop thread's alone */
	void (*answer)(
	        void *owner, const char *name, int error, const struct address *list, unsigned n);
	void *owner;
	resolve_ask *ask;
	unsigned asks;
};

struct job {
	struct letter letter;
	struct asker *asker; /* counted */
	resolve_ask *ask;
	char name[RESOLVE_NAME_MAX + 1];
	struct address list[RESOLVE_ADDRESSES];
	unsigned n;
	int error;
};

static void asker_unref(struct asker *a)
{
	if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&a->lock);
	mem_free(a);
}

static void job_free(struct job *j)
{
	asker_unref(j->asker);
	mem_free(j);
}

static int error_of(int code)
{
	switch (code) {
	case EAI_NONAME:
	case EAI_NODATA:
		return -ENOENT;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -EAGAIN;
	}
}

/* A bare container has no /etc/hosts; localhost is the machine itself all the same (RFC 6761, 6.3).
 */
static int localhost_or(int error, const char *name, struct address *list, unsigned *ret_n)
{
	if (strcasecmp(name, "localhost") != 0)
		return error;
	list[0] = (struct address){
	        .in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	*ret_n = 1;
	return 0;
}

static int ask_system(const char *name, struct address *list, unsigned *ret_n)
{
	const struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	unsigned n = 0;
	int r = getaddrinfo(name, NULL, &want, &found);

	if (r)
		return localhost_or(error_of(r), name, list, ret_n);
	for (const struct addrinfo *i = found; i && n < RESOLVE_ADDRESSES; i = i->ai_next) {
		if (i->ai_addrlen > sizeof(*list) ||
		        (i->ai_family != AF_INET && i->ai_family != AF_INET6))
			continue;
		list[n] = (struct address){.in6 = {.sin6_family = AF_UNSPEC}};
		memcpy(&list[n++], i->ai_addr, i->ai_addrlen);
	}
	freeaddrinfo(found);
	*ret_n = n;
	return n ? 0 : -ENOENT;
}

static void job_deliver(struct letter *letter)
{
	struct job *j = container_of(letter, struct job, letter);
	struct asker *a = j->asker;

	a->asks--;
	if (a->owner)
		a->answer(a->owner, j->name, j->error, j->list, j->n);
	job_free(j);
}

static void *job_run(void *arg)
{
	struct job *j = arg;
	struct asker *a = j->asker;
	bool posted;

	j->error = j->ask(j->name, j->list, &j->n);
	pthread_mutex_lock(&a->lock);
	posted = a->loop != NULL;
	if (posted) {
		atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
		mailbox_post(a->loop, &j->letter);
	}
	pthread_mutex_unlock(&a->lock);
	if (posted)
		asker_unref(a);
	else
		job_free(j);
	return NULL;
}

static int thread_start(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (pthread_attr_init(&attr))
		return -ENOMEM;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	r = pthread_create(&thread, &attr, job_run, j);
	pthread_attr_destroy(&attr);
	return -r;
}

int asker_ask(struct asker *a, const char *name)
{
	struct job *j;
	int r;

	if (a->asks >= ASKS_MAX)
		return -ENOBUFS;
	j = mem_zalloc(sizeof(*j));
	if (!j)
		return -ENOMEM;
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	j->asker = a;
	j->ask = a->ask;
	j->letter.deliver = job_deliver;
	memcpy(j->name, name, strlen(name) + 1);
	r = thread_start(j);
	if (r)
		job_free(j);
	else
		a->asks++;
	return r;
}

struct asker *asker_new(struct loop *l,
        void (*answer)(
                void *owner, const char *name, int error, const struct address *list, unsigned n),
        void *owner)
{
	struct asker *a = mem_zalloc(sizeof(*a));

	if (!a)
		return NULL;
	atomic_init(&a->refs, 1);
	pthread_mutex_init(&a->lock, NULL);
	a->loop = l;
	a->answer = answer;
	a->owner = owner;
	a->ask = ask_system;
	return a;
}

void asker_close(struct asker *a)
{
	pthread_mutex_lock(&a->lock);
	a->loop = NULL;
	pthread_mutex_unlock(&a->lock);
	a->owner = NULL;
	asker_unref(a);
}

void asker_set_ask(struct asker *a, resolve_ask *ask)
{
	a->ask = ask;
}
