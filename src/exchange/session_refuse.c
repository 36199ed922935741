/* SPDX-License-Identifier: Apache-2.0 */
/* session_refuse: see session_refuse.h. */
#include "base/id.h"
#include "base/clock.h"
#include "exchange/session_refuse.h"
#include "weir/dialect.h"

void session_answer(struct codec *c, uint32_t stream, struct head *h, struct slice body)
{
	h->framing = FRAMING_LENGTH;
	h->length = body.len;
	/* The body may be gone before it is sent: it is copied behind the head instead of being lent. */
	if (c->ops->put_head(c, stream, h, body.len == 0) == 0 && body.len) {
		c->ops->put_data(c, stream, &body, 1, true);
		gather_keep(c->out);
	}
}

void session_refuse(struct codec *c, uint32_t stream, enum fault why, const char *note)
{
	const struct fault_info *f = &fault_infos[why];
	struct refusal r = {.fault = why, .sentence = slice_str(note ? note : f->text)};
	struct buf body = BUF_INIT(4096);
	char id[ID_LEN + 1];
	struct head h;

	id_new(clock_wall(&clock_system), id);
	head_init(&h);
	h.status = f->status;
	head_add_id(&h, HEADER_CONTENT_TYPE, SLICE("application/json"));
	head_add(&h, HEADER_OTHER, SLICE("x-weir-code"), slice_str(f->code));
	head_add(&h, HEADER_OTHER, SLICE("x-weir-request-id"), slice_str(id));
	head_add_id(&h, HEADER_X_REQUEST_ID, slice_str(id));
	if (why == FAULT_RATE_LIMITED) { /* STRANGER_WAIT_MS */
		head_add(&h, HEADER_OTHER, SLICE("retry-after"), SLICE("1"));
		head_add(&h, HEADER_OTHER, SLICE("retry-after-ms"), SLICE("1000"));
	}
	if (dialect_openai.write_refusal(&r, slice_str(id), &body) == 0)
		session_answer(c, stream, &h, buf_slice(&body));
	buf_finish(&body);
	head_finish(&h);
}
