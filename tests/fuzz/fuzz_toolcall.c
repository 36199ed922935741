/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_toolcall: fragments in any order against plain concatenation. Four bytes a fragment: which
 * call, which piece of it, how long, and the first of its bytes. */
#include <assert.h>
#include <errno.h>
#include "dialect/toolcall.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define CALLS 8
#define TEXT_MAX 4096

struct model {
	char id[TEXT_MAX], name[TEXT_MAX], arguments[TEXT_MAX];
	size_t id_len, name_len, arguments_len;
};

static void append(char *to, size_t *len, struct slice s)
{
	assert(*len + s.len <= TEXT_MAX);
	if (s.len)
		memcpy(to + *len, s.at, s.len);
	*len += s.len;
}

static bool equals(const struct buf *b, const char *at, size_t len)
{
	return slice_equals(buf_slice(b), slice_from(at, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct model model[CALLS];
	struct tool_decl tools[] = {{.name = SLICE_INIT("ab")}, {.name = SLICE_INIT("cde")}};
	struct request_facts facts = {.tools = tools, .n_tools = 2};
	struct toolcalls t;
	size_t bytes = 0;

	if (len > 800)
		len = 800;
	memset(model, 0, sizeof(model));
	toolcalls_init(&t);
	for (; len >= 4; at += 4, len -= 4) {
		uint32_t choice = at[0] & 1, index = at[0] >> 1 & 3;
		struct model *m = &model[choice * 4 + index];
		char piece[4] = {(char)('a' + at[3] % 5), (char)('a' + at[3] % 5 + 1),
		        (char)('a' + at[3] % 5 + 2), 0};
		struct slice s = slice_from(piece, at[2] % 4);
		struct call_fragment f = {.kind = TOOL_FUNCTION, .kind_is_known = true};
		struct assembling *call = toolcalls_find(&t, choice, index, false);
		const char *wrong = NULL;
		int r = 0;

		*(at[1] % 3 == 0 ? &f.id : at[1] % 3 == 1 ? &f.name : &f.arguments) = s;
		if (!call)
			r = toolcalls_add(&t, choice, index, false, &call);
		assert(!r);
		r = toolcalls_feed(&t, call, &f, &facts, &wrong);
		if (r) {
			assert(r == -EPROTO && wrong);
			/* Only a second id or name can be wrong. */
			assert(f.id.len ? m->id_len : f.name.len && m->name_len);
			break;
		}
		bytes += f.arguments.len;
		append(m->arguments, &m->arguments_len, f.arguments);
		if (!m->id_len)
			append(m->id, &m->id_len, f.id);
		assert(!f.id.len || slice_equals(slice_from(m->id, m->id_len), f.id));
		if (f.name.len && buf_len(&call->name) != m->name_len)
			append(m->name, &m->name_len, f.name);
		assert(equals(&call->name, m->name, m->name_len));
	}
	for (uint32_t i = 0; i < CALLS; i++) {
		struct assembling *call = toolcalls_find(&t, i / 4, i % 4, false);

		if (!call)
			continue;
		assert(equals(&call->arguments, model[i].arguments, model[i].arguments_len));
		assert(equals(&call->id, model[i].id, model[i].id_len));
		call->denied = i & 2;
	}
	assert(t.held >= bytes);
	for (uint32_t choice = 0; choice < 2; choice++) {
		unsigned n, released = toolcalls_rank(&t, choice), rank = 0;
		struct assembling *calls = toolcalls_of(&t, choice, &n);

		assert(released <= n);
		for (unsigned i = 0; i < n; i++) {
			assert(!i || calls[i - 1].index < calls[i].index);
			if (!calls[i].denied)
				assert(calls[i].rank == rank++);
		}
		assert(rank == released);
		toolcalls_drop(&t, choice);
	}
	assert(!t.n && !t.held);
	toolcalls_finish(&t);
	return 0;
}
