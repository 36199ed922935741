/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_money: what money_parse takes, money_format writes so that it reads the same again. First
 * byte: the scale. */
#include <assert.h>
#include <errno.h>
#include "base/money.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void check_amount(nanousd amount)
{
	char text[MONEY_TEXT];
	size_t len = money_format(amount, text);
	uint64_t again = 0;

	assert(len < MONEY_TEXT && !text[len]);
	assert(!money_parse(slice_from(text, len), 9, &again));
	assert(again == (uint64_t)amount);
	assert(!memchr(text, '.', len) || text[len - 1] != '0');
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice text = slice_from(at, len);
	uint64_t n = 12345;
	int r;

	if (!len)
		return 0;
	r = money_parse(slice_skip(text, 1), at[0] % 24, &n);
	assert(r == 0 || ((r == -EINVAL || r == -ERANGE) && n == 12345));
	if (!r)
		check_amount((nanousd)(n & INT64_MAX));
	return 0;
}
