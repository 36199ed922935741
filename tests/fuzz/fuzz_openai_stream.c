/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_openai_stream: the first byte is the size of a feed, the second says what is on, the rest is
 * a stream as a provider may send it. However it is cut, and whether or not events are known by
 * their likeness, the same comes out; what comes out with every call denied holds none; with every
 * call allowed it holds the same ones, and judged once more it stays as it is. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "rig/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

enum {
	WANT_TEXT = 1,
	KEEP = 2,
	DENY = 4,
	JSON_ANSWER = 8,
	USAGE_ASKED = 16,
	COMPLETION = 32,
	TWO = 64
};

static struct answer_run run_of(unsigned flags)
{
	struct answer_run run = {.stream = true,
	        .want_text = flags & WANT_TEXT,
	        .keep = flags & KEEP,
	        .deny_all = flags & DENY,
	        .sentence = "no"};

	run.facts.action = flags & COMPLETION ? ACTION_COMPLETION : ACTION_CHAT;
	run.facts.json_answer = flags & JSON_ANSWER;
	run.facts.usage_asked = flags & USAGE_ASKED;
	run.facts.n = flags & TWO ? 2 : 1;
	return run;
}

static size_t skip_line_ends(struct slice s, size_t at)
{
	while (at < s.len && (s.at[at] == '\r' || s.at[at] == '\n'))
		at++;
	return at;
}

/* Whether an LF after a CR is its second half can depend on what was seen before it, so where CR
 * occurs an empty line may fall to this event or to the next: then all but line ends is compared.
 */
static void assert_same(const struct buf *a, const struct buf *b)
{
	struct slice s = buf_slice(a), t = buf_slice(b);
	bool mixed = (s.len && memchr(s.at, '\r', s.len)) || (t.len && memchr(t.at, '\r', t.len));
	size_t i = 0, k = 0;

	if (!mixed) {
		assert(slice_equals(s, t));
		return;
	}
	while ((i = skip_line_ends(s, i)) < s.len && (k = skip_line_ends(t, k)) < t.len)
		assert(s.at[i++] == t.at[k++]);
	assert(i == s.len && skip_line_ends(t, k) == t.len);
}

/* What came out, read as an agent would, with nothing denied. */
static void check_out(const struct answer_run *first, unsigned flags)
{
	struct answer_run second =
	        run_of((flags & ~(unsigned)(DENY | KEEP | WANT_TEXT)) | USAGE_ASKED);
	int r = answer_run_whole(&second, buf_slice(&first->out));

	if (r)
		fprintf(stderr, "%s\n%.*s\n", second.why.text, SLICE_FMT(buf_slice(&first->out)));
	assert(!r);
	assert(second.calls == first->calls - first->calls_denied);
	if (!first->calls_denied) {
		assert_same(&second.names, &first->names);
		assert_same(&second.out, &first->out);
	}
	answer_run_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct token_counter tokens_whole = {0}, tokens_cut = {0};
	struct answer_run whole, cut;
	struct slice stream;
	unsigned flags;
	int r, r_cut;

	if (len < 2)
		return 0;
	flags = at[1];
	stream = slice_from(at + 2, len - 2);
	whole = run_of(flags & ~(unsigned)KEEP);
	cut = run_of(flags);
	cut.chunk = at[0] + 1u;
	cut.read_all = true;
	/* Counting must change nothing: only one of the two is counted half the time. */
	whole.tokens = at[0] & 1 ? &tokens_whole : NULL;
	cut.tokens = &tokens_cut;
	r = answer_run_whole(&whole, stream);
	r_cut = answer_run_whole(&cut, stream);
	assert(r == r_cut);
	assert(!r || (r == -EPROTO && whole.why.text[0]));
	/* What is dropped takes the CR with it that says so. */
	if (!r && !memchr(stream.at, '\r', stream.len)) {
		assert_same(&whole.out, &cut.out);
		assert_same(&whole.names, &cut.names);
		assert(whole.text_bytes == cut.text_bytes && whole.complete == cut.complete);
		assert(!memcmp(&whole.usage, &cut.usage, sizeof(whole.usage)));
		assert(!whole.tokens || tokens_estimate(&tokens_whole, TOKENS_O200K) ==
		                                tokens_estimate(&tokens_cut, TOKENS_O200K));
		check_out(&whole, flags);
	}
	answer_run_finish(&whole);
	answer_run_finish(&cut);
	return 0;
}
