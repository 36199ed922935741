/* SPDX-License-Identifier: Apache-2.0 */
/* id: names for calls. A ULID: 48 bits of milliseconds, 80 of randomness, 26 characters of Crockford base32. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define ID_LEN 26
/* Random bytes of the kernel, fetched in blocks a thread. Aborts if the kernel gives none. */
void random_bytes(void *at, size_t len);
void id_new(uint64_t wall_ns, char ret[ID_LEN + 1]);
