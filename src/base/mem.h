/* SPDX-License-Identifier: Apache-2.0 */
/* mem: the one door to the heap, so that a test can make the n-th allocation fail. */
#pragma once
#include <stddef.h>

void *mem_alloc(size_t size);              /* uninitialised; NULL when there is none */
void *mem_zalloc(size_t size);
void *mem_realloc(void *at, size_t size);  /* at stays valid on failure */
void *mem_dup(const void *at, size_t len); /* a copy with one NUL behind it */
void mem_free(void *at);

/* Tests only: let n more allocations of this thread succeed, then fail each one; -1 switches it off. */
void mem_fail_after(long n);
/* Allocations of this thread since mem_fail_after was last called. */
long mem_count(void);

/* A local that is written before it is read, and too large to be filled at each call as hardened
 * builds do (-ftrivial-auto-var-init). */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define UNINIT __attribute__((uninitialized))
#else
#define UNINIT
#endif
