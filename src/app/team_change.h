/* SPDX-License-Identifier: Apache-2.0 */
/* team_change: counters are the team's, or the agent's own where it has none. An agent whose team a reload changes counts
 * elsewhere from then on: nothing is carried over, since calls that still run are settled where they were admitted, and with a
 * shared store other instances count there too. So it is said. */
#pragma once

struct conf;
/* Warns of each agent, up to some, whose rates or budgets begin anew with the policy `now`. */
void team_changes_say(const struct conf *before, const struct conf *now);
