/* SPDX-License-Identifier: Apache-2.0 */
/* error: a table of first words. */
#include "store/redis/error.h"
#include <errno.h>

static const struct {
	struct slice word;
	int error;
} words[] = {
        {SLICE_INIT("READONLY"), -EROFS},
        {SLICE_INIT("LOADING"), -EAGAIN},
        {SLICE_INIT("BUSY"), -EAGAIN},
        {SLICE_INIT("TRYAGAIN"), -EAGAIN},
        {SLICE_INIT("CLUSTERDOWN"), -EAGAIN},
        {SLICE_INIT("MASTERDOWN"), -EAGAIN},
        {SLICE_INIT("NOREPLICAS"), -EAGAIN},
        {SLICE_INIT("OOM"), -ENOSPC},
        {SLICE_INIT("MISCONF"), -ENOSPC},
        {SLICE_INIT("NOAUTH"), -EACCES},
        {SLICE_INIT("WRONGPASS"), -EACCES},
        {SLICE_INIT("NOPERM"), -EACCES},
        {SLICE_INIT("NOSCRIPT"), -ENOENT},
        {SLICE_INIT("MOVED"), -EXDEV},
        {SLICE_INIT("ASK"), -EXDEV},
};

static struct slice word_take(struct slice *text)
{
	const char *end = text->len ? memchr(text->at, ' ', text->len) : NULL;
	struct slice word = slice_from(text->at, end ? (size_t)(end - text->at) : text->len);

	*text = slice_skip(*text, word.len + 1);
	return word;
}

int redis_error_of(const struct redis_reply *reply)
{
	struct slice text = reply->text, word;

	if (reply->type != REPLY_ERROR)
		return 0;
	word = word_take(&text);
	if (slice_starts(word, SLICE("-"))) /* some scripts hand an error's dash on */
		word = slice_skip(word, 1);
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (slice_equals(word, words[i].word))
			return words[i].error;
	return -EREMOTEIO;
}

int redirect_parse(
        struct slice text, unsigned *ret_slot, struct slice *ret_host, uint16_t *ret_port)
{
	struct slice slot, host;
	uint64_t number, port;
	size_t colon;

	word_take(&text);
	slot = word_take(&text);
	host = word_take(&text);
	for (colon = host.len; colon && host.at[colon - 1] != ':';)
		colon--;
	if (!colon || slice_to_u64(slot, 16383, &number) ||
	        slice_to_u64(slice_skip(host, colon), UINT16_MAX, &port) || !port)
		return -EPROTO;
	host.len = colon - 1;
	*ret_slot = (unsigned)number;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return 0;
}
