/* SPDX-License-Identifier: Apache-2.0 */
/* openai_keys: nearly every key is small ASCII letters and seen to be so at a glance; only the
 * others are compared. */
#include "dialect/openai_keys.h"
#include "base/plain.h"

/* The letter at at that is not as names have it: its small ASCII form, and how long it is; 0: none.
 */
static char fold_letter(const unsigned char *at, size_t left, size_t *ret_len)
{
	*ret_len = 1;
	if (at[0] >= 'A' && at[0] <= 'Z')
		return (char)(at[0] + ('a' - 'A'));
	*ret_len = 2;
	if (left >= 2 && at[0] == 0xc5 && at[1] == 0xbf)
		return 's';
	if (left >= 2 && at[0] == 0xc4 && (at[1] == 0xb0 || at[1] == 0xb1))
		return 'i';
	*ret_len = 3;
	if (left >= 3 && at[0] == 0xe2 && at[1] == 0x84 && at[2] == 0xaa)
		return 'k';
	return 0;
}

struct slice openai_key_fold(struct slice key, char room[KEY_FOLDED_MAX])
{
	const struct slice none = {0};
	size_t n = 0, len;

	if (key.len > 3 * (size_t)KEY_FOLDED_MAX || bytes_are_small(key))
		return none;
	for (size_t i = 0; i < key.len; i += len) {
		char c = fold_letter((const unsigned char *)key.at + i, key.len - i, &len);

		if (!c) {
			c = key.at[i];
			len = 1;
		}
		if (n == KEY_FOLDED_MAX)
			return none;
		room[n++] = c;
	}
	return slice_from(room, n);
}

const char *openai_odd_key(
        const struct json_value *object, const char *const *names, struct slice *ret_key)
{
	char room[KEY_FOLDED_MAX];

	if (json_type(object) != JSON_OBJECT)
		return NULL;
	for (struct json_iter it = json_iter(object); json_next(&it);) {
		struct slice folded;

		if (bytes_are_small(json_text(it.key)))
			continue;
		folded = openai_key_fold(json_text(it.key), room);
		for (unsigned i = 0; folded.at && names[i]; i++)
			if (slice_is(folded, names[i])) {
				*ret_key = json_text(it.key);
				return names[i];
			}
	}
	return NULL;
}
