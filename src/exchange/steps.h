/* SPDX-License-Identifier: Apache-2.0 */
/* steps: the life of an exchange, and the parts of it that have files of their own. */
#pragma once
#include "weir/exchange.h"

enum step { STEP_ON, STEP_WAIT };

extern enum step (*const steps[PHASE_N])(struct exchange *x);

/* The only door between phases. */
enum step step_to(struct exchange *x, enum phase to);
/* Nothing well-formed can be sent any more: the exchange is reset. */
enum step step_abort(struct exchange *x);

/* exchange.c: from now on the body is read, and has to come fast enough. */
void exchange_want_body(struct exchange *x);

/* refuse.c: answers with a refusal in the API's own shape, whatever was on its way; if the answer has begun it is cut
 * instead. The next phase is RELAYING or CLOSING. */
enum step refuse(struct exchange *x, const struct refusal *r);
enum step refuse_fault(struct exchange *x, enum fault fault, const char *sentence);

/* local.c: what Weir itself answers: model lists, who am I, what did that call cost, what is left. May wait. */
bool local_is(enum action a);
enum step local_answer(struct exchange *x);

/* reply.c: a source whose answer is already there. body is copied. 0 or -ENOMEM. */
int reply_open(struct exchange *x, unsigned status, struct slice content_type, struct slice body);
int reply_header(struct exchange *x, struct slice name, struct slice value); /* after reply_open; value is copied */

/* request.c: from the bytes that came to the bytes that go. All return 0, -ENOMEM, or -EPROTO with why. */
int request_read(struct exchange *x, struct complaint *why);
int request_edit(struct exchange *x, struct complaint *why);

/* relay.c: the answer, from what the source reports to what the agent gets. */
enum step relay_begin(struct exchange *x); /* the source's head is there */
enum step relay_on(struct exchange *x);    /* one lap at most */
/* Ends a stream that has begun: well-formed, with the reason in it. */
enum step relay_cut(struct exchange *x, const struct refusal *r);

/* answer_head.c: the head that the agent gets. */
int answer_head_send(struct exchange *x, bool last);

/* settle.c: what the call cost, and the record of it. */
void settle_cost(struct exchange *x, struct call *c);
void settle_lost(struct exchange *x, struct call *c); /* of an attempt that has failed, if another source answers */
void settle_record(struct exchange *x);
struct slice action_name(enum action a); /* as records have it */
