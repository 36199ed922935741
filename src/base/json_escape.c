/* SPDX-License-Identifier: Apache-2.0 */
/* json_escape: the inside of a JSON string. Runs that need nothing are found sixteen bytes at a
 * time and copied whole. */
#include "base/json_write.h"
#include "base/plain.h"
#include "base/utf8.h"

static inline bool is_rest(const char *at)
{
	return ((unsigned char)*at & 0xc0) == 0x80;
}

/* Bytes of the character at at, when its first byte alone says that it is in order and not hidden
 * if the rest of its bytes are there; 0 leaves it to utf8_next. */
static inline size_t wide_len(const char *at, const char *end)
{
	unsigned char lead = (unsigned char)*at;
	size_t left = (size_t)(end - at);

	if (lead >= 0xe1 && lead <= 0xef)
		return lead != 0xe2 && lead != 0xed && left > 2 && is_rest(at + 1) &&
		                       is_rest(at + 2)
		               ? 3
		               : 0;
	if (lead >= 0xc3 && lead <= 0xdf)
		return lead != 0xd8 && left > 1 && is_rest(at + 1) ? 2 : 0;
	return 0;
}

static const char *skip_wide(const char *at, const char *end)
{
	size_t len;

	while (at < end && (len = wide_len(at, end)))
		at += len;
	return at;
}

static int put_escaped(struct buf *out, uint32_t point)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', hex[point >> 12 & 15], hex[point >> 8 & 15],
	        hex[point >> 4 & 15], hex[point & 15]};
	const char *at =
	        point < 0x60 && point ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", (int)point) : NULL;

	if (!at)
		return buf_put(out, text, 6);
	text[1] = at[1];
	return buf_put(out, text, 2);
}

/* Appends what the character at *at needs, and moves on; characters that need nothing are only
 * passed. */
static int escape_next(struct buf *out, const char **run, const char **at, const char *end)
{
	struct utf8 c = utf8_next(*at, end);
	int r;

	if (c.valid && c.point != '"' && c.point != '\\' && !utf8_is_hidden(c.point)) {
		*at += c.len;
		return 0;
	}
	r = buf_put(out, *run, (size_t)(*at - *run));
	if (!r)
		r = c.valid ? put_escaped(out, c.point) : buf_put_str(out, "\xef\xbf\xbd");
	*at += c.len;
	*run = *at;
	return r;
}

int json_escape(struct buf *out, struct slice s)
{
	const char *at = s.at, *run = s.at, *end = s.at;
	size_t before = buf_len(out);
	int r;

	if (!s.len)
		return 0;
	end += s.len;
	r = buf_reserve(out, s.len); /* the text never gets shorter */
	while (!r) {
		at = skip_wide(plain_skip(at, end), end);
		if (at == end) {
			r = buf_put(out, run, (size_t)(at - run));
			break;
		}
		if (!byte_is_plain((unsigned char)*at))
			r = escape_next(out, &run, &at, end);
	}
	if (r)
		buf_truncate(out, before);
	return r;
}
