/* SPDX-License-Identifier: Apache-2.0 */
/* number: see number.h. */
#include "json/number.h"
#include "base/decimal.h"

#define EXPONENT_DIGITS 18u /* with all digits of a document beside it, it is an int64_t */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_written(char c)
{
	return c >= '1' && c <= '9';
}

/* What follows the e, if it has few enough digits. */
static bool read_exponent(struct slice s, int64_t *ret)
{
	bool is_negative = s.len && *s.at == '-';
	int64_t n = 0;

	if (s.len && !is_digit(*s.at))
		s = slice_skip(s, 1);
	while (s.len && *s.at == '0')
		s = slice_skip(s, 1);
	if (s.len > EXPONENT_DIGITS)
		return false;
	for (size_t i = 0; i < s.len; i++)
		n = n * 10 + (s.at[i] - '0');
	*ret = is_negative ? -n : n;
	return true;
}

/* Of the digit before end: the point says how far it is from the ones. */
static int64_t exponent_of(struct slice mantissa, const char *end)
{
	const char *point = memchr(mantissa.at, '.', mantissa.len);

	if (!point)
		point = mantissa.at + mantissa.len;
	return end <= point ? point - end : -(end - point - 1);
}

void number_read(struct slice text, struct number *ret)
{
	struct slice mantissa = text;
	const char *first, *end;
	int64_t e = 0;

	*ret = (struct number){.text = text, .is_negative = *text.at == '-'};
	if (ret->is_negative)
		mantissa = slice_skip(mantissa, 1);
	for (size_t i = 0; i < mantissa.len && !ret->is_huge; i++) {
		if (mantissa.at[i] != 'e' && mantissa.at[i] != 'E')
			continue;
		ret->is_huge = !read_exponent(slice_skip(mantissa, i + 1), &e);
		mantissa.len = i;
	}
	end = mantissa.at + mantissa.len;
	for (first = mantissa.at; first < end && !is_written(*first); first++)
		;
	while (end > first && !is_written(end[-1]))
		end--;
	if (first == end) {
		ret->is_negative = ret->is_huge = false;
		return;
	}
	ret->digits = slice_from(first, (size_t)(end - first));
	ret->exponent = e + exponent_of(mantissa, end);
}

static int put_digits(struct slice digits, struct buf *out)
{
	const char *point = memchr(digits.at, '.', digits.len);
	size_t whole = point ? (size_t)(point - digits.at) : digits.len;
	int error = buf_put(out, digits.at, whole);

	return error || !point ? error : buf_put_slice(out, slice_skip(digits, whole + 1));
}

static int put_exponent(int64_t e, struct buf *out)
{
	char text[2 + DECIMAL_MAX] = "e-";
	unsigned len = e < 0 ? 2 : 1;

	len += decimal_put(e < 0 ? -(uint64_t)e : (uint64_t)e, text + len);
	return buf_put(out, text, len);
}

int number_write(const struct number *n, struct buf *out)
{
	int error;

	if (n->is_huge)
		return buf_put_slice(out, n->text);
	if (!n->digits.len)
		return buf_put_char(out, '0');
	error = n->is_negative ? buf_put_char(out, '-') : 0;
	if (!error)
		error = put_digits(n->digits, out);
	return error || !n->exponent ? error : put_exponent(n->exponent, out);
}
