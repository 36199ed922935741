/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy: any bytes as a policy: it is good, or something is said about it, in both forms.
 * What begins with a number and a line break is read with that many allocations. */
#include <assert.h>
#include <stdlib.h>
#include "base/mem.h"
#include "config/conf.h"
#include "config/diagnostics.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses half a KiB with a scalar that holds five quotes in a row. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

#define INPUT_MAX 65536u
#define OUTPUT_MAX (8u << 20)

static void print_both(const struct diagnostics *d)
{
	struct buf out = BUF_INIT(OUTPUT_MAX);

	assert(!diagnostics_print(d, &out, true));
	buf_clear(&out);
	assert(!diagnostics_print_json(d, NULL, 0, &out));
	buf_finish(&out);
}

static void ask(const struct conf *c)
{
	for (unsigned i = 0; i < c->n_agents; i++)
		assert(conf_agent(c, c->agents[i].name) == &c->agents[i]);
	for (unsigned i = 0; i < c->n_models; i++)
		assert(conf_model(c, NULL, c->models[i].name));
	for (unsigned i = 0; i < c->n_tools; i++)
		assert(conf_tool(c, c->tools[i].name) == &c->tools[i]);
}

/* "12\n": the number, cut off text; -1: none stands there. */
static long take_allocations(struct slice *text)
{
	const char *end = text->len ? memchr(text->at, '\n', text->len < 6 ? text->len : 6) : NULL;
	uint64_t n;

	if (!end || slice_to_u64(slice_from(text->at, (size_t)(end - text->at)), 99999, &n))
		return -1;
	*text = slice_skip(*text, (size_t)(end - text->at) + 1);
	return (long)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct slice text = {(const char *)at, len};
	struct diagnostics d;
	struct conf *c;

	if (len > INPUT_MAX)
		return 0;
	setenv("KEY", "value", 1);
	diagnostics_init(&d);
	mem_fail_after(take_allocations(&text));
	c = conf_load_text("p.yaml", text, &d);
	mem_fail_after(-1);
	assert(!c == diagnostics_failed(&d));
	if (c)
		ask(c);
	print_both(&d);
	conf_free(c);
	diagnostics_finish(&d);
	return 0;
}
