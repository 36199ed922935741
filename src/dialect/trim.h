/* SPDX-License-Identifier: Apache-2.0 */
/* trim: takes members or elements out of a JSON object or array as edits, commas included. */
#pragma once
#include "weir/edit.h"

struct trim {
	struct edits *edits;
	const char *who;
	struct span
	        leading;   /* removed, and nothing kept before it: goes with the comma behind it */
	uint32_t last_end; /* of the item before, kept or not */
	unsigned kept, removed;
	bool has_leading;
};

void trim_init(struct trim *t, struct edits *edits, const char *who);
/* Every item of the container in order: a member's place is from its key to its value's end. 0 or
 * -ENOMEM. */
int trim_item(struct trim *t, struct span place, bool removed);
int trim_end(struct trim *t);
