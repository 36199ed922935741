/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: times in ns counted in buckets that are each 1/32 of a power of two wide: quantiles
 * within 3%. */
#pragma once
#include <stdint.h>

#define HISTOGRAM_STEPS 32
#define HISTOGRAM_BUCKETS (64 * HISTOGRAM_STEPS)

struct histogram {
	uint64_t n;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	unsigned power = ns < HISTOGRAM_STEPS ? 5 : 63 - (unsigned)__builtin_clzll(ns);
	unsigned step = (unsigned)(ns >> (power - 5)) & (HISTOGRAM_STEPS - 1);

	h->n++;
	h->buckets[power * HISTOGRAM_STEPS + step]++;
}

/* The middle of the bucket that holds the quantile, in µs; 0 when nothing was counted. */
static inline double histogram_us(const struct histogram *h, double quantile)
{
	uint64_t rank = (uint64_t)((double)h->n * quantile), seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && h->n; i++) {
		seen += h->buckets[i];
		if (seen > rank) {
			double width = (double)(1ull << (i / HISTOGRAM_STEPS)) / HISTOGRAM_STEPS;

			return width * (HISTOGRAM_STEPS + i % HISTOGRAM_STEPS + 0.5) / 1000;
		}
	}
	return 0;
}
