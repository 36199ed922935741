/* SPDX-License-Identifier: Apache-2.0 */
/* siphash: SipHash-1-3 (Aumasson and Bernstein, 2012) under a given key; hash_bytes of base/map.h
 * has its own. For tables whose keys strangers choose, as in Rust and Python; not a MAC. */
#pragma once
#include "base/slice.h"

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(struct siphash_key key, struct slice s);
