/* SPDX-License-Identifier: Apache-2.0 */
/* mem: malloc and its kin behind one counter a thread. The counter runs down from LONG_MAX while no
 * test asks for failures, so that the check is one branch that is never taken. */
#include "base/mem.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local long mem_began = LONG_MAX;
static _Thread_local long mem_left = LONG_MAX;

static inline bool mem_is_refused(void)
{
	return __builtin_expect(--mem_left < 0, 0);
}

void *mem_alloc(size_t size)
{
	return mem_is_refused() ? NULL : malloc(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
	return mem_is_refused() ? NULL : calloc(1, size ? size : 1);
}

void *mem_realloc(void *at, size_t size)
{
	/* realloc to nothing would free, and at has to stay valid. */
	return mem_is_refused() ? NULL : realloc(at, size ? size : 1);
}

void *mem_dup(const void *at, size_t len)
{
	char *copy = len < SIZE_MAX ? mem_alloc(len + 1) : NULL;

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, at, len);
	copy[len] = '\0';
	return copy;
}

void mem_free(void *at)
{
	free(at);
}

void mem_fail_after(long n)
{
	mem_began = mem_left = n < 0 ? LONG_MAX : n;
}

long mem_count(void)
{
	return mem_began - mem_left;
}
