/* SPDX-License-Identifier: Apache-2.0 */
/* openai_keys: a key that is a known name is told at once. Of the others nearly every one is small
 * ASCII letters and seen to be so at a glance; only the rest is folded and compared. */
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

/* Of a key that is not small. */
static __attribute__((noinline)) const char *name_meant(
        const struct json_value *key, const struct json_name *names, unsigned n)
{
	char room[KEY_FOLDED_MAX];
	struct slice folded = openai_key_fold(json_text(key), room);

	for (unsigned i = 0; folded.at && i < n; i++)
		if (slice_equals(folded, slice_from(names[i].text, names[i].len)))
			return names[i].text;
	return NULL;
}

const char *openai_key_is_odd(
        const struct json_value *key, const struct json_name *names, unsigned n)
{
	return bytes_are_small(json_key_text(key)) ? NULL : name_meant(key, names, n);
}

const char *openai_fill_members(const struct json_value *object, const struct json_name *names,
        unsigned n, const struct json_value **values, const struct json_value **ret_key)
{
	const struct json_value *key = object + 1;
	unsigned at = 0;

	for (uint32_t left = json_count(object); left; left--, key = json_behind(key + 1)) {
		unsigned i = json_name_find(names, n, at, key);
		const char *meant;

		if (i < n) {
			values[i] = key + 1;
			at = i + 1;
			continue;
		}
		meant = openai_key_is_odd(key, names, n);
		if (meant) {
			*ret_key = key;
			return meant;
		}
	}
	return NULL;
}
