/* SPDX-License-Identifier: Apache-2.0 */
/* nearest: edit distance where swapping two neighbours counts as one edit, as fingers do. */
#include "config/nearest.h"
#include <ctype.h>

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Both at most NEAREST_LEN_MAX long. */
static unsigned edit_distance(struct slice a, struct slice b)
{
	unsigned rows[3][NEAREST_LEN_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= b.len; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *spare = before;

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned change = last[j - 1] + !same(a.at[i - 1], b.at[j - 1]);

			row[j] = min2(change, min2(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a.at[i - 1], b.at[j - 2]) &&
			        same(a.at[i - 2], b.at[j - 1]))
				row[j] = min2(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

void nearest_init(struct nearest *n, struct slice wanted)
{
	/* Up to a third of the letters may be wrong; more is another word. */
	*n = (struct nearest){.wanted = wanted, .distance = (unsigned)wanted.len / 3 + 2};
}

void nearest_offer(struct nearest *n, struct slice known)
{
	unsigned distance;

	if (n->wanted.len > NEAREST_LEN_MAX || known.len > NEAREST_LEN_MAX || !known.len)
		return;
	distance = edit_distance(n->wanted, known);
	if (distance >= n->distance || distance >= known.len)
		return;
	n->best = known;
	n->distance = distance;
}
