/* SPDX-License-Identifier: Apache-2.0 */
/* script: Lua that Redis runs for us, made from the files in scripts/ when Weir is built:
 * scripts/NAME.lua is redis_script_NAME. Every server is given the small ones when it is connected
 * to, the others when it says that it does not know them. */
#pragma once
#include "base/slice.h"

struct redis_script {
	const char *name;
	struct slice text;
	char sha1[41]; /* by which Redis knows it */
};

extern const struct redis_script *const redis_scripts[];
extern const unsigned redis_scripts_n;

extern const struct redis_script redis_script_counters;
extern const struct redis_script redis_script_lease;
extern const struct redis_script redis_script_pool;
extern const struct redis_script redis_script_time;
extern const struct redis_script redis_script_values;
