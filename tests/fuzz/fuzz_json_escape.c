/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json_escape: what comes out is a JSON string, and read back it is the text that went in,
 * with U+FFFD where that was no UTF-8. */
#include <assert.h>
#include "base/json_write.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static unsigned hex_of(char c)
{
	assert((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* One character of the escaped text; *at moves on. */
static uint32_t unescape(const char **at, const char *end)
{
	static const char letters[] = "b\bf\fn\nr\rt\t\"\"\\\\";
	struct utf8 c = utf8_next(*at, end);
	uint32_t point = 0;

	assert(c.valid && c.point >= 0x20 && c.point != 0x7f && c.point != '"');
	*at += c.len;
	if (c.point != '\\')
		return c.point;
	assert(end - *at >= 1);
	if (*(*at)++ != 'u') {
		for (size_t i = 0; i < sizeof(letters) - 1; i += 2)
			if (letters[i] == (*at)[-1])
				return (uint32_t)letters[i + 1];
		assert(!"an unknown escape");
	}
	assert(end - *at >= 4);
	for (int i = 0; i < 4; i++)
		point = point << 4 | hex_of(*(*at)++);
	return point;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct buf out = BUF_INIT(6 * len + 1);
	const char *at = (const char *)in, *end = at + len, *escaped, *escaped_end;

	assert(!json_escape(&out, slice_from(in, len)));
	assert(buf_len(&out) >= len);
	escaped = buf_slice(&out).at;
	escaped_end = escaped + buf_len(&out);
	while (at < end) {
		struct utf8 c = utf8_next(at, end);

		assert(c.len && (c.valid || c.point == 0xfffd));
		assert(escaped < escaped_end && unescape(&escaped, escaped_end) == c.point);
		at += c.len;
	}
	assert(escaped == escaped_end);
	buf_finish(&out);
	return 0;
}
