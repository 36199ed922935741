/* SPDX-License-Identifier: Apache-2.0 */
/* query: see query.h. */
#include "admin/query.h"
#include <errno.h>
#include "http/chars.h"

/* Into room; -EINVAL when it is too long or no visible ASCII. A + is a plus: nothing here holds blanks. */
static int unescape(struct slice from, char room[QUERY_VALUE_MAX], struct slice *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < from.len; i++) {
		int c = (unsigned char)from.at[i];

		if (c == '%') {
			int high = i + 2 < from.len ? char_hex(from.at[i + 1]) : -1;
			int low = i + 2 < from.len ? char_hex(from.at[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = high << 4 | low;
			i += 2;
		}
		if (c <= 0x20 || c >= 0x7f || n == QUERY_VALUE_MAX)
			return -EINVAL;
		room[n++] = (char)c;
	}
	*ret = slice_from(room, n);
	return 0;
}

int query_next(struct slice *rest, struct query_pair *ret)
{
	const char *and, *equals;
	struct slice pair;
	int r;

	if (!rest->len)
		return 0;
	and = memchr(rest->at, '&', rest->len);
	pair = slice_from(rest->at, and? (size_t)(and-rest->at) : rest->len);
	*rest = slice_skip(*rest, pair.len + (and != NULL));
	equals = pair.len ? memchr(pair.at, '=', pair.len) : NULL;
	if (!equals)
		return -EINVAL;
	r = unescape(slice_from(pair.at, (size_t)(equals - pair.at)), ret->room, &ret->name);
	if (!r)
		r = unescape(slice_skip(pair, (size_t)(equals - pair.at) + 1),
		        ret->room + QUERY_VALUE_MAX, &ret->value);
	return r ? r : 1;
}
