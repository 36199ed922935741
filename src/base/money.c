/* SPDX-License-Identifier: Apache-2.0 */
/* money: exact arithmetic and decimal text; no floating point anywhere. */
#include "base/money.h"
#include <errno.h>
#include "base/decimal.h"

#define NANO_DIGITS 9u

bool money_add(picosum *sum, uint64_t units, picousd price)
{
	picosum more;

	if (__builtin_add_overflow(*sum, (picosum)units * price, &more))
		return false;
	*sum = more;
	return true;
}

nanousd money_round_up(picosum sum)
{
	/* Up to 18 million dollars a sum fits 64 bits, where dividing is ten times cheaper. */
	picosum nano = sum <= UINT64_MAX ? (uint64_t)sum / 1000 + ((uint64_t)sum % 1000 != 0)
	                                 : sum / 1000 + (sum % 1000 != 0);

	return nano > INT64_MAX ? INT64_MAX : (nanousd)nano;
}

size_t money_format(nanousd amount, char ret[MONEY_TEXT])
{
	uint64_t n = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
	uint64_t part = n % 1000000000u;
	size_t len = 0;

	if (amount < 0)
		ret[len++] = '-';
	len += decimal_put(n / 1000000000u, ret + len);
	if (part) {
		ret[len] = '.';
		for (unsigned i = NANO_DIGITS; i > 1; i -= 2)
			part = decimal_put_pair(part, ret + len + i - 1);
		ret[len + 1] = (char)('0' + part);
		len += 1 + NANO_DIGITS;
		while (ret[len - 1] == '0')
			len--;
	}
	ret[len] = '\0';
	return len;
}

/* One digit more at the end; false if it does not fit. */
static bool append_digit(uint64_t *n, unsigned digit)
{
	uint64_t bigger;

	if (__builtin_mul_overflow(*n, 10, &bigger) ||
	        __builtin_add_overflow(bigger, digit, &bigger))
		return false;
	*n = bigger;
	return true;
}

static bool is_digits(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	return s.len;
}

int money_parse(struct slice text, unsigned scale, uint64_t *ret)
{
	const char *dot = text.len ? memchr(text.at, '.', text.len) : NULL;
	struct slice whole = {text.at, dot ? (size_t)(dot - text.at) : text.len};
	struct slice part = dot ? slice_skip(text, whole.len + 1) : SLICE("0");
	uint64_t n = 0;

	if (!is_digits(whole) || !is_digits(part) || (whole.len > 1 && whole.at[0] == '0'))
		return -EINVAL;
	while (part.len > 1 && part.at[part.len - 1] == '0')
		part.len--;
	if (part.len > scale && !slice_is(part, "0"))
		return -ERANGE;
	for (size_t i = 0; i < whole.len; i++)
		if (!append_digit(&n, (unsigned)(whole.at[i] - '0')))
			return -ERANGE;
	for (unsigned i = 0; i < scale; i++)
		if (!append_digit(&n, i < part.len ? (unsigned)(part.at[i] - '0') : 0))
			return -ERANGE;
	*ret = n;
	return 0;
}
