/* SPDX-License-Identifier: Apache-2.0 */
/* trim: an item goes with the comma before it; while nothing was kept, with the comma behind it. */
#include "dialect/trim.h"

void trim_init(struct trim *t, struct edits *edits, const char *who)
{
	*t = (struct trim){.edits = edits, .who = who};
}

static int cut(struct trim *t, uint32_t start, uint32_t end)
{
	return edits_add(t->edits, (struct span){start, end}, (struct slice){0}, t->who);
}

int trim_item(struct trim *t, struct span place, bool removed)
{
	int r = 0;

	if (t->has_leading)
		r = cut(t, t->leading.start, place.start);
	t->has_leading = removed && !t->kept;
	if (t->has_leading)
		t->leading = place;
	else if (removed && !r)
		r = cut(t, t->last_end, place.end);
	t->kept += !removed;
	t->removed += removed;
	t->last_end = place.end;
	return r;
}

int trim_end(struct trim *t)
{
	return t->has_leading ? cut(t, t->leading.start, t->leading.end) : 0;
}
