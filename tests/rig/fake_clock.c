/* SPDX-License-Identifier: Apache-2.0 */
/* fake_clock: reads what the test has set. */
#include "rig/fake_clock.h"
#include "base/list.h"

static uint64_t fake_mono(struct clock *c)
{
	return container_of(c, struct fake_clock, clock)->mono;
}

static uint64_t fake_wall(struct clock *c)
{
	return container_of(c, struct fake_clock, clock)->wall;
}

void fake_clock_init(struct fake_clock *f)
{
	*f = (struct fake_clock){
	        .clock = {.mono = fake_mono, .wall = fake_wall},
	        .mono = 3600 * NS_PER_S,
	        .wall = 1767225600 * NS_PER_S,
	};
}

void fake_clock_advance(struct fake_clock *f, uint64_t ns)
{
	f->mono += ns;
	f->wall += ns;
}
