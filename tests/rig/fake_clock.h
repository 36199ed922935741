/* SPDX-License-Identifier: Apache-2.0 */
/* fake_clock: a clock that stands still until the test moves it. */
#pragma once
#include "base/clock.h"

struct fake_clock {
	struct clock clock; /* hand &f->clock to whoever wants one */
	uint64_t mono, wall;
};

/* mono begins at one hour, wall at 2026-01-01T00:00:00Z. */
void fake_clock_init(struct fake_clock *f);
void fake_clock_advance(struct fake_clock *f, uint64_t ns); /* both */
