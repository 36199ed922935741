/* SPDX-License-Identifier: Apache-2.0 */
/* nearest: the known name that a mistaken one most likely means. */
#pragma once
#include "base/slice.h"

#define NEAREST_LEN_MAX 64u

struct nearest {
	struct slice wanted;
	struct slice best; /* at == NULL while none is close enough */
	unsigned distance;
};

void nearest_init(struct nearest *n, struct slice wanted);
void nearest_offer(struct nearest *n, struct slice known);
