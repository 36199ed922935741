/* SPDX-License-Identifier: Apache-2.0 */
/* id: random bytes and ULIDs. Each thread holds a block of the kernel's bytes; those handed out are
 * erased from it. */
#include "base/id.h"
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/clock.h"

#define BLOCK 512u

static _Thread_local struct {
	unsigned char bytes[BLOCK];
	size_t left;
} pool;

static void kernel_bytes(unsigned char *at, size_t len)
{
	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fputs("weir: the kernel gives no random bytes\n", stderr);
			abort();
		}
		at += n;
		len -= (size_t)n;
	}
}

/* A child must not hand out the same bytes as its parent. */
static void pool_forget(void)
{
	pool.left = 0;
}

__attribute__((constructor)) static void pool_watch_fork(void)
{
	pthread_atfork(NULL, NULL, pool_forget);
}

void random_bytes(void *at, size_t len)
{
	unsigned char *from;

	if (len > BLOCK / 4) {
		kernel_bytes(at, len);
		return;
	}
	if (pool.left < len) {
		kernel_bytes(pool.bytes, BLOCK);
		pool.left = BLOCK;
	}
	pool.left -= len;
	from = pool.bytes + pool.left;
	memcpy(at, from, len);
	explicit_bzero(from, len);
}

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void put_base32(char *at, unsigned chars, uint64_t n)
{
	for (unsigned i = chars; i--; n >>= 5)
		at[i] = crockford[n & 31];
}

void id_new(uint64_t wall_ns, char ret[ID_LEN + 1])
{
	unsigned char random[10];
	uint64_t first, last; /* eight of the ten bytes each */

	random_bytes(random, sizeof(random));
	memcpy(&first, random, sizeof(first));
	memcpy(&last, random + 2, sizeof(last));
	put_base32(ret, 10, wall_ns / NS_PER_MS & 0xffffffffffffull);
	put_base32(ret + 10, 8, be64toh(first) >> 24);
	put_base32(ret + 18, 8, be64toh(last)); /* eight characters take its lowest 40 bits */
	ret[ID_LEN] = '\0';
}
